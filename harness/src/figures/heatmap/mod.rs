//! Latency, and the ratio of two systems, over bandwidth and round trip: predicted from recorded messages on a
//! fine grid, with the measured cells as numbers.
//!
//! | module | what it holds |
//! |---|---|
//! | [`grid`] | networks, and what traces say about them |
//! | `times` | maps of one system's time |
//! | `speedup` | maps of the ratio of two |
//! | `tint` | from values to colours |
//! | `draw` | the drawing |

mod draw;
pub mod grid;
mod speedup;
mod times;
mod tint;

pub use grid::{SIDE, predict, spaced};
pub use speedup::build as build_speedup;
pub use times::build;

/// What one panel shows.
#[derive(Clone, Debug)]
struct Map {
    heading: String,
    /// By round trip, then bandwidth; seconds, or a ratio.
    values: Vec<Vec<f64>>,
    /// A ratio rather than a time.
    ratio: bool,
    /// Measured cells: bandwidth, round trip, value.
    marks: Vec<(f64, f64, f64)>,
}

/// A figure of maps over one range of links.
pub struct Heatmap {
    /// Heading.
    pub title: String,
    maps: Vec<Map>,
    /// Bits a second and nanoseconds, at the centres of cells.
    bandwidths: Vec<f64>,
    rtts: Vec<f64>,
    /// What the drawing means, below the panels.
    note: String,
}

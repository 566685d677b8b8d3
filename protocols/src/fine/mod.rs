//! Profile `fine`: the paper's parties, trust and sharings at other widths, so that unmodified checkpoints keep their accuracy.
//!
//! The linear path is wide, by conversions that need no table ([`crate::share::spare`]); tables are narrow and only where functions are;
//! scales are a row's, a feature's or a head's, and stay in P0's weights and tables.
//!
//! | file | what |
//! |---|---|
//! | `rings` | the rings that follow from a layer's widths ([`crate::model::bit_plan`]) |
//! | [`integer`] | the model in integers: P0's weights, factors and tables |
//! | [`mod@reference`] | the integer reference in the clear |
//! | [`plan`] | the public shapes of a run |
//! | [`weights`] | what P0 shares once a model |
//! | [`engine`] | the engine on the walk: openings, non-linearities, the output |
//! | [`linear`], [`attention`], [`norm`] | its products with weights; its softmax between two products; its residual connection and LayerNorm |
//! | [`judge`] | how near a bit plan comes to floating point, in the clear |
//! | [`system`], [`verify`] | what the harness asks of it; the check of a run |

pub mod attention;
pub mod engine;
pub mod integer;
pub mod judge;
pub mod linear;
pub mod norm;
pub mod plan;
pub mod reference;
mod rings;
pub mod system;
pub mod verify;
pub mod weights;

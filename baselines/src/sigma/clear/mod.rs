//! SIGMA in the clear, twice: as fixed-point arithmetic, to which a run is equal bit for bit, and as what its functions approximate,
//! to which the arithmetic comes near.

mod approximations;
mod fixed_point;

pub use approximations::SigmaApproximations;
pub use fixed_point::{FixedPoint, run};

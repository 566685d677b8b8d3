//! What systems on fixed-point numbers and float weights have in common: encoding, sharing of the parameters, heads, local
//! operations, and the check against the float reference with the system's own approximations.

pub mod bilinear;
pub mod check;
pub mod clear;
pub mod encoding;
pub mod heads;
pub mod local;
pub mod secret;
pub mod sizes;
pub mod weights;

pub use encoding::Fixed;
pub use secret::Secret;

use qbench_protocols::ring::Ring;

/// Z_{2^64}.
pub const RING64: Ring = Ring::new(64);

/// Additive share between P1 and P2 in Z_{2^64}; P0 holds none.
pub type Share = qbench_protocols::share::Additive<u64>;

//! The baseline `crypten`: the two-party protocols of CrypTen (Knott et al., NeurIPS 2021) with P0 as
//! the provider of correlated randomness.

mod arithmetic;
pub mod clear;
pub mod declare;
pub mod engine;
pub mod fixed;
pub mod party;
pub mod system;
mod triples;
pub mod verify;
pub mod weights;

pub use arithmetic::{Arithmetic, MatmulShape};
pub use triples::Triples;

/// Additive share between P1 and P2 in Z_{2^64}; P0 holds none. Real numbers have
/// [`fixed::FRACTION_BITS`] fractional bits, bits and counts have none.
pub type Share = qbench_protocols::share::Additive<u64>;

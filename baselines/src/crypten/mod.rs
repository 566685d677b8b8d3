//! The baseline `crypten`: the two-party protocols of CrypTen (Knott et al., NeurIPS 2021) with P0 as
//! the provider of correlated randomness.

mod arithmetic;
pub mod fixed;
mod triples;

pub use arithmetic::{Arithmetic, MatmulShape};
pub use triples::Triples;

/// Additive share between P1 and P2 in Z_{2^64}; P0 holds none. Real numbers have
/// [`fixed::FRACTION_BITS`] fractional bits, bits and counts have none.
pub type Share = qbench_protocols::share::Additive<u64>;

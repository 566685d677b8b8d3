//! The baseline `crypten`: the two-party protocols of CrypTen (Knott et al., NeurIPS 2021) with P0 as
//! the provider of correlated randomness.
//!
//! Z_{2^64}, 16 fractional bits, additive shares at P1 and P2. Every operation is one function that
//! deals offline, computes online, and declares its cost; rounds and bytes are those of CrypTen 0.4.1.
//! Words and bits are opened as whole 64-bit words, as there.

mod approximate;
mod arithmetic;
mod bilinear;
pub mod clear;
mod compare;
mod correlation;
pub mod declare;
pub mod engine;
mod erf;
pub mod fixed;
mod gate;
mod maximum;
mod multiply;
mod norm;
pub mod party;
mod reveal;
pub mod system;
mod triples;
pub mod verify;
pub mod weights;

pub use arithmetic::Arithmetic;
pub use bilinear::MatmulShape;
pub use triples::Triples;

/// Additive share between P1 and P2 in Z_{2^64}; P0 holds none. Real numbers have
/// [`fixed::FRACTION_BITS`] fractional bits, bits and counts have none.
pub type Share = qbench_protocols::share::Additive<u64>;

//! The baseline `crypten`: the two-party protocols of CrypTen (Knott et al., NeurIPS 2021) with P0 as
//! the provider of correlated randomness.
//!
//! Z_{2^64}, 16 fractional bits, additive shares at P1 and P2. Every operation is one function that
//! deals offline, computes online, and declares its cost; rounds and bytes are those of CrypTen 0.4.1.
//! Words and bits are opened as whole 64-bit words, as there. Bits and counts have no fractional bits.

mod approximate;
mod bilinear;
mod binary;
pub mod clear;
mod compare;
mod correlation;
pub mod engine;
mod erf;
mod gate;
mod local;
mod maximum;
mod memory;
mod multiply;
mod norm;
pub mod system;
mod weight;

pub use crate::fixed_point::bilinear::MatmulShape;
pub use crate::fixed_point::local::{
    absent, add, add_columns, add_integer, negate, subtract, subtract_rows, times_integer,
};
pub use approximate::{exp, inverse_sqrt, reciprocal, sigmoid, tanh};
pub use binary::{add_words, and_words, to_binary};
pub use compare::{
    at_least, bit_to_additive, equals_zero, greater, less_than_zero, relu, select, sign,
};
pub use erf::{erf, gelu};
pub use local::{add_public, divide_public, scale_public};
pub use maximum::{max_and_argmax_rows, max_rows, random, softmax_rows};
pub use multiply::{
    matmul, matmul_by_weight, multiply, multiply_columns, multiply_rows, multiply_unscaled, square,
};
pub use norm::layer_norm;
pub use weight::{WEIGHT_MASKS, Weight, WeightMasks};

use crate::fixed_point::encoding::truncate;
use crate::fixed_point::{Fixed, RING64 as RING, Share};

/// Fractional bits of an encoded real number.
pub const FRACTION_BITS: u32 = 16;

/// How real numbers are encoded: to the nearest multiple of 2^-16. (The original cuts towards zero, so that its constants and
/// inputs are up to twice as far off.)
pub const FIXED: Fixed = Fixed::new(64, FRACTION_BITS);

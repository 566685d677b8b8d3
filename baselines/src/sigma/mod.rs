//! The baseline `sigma`: function secret sharing with P0 as dealer (Gupta et al., SIGMA: Secure GPT Inference with Function Secret
//! Sharing, PETS 2024, eprint 2023/1269), in the order of exchanges and with the keys of its authors' program for GPUs.
//!
//! Z_{2^n}, n = 50, 12 fractional bits. A value is a wire: P1 and P2 know it under a mask that P0 knows. A gate takes wires and
//! gives a sharing of a wire, which one exchange opens; keys are dealt offline, and wait for the online phase in order.
//!
//! | module | what it holds |
//! |---|---|
//! | [`gates`] | products, selections, shifts, comparisons, tables |
//! | [`functions`] | softmax, GELU, LayerNorm, tanh on them |
//! | [`settings`] | what is as in the original, and what is not |
//! | [`clear`] | what the functions compute, in the clear |
//! | [`engine`], [`system`] | BERT, and what the harness asks |

pub mod clear;
pub mod engine;
pub mod functions;
pub mod gates;
mod memory;
pub mod settings;
pub mod system;

pub use settings::Choices;

/// Fractional bits of an encoded real number.
pub const FRACTION_BITS: u32 = 12;

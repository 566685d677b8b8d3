//! The baseline `lut-mul`: multiplications are lookup tables too. It stands for Lu et al., A New PPML Paradigm for Quantized
//! Models, NDSS 2025 (eprint 2024/1132), the predecessor of the system under test, on the same quantized model with the same integers: what differs from `lut-rss` is how
//! products are taken, and nothing else.
//!
//! The original's full text was not at hand. What is here follows its abstract: a model is a sequence of quantized operators, each of
//! them a lookup table, whose evaluation takes log n bits online for n entries; and what arXiv 2508.01636 says of it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`dots`] | which dot products a step takes, and where their operands lie |
//! | [`product`] | sums of products by tables: dealt in pieces, looked up, added |
//! | [`deal`], [`look_up`] | the inner loops of P0, and of P1 and P2 |
//! | [`operand`] | what P0 puts into the tables |
//! | [`engine`], [`system`], [`plan`] | BERT, what the harness asks, what can run |
//!
//! # Cost
//! With b the width of the cut: a product with a weight takes `16 * 2^b` bits offline from P0 to P2, one of two activations
//! `16 * 2^(2b)` (`16 * 2^(4 + b)` where one of them is a probability), and nothing online. An operand is opened once, however
//! many products it enters: b bits offline, b bits each way online. P1's shares of tables are generator output. Sums are local.
//!
//! # What each party learns
//! As in `lut-rss`: P0 nothing, P1 and P2 openings under P0's fresh offsets, P2 tables under P1's fresh shares, P1 the output.
//! Weights leave P0 in such tables alone.
//!
//! # Products by one-hot vectors of single bits are not here
//! P0 could share, by exclusive or, a vector of `2^(b + b')` bits that is one at the place of the pair (x, w); both parties add up the
//! products at the places where their bits are set, and the difference is `x * w` up to a sign s that P0 knows. It is tempting to
//! let P0 open `s * w - D` instead of `w - D` for a uniform D. But s is a function of P1's own bits at the place that D chooses,
//! so what is opened depends on w and on x's offset for anyone who knows those bits: P1 learns both from two tokens. A table of
//! words over one input, as dealt here, has as many bits at b = b' = 4, and a fresh mask an entry.

pub mod deal;
pub mod dots;
pub mod engine;
pub mod look_up;
mod memory;
pub mod operand;
pub mod plan;
pub mod product;
pub mod system;

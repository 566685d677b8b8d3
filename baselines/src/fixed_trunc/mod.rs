//! The baseline `fixed-trunc`: three-party replicated sharing over Z_{2^64} with a truncation protocol after each product, as ABY3
//! (Mohassel and Rindal, CCS 2018), SPU (Ma et al., USENIX ATC 2023) and PUMA (Dong et al., arXiv 2307.12533) compute.
//!
//! A real number has f fractional bits. A product is exact and has 2 f; truncation takes f away again. Comparisons take a
//! vector apart into bits; functions are PUMA's polynomials and iterations. All three parties compute: the model and the input
//! are shared among them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`shares`] | what needs no communication |
//! | `turns` | three parties with three roles, who take turns at them |
//! | [`products`] | products, element by element and of matrices |
//! | [`truncate`] | four ways to take fractional bits away |
//! | [`bits`] | sharings by exclusive or: carries, sums, the highest one |
//! | [`select`] | a bit times a number, and bits to numbers |
//! | [`functions`] | maximum, softmax, GELU, LayerNorm, tanh |
//! | [`settings`] | presets: SPU's, PUMA's, and one with a dealer |
//! | [`clear`] | what the functions compute, in the clear |
//! | [`engine`], [`system`] | BERT, and what the harness asks |

pub mod bits;
pub mod clear;
pub mod engine;
pub mod functions;
mod memory;
pub mod products;
pub mod select;
pub mod settings;
pub mod shares;
pub mod system;
pub mod truncate;
mod turns;
pub mod weight;

pub use crate::fixed_point::RING64 as RING;
pub use settings::Choices;

/// A replicated vector in Z_{2^64}.
pub type Share = qbench_protocols::share::Replicated<u64>;

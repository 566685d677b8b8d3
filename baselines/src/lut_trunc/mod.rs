//! The ablation `lut-trunc`: the quantized model of `lut-rss`, with a truncation protocol wherever `lut-rss` cuts shares and lifts the
//! index by a table again. Same model, same functions by the same tables, same products; one difference.
//!
//! What is a number between two products stays replicated in Z_{2^64}: a product is truncated there, by one of the protocols of
//! [`crate::fixed_trunc::truncate`], and enters the next one as it is. Where a function follows, the number is reduced to the index that its
//! table takes, and what the table gives is lifted to Z_{2^64} and shared again, as `lut-rss` does in Z_{2^16}.
//!
//! The ring is wide because truncation needs room: of a product of 16 bits in Z_{2^64} a local truncation fails with probability 2^-48, in
//! Z_{2^32} with 2^-16.
//!
//! What the one difference brings with it: numbers between two products do not wrap (in `lut-rss` they do, at 4 bits); the private scales
//! of queries and values are in their weights, as no table lifts them; `index_bits` is 4.

pub mod engine;
mod norm;
pub mod system;

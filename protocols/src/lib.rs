//! The substrate and the proposed system of `qbench`: everything that computes on secrets.
//!
//! The substrate, which knows no system:
//!
//! | module | what it holds |
//! |---|---|
//! | [`ring`] | elements of Z_{2^l}, l = 1..=64 |
//! | [`prg`] | AES-128 in counter mode, random access, one domain a step |
//! | [`kernel`] | integer matrix products and bit packing: portable code and SIMD behind one function each |
//! | [`net`] | the blocking [`net::Network`], in memory and over TCP, metered, optionally shaped |
//! | [`phase`], [`steps`], [`cost`] | phases, the book of steps, the book of declared cost |
//! | [`threads`] | a party's own threads |
//! | [`session`] | who I am, pairwise seeds, step labels, phases, threads |
//! | [`material`] | correlated randomness between offline and online |
//! | [`runtime`] | what a protocol step runs in |
//! | [`share`] | additive, replicated and masked sharings, and the steps on them |
//! | [`lut`] | lookup tables on secret inputs |
//! | `testing` | three parties in one process, transcripts, planted faults (feature `testing`) |
//!
//! The model, and the systems that walk it:
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | BERT: configuration, weights, the walk over the encoder, the float reference |
//! | [`system`] | what the harness asks of a system under comparison; walked systems; settings |
//! | [`quantized`] | 1-bit weights and 4-bit activations: the integer model, its reference, the cut |
//! | [`lut_rss`] | the engine of the paper |
//!
//! Nothing here knows of scenario files, CSV or figures: those are the harness's.

pub mod cost;
pub mod error;
pub mod kernel;
pub mod lut;
pub mod lut_rss;
pub mod material;
pub mod model;
pub mod net;
pub mod phase;
pub mod prg;
pub mod quantized;
pub mod ring;
pub mod runtime;
pub mod session;
pub mod share;
pub mod steps;
pub mod system;
#[cfg(feature = "testing")]
pub mod testing;
pub mod threads;

pub use error::{Error, Result};

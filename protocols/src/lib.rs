//! The substrate and the proposed system of `qbench`: everything that computes on secrets.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ring`] | elements of Z_{2^l}, l = 1..=64 |
//! | [`prg`] | AES-128 in counter mode, random access, one domain a step |
//! | [`net`] | the blocking [`net::Network`], in memory and over TCP, metered, optionally shaped |
//! | [`session`] | who I am, pairwise seeds, step labels, phases, threads |
//! | [`kernel`] | integer matrix products and bit packing: portable code and SIMD behind one function each |
//! | [`model`] | BERT: configuration, weights, the walk over the encoder, the references in the clear |
//! | [`system`] | what the harness asks of a system under comparison |
//!
//! Nothing here knows of scenario files, CSV or figures: those are the harness's.

pub mod cost;
pub mod error;
pub mod evidence;
pub mod kernel;
pub mod lut;
pub mod lut_rss;
pub mod model;
pub mod net;
pub mod prg;
pub mod ring;
pub mod runtime;
pub mod session;
pub mod share;
pub mod steps;
pub mod system;
pub mod threads;
pub mod trio;

pub use error::{Error, Result};

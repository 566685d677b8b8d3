//! The substrate of `qbench`: what protocol steps are made of, and nothing that knows a system or a model.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ring`] | elements of Z_{2^l}, l = 1..=64 |
//! | [`wipe`] | memory that is zeroed before it is given back |
//! | [`prg`] | AES-128 in counter mode, random access, one domain a step |
//! | [`kernel`] | matrix products and bit packing: portable code and SIMD behind one function each |
//! | [`threads`] | a party's own threads |
//! | [`net`] | the blocking [`net::Network`], in memory and over TCP, metered, optionally shaped |
//! | [`phase`], [`steps`], [`cost`] | phases, the book of steps, the book of declared cost |
//! | [`session`] | who I am, pairwise seeds, step labels, phases, threads |
//! | [`material`] | correlated randomness between offline and online |
//! | [`runtime`] | what a protocol step runs in |
//! | [`share`] | additive, replicated and masked sharings, and the steps on them |
//! | [`lut`] | lookup tables on secret inputs |
//! | `testing` | three parties in one process, transcripts, planted faults (feature `testing`) |
//!
//! Imports go one way, from the lower lines of the table to the upper ones.

pub mod commitment;
pub mod cost;
pub mod error;
#[cfg(feature = "testing")]
pub mod fault;
pub mod kernel;
pub mod lut;
pub mod material;
pub mod net;
pub mod phase;
pub mod prg;
pub mod ring;
pub mod runtime;
pub mod session;
pub mod share;
pub mod steps;
#[cfg(feature = "testing")]
pub mod testing;
pub mod threads;
pub mod wipe;

pub use error::{Error, Result};

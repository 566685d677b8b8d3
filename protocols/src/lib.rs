//! The proposed system of `qbench`, on the substrate: everything that computes on secrets.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | BERT: configuration, weights, the walk over the encoder, the float reference |
//! | [`system`] | what the harness asks of a system under comparison; walked systems; settings |
//! | [`quantized`] | 1-bit weights and 4-bit activations: the integer model, its reference, the cut |
//! | [`lut_rss`] | the engine of the paper |
//! | [`fine`] | its profile of wide linear paths and narrow tables: widths, the integer model, its reference |
//!
//! The modules of [`qbench_substrate`] are here too, so that a system needs to name one crate: [`ring`], [`prg`], [`kernel`],
//! [`threads`], [`net`], [`phase`], [`steps`], [`cost`], [`session`], [`material`], [`runtime`], [`share`] and [`lut`].
//!
//! Nothing here knows of scenario files, CSV or figures: those are the harness's.

pub mod fine;
pub mod lut_rss;
pub mod model;
pub mod quantized;
pub mod system;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "testing")]
pub use qbench_substrate::at_every_width;
pub use qbench_substrate::{
    Error, Result, commitment, cost, error, kernel, lut, material, net, phase, prg, ring, runtime,
    session, share, steps, threads, wipe,
};

//! `qbench`: runs, measures and compares systems for private inference of quantized BERT.
//!
//! A scenario file becomes a plan of cells; each repetition of a cell runs as three party processes over
//! real links and leaves a row in `runs.csv`; figures and the report are made from the rows alone.
//! To bring a system of your own, implement `System` and call [`main`] with it: see
//! `harness/examples/own_system.rs`.

pub mod figures;
pub mod links;
pub mod models;
pub mod record;
pub mod run;
pub mod scenario;
pub mod stats;
pub mod systems;

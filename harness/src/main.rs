//! `qbench`: runs, measures and compares systems for private inference of quantized BERT.
fn main() {}

//! BERT: its configuration, its weights (float and 1-bit), the one walk over the encoder, and the
//! references in the clear.

pub mod bit_plan;
pub mod calibrate;
pub mod checkpoint;
pub mod config;
pub mod embeddings;
pub mod features;
pub mod float;
pub mod quantize;
pub mod quantized;
pub mod ranging;
pub mod reference_float;
pub mod score_bias;
pub mod store;
pub mod synthetic;
mod tensors;
pub mod walk;

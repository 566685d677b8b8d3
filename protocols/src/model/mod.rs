//! BERT: its configuration, its weights (float and 1-bit), the one walk over the encoder, and the
//! references in the clear.

pub mod config;
pub mod integer;
pub mod quantized;
pub mod reference_integer;
pub mod walk;

//! Everything that is tested from outside the crate, in one binary: a module a file.

#![allow(clippy::unwrap_used)]

mod closed_form;
mod cut;
mod encoders_golden;
mod engine;
mod fine;
mod fine_closed_form;
mod fine_privacy;
mod ideal;
mod model_checkpoint;
mod model_foreign;
mod model_kinds;
mod model_quantize;
mod model_store;
mod model_tensors;
mod model_tokenizer;
mod plain;
mod quantization_error;
mod support;
mod trained;

//! The inner loops: integer matrix products, tables of products and bit packing, each one function with a portable
//! form and SIMD forms chosen at run time. With [`crate::prg`] the only place that may use `unsafe`.

pub mod cpu;
mod gemm;
pub mod gemm16;
pub mod gemm64;
pub mod gemm_f32;
mod operands;
pub mod outer16;
pub mod pack;
mod widest;
pub(crate) mod words;

pub use widest::widest;

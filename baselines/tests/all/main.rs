//! Everything that is tested from outside the crate, in one binary: a module a file.

#![allow(clippy::unwrap_used)]

mod crypten_encoder;
mod crypten_ops;
mod crypten_privacy;
mod crypten_weights;
mod fixed_trunc_encoder;
mod fixed_trunc_fidelity;
mod fixed_trunc_ops;
mod fixed_trunc_privacy;
mod fixed_trunc_support;
mod fss;
mod lut_mul_encoder;
mod lut_mul_privacy;
mod lut_mul_products;
mod lut_trunc;
mod sigma_encoder;
mod sigma_fidelity;
mod sigma_gates;
mod sigma_privacy;
mod support;

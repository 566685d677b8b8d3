//! The systems that `lut-rss` is compared with: one folder each, each an engine on the walk of
//! `qbench_protocols::model`.

pub mod crypten;
pub mod fixed_point;
pub mod fixed_trunc;
pub mod fss;
pub mod lut_mul;
pub mod lut_trunc;
pub mod sigma;

use qbench_protocols::system::System;

/// Every baseline.
pub fn systems() -> Vec<&'static dyn System> {
    vec![
        &crypten::system::CrypTenSystem,
        &sigma::system::SigmaSystem,
        &fixed_trunc::system::FixedTruncSystem,
        &lut_mul::system::LutMulSystem,
        &lut_trunc::system::LutTruncSystem,
    ]
}

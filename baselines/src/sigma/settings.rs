//! What a scenario can choose.

use super::FRACTION_BITS;
use super::gates::Exchanges;
use crate::fixed_point::Fixed;
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::system::Settings;
use qbench_protocols::system::settings::{Setting, Values};

/// Width of the ring.
pub const RING_BITS: Setting = Setting {
    key: "ring_bits",
    values: Values::Whole(37, 60),
    default: "50",
    default_of_infer: None,
    auto: false,
    label: "width of the ring [bits]",
    help: "The original runs BERT-base and -large with 50 bits, BERT-tiny with 37.",
};

/// The order of exchanges.
pub const EXCHANGES: Setting = Setting {
    key: "exchanges",
    values: Values::Names(&["original", "merged"]),
    default: "original",
    default_of_infer: None,
    auto: false,
    label: "exchanges",
    help: "`original` opens one thing after the other as its authors' program does, `merged` together what does not depend \
           on each other: 6 exchanges a layer less.",
};

/// How the mean of a LayerNorm is taken.
pub const MEAN: Setting = Setting {
    key: "mean",
    values: Values::Names(&["original", "exact"]),
    default: "original",
    default_of_infer: None,
    auto: false,
    label: "mean",
    help: "`original` multiplies the sum by floor(2^12 / h) / 2^12, which is 6 % too little for h = 768; `exact` by a factor \
           of twice the bits.",
};

/// The form of GELU.
pub const GELU: Setting = Setting {
    key: "gelu",
    values: Values::Names(&["gpu", "cpu"]),
    default: "gpu",
    default_of_infer: None,
    auto: false,
    label: "GELU",
    help: "`gpu` takes sign and range from one key, `cpu` from two, as the original's library for processors does: 2 \
           exchanges a layer more.",
};

/// All of them.
pub const ALL: &[Setting] = &[RING_BITS, EXCHANGES, MEAN, GELU];

/// How the mean of a LayerNorm is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mean {
    /// By a factor of [`FRACTION_BITS`] bits, rounded down.
    Original,
    /// By a factor of twice as many, rounded to the nearest.
    Exact,
}

/// The form of GELU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GeluForm {
    /// Sign and interval from one key.
    Gpu,
    /// A comparison for either.
    Cpu,
}

/// What a scenario has chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choices {
    /// The ring, with its fractional bits.
    pub fixed: Fixed,
    /// The order of exchanges.
    pub exchanges: Exchanges,
    /// The mean of a LayerNorm.
    pub mean: Mean,
    /// The form of GELU.
    pub gelu: GeluForm,
}

impl Choices {
    /// Of a workload's settings.
    ///
    /// # Errors
    /// A value that a setting does not have.
    pub fn of(settings: &Settings) -> Result<Self> {
        Ok(Self {
            fixed: Fixed::new(RING_BITS.whole(settings)? as u32, FRACTION_BITS),
            exchanges: [Exchanges::Original, Exchanges::Merged][EXCHANGES.place(settings)?],
            mean: [Mean::Original, Mean::Exact][MEAN.place(settings)?],
            gelu: [GeluForm::Gpu, GeluForm::Cpu][GELU.place(settings)?],
        })
    }

    /// The ring.
    pub fn ring(&self) -> Ring {
        self.fixed.ring
    }

    /// Bits of a value that is no product: fractional bits are free above it.
    pub fn value_bits(&self) -> u32 {
        self.ring().bits() - FRACTION_BITS
    }
}

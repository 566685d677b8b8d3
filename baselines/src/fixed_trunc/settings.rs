//! What a scenario can choose.

use super::truncate::Truncation;
use crate::fixed_point::Fixed;
use qbench_protocols::Result;
use qbench_protocols::system::Settings;
use qbench_protocols::system::settings::{Setting, Values};

/// Whose parameters.
pub const PRESET: Setting = Setting {
    key: "preset",
    values: Values::Names(&["spu", "puma", "dealer"]),
    default: "spu",
    default_of_infer: None,
    auto: false,
    label: "preset",
    help: "`spu`: truncation pr2, 18 fractional bits, exp by 8 squarings; `puma`: truncation pr, 18 bits, 5 squarings; `dealer`: \
           pairs that P0 deals, with each product in one round, 14 bits, 5 squarings.",
};

/// How fractional bits are taken away.
pub const TRUNCATION: Setting = Setting {
    key: "truncation",
    values: Values::Names(&["preset", "aby3-local", "pr", "pr2", "dealer"]),
    default: "preset",
    default_of_infer: None,
    auto: false,
    label: "truncation",
    help: "`aby3-local` shifts shares (8 bytes a value, wraps by chance), `pr` masks (64), `pr2` counts wraps (28), `dealer` takes \
           pairs that P0 dealt (wraps by chance); `preset` is the preset's.",
};

/// Fractional bits.
pub const FRACTION_BITS: Setting = Setting {
    key: "fraction_bits",
    values: Values::Whole(0, 22),
    default: "0",
    default_of_infer: None,
    auto: false,
    label: "fractional bits",
    help: "Fractional bits of a real number, 10 to 22; 0 is the preset's.",
};

/// How few bits a message takes for a value of few bits.
pub const BIT_PACKING: Setting = Setting {
    key: "bit_packing",
    values: Values::Names(&["bytes", "bits"]),
    default: "bytes",
    default_of_infer: None,
    auto: false,
    label: "packing of bits",
    help: "`bytes` sends bits in whole bytes, as SPU does: 108 bytes a comparison; `bits` packs them: 95.25.",
};

/// All of them.
pub const ALL: &[Setting] = &[PRESET, TRUNCATION, FRACTION_BITS, BIT_PACKING];

/// How few bits a message takes for a value of few bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BitPacking {
    /// As many bytes as SPU's types have.
    Bytes,
    /// As many bits as there are.
    Bits,
}

/// What a scenario has chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choices {
    /// The ring, with its fractional bits.
    pub fixed: Fixed,
    /// How fractional bits are taken away.
    pub truncation: Truncation,
    /// `exp(x) = (1 + x / 2^t)^(2^t)`: t.
    pub squarings: u32,
    /// How bits are sent.
    pub packing: BitPacking,
}

impl Choices {
    /// Of a workload's settings.
    ///
    /// # Errors
    /// A value that a setting does not have.
    pub fn of(settings: &Settings) -> Result<Self> {
        let (truncation, bits, squarings) = [
            (Truncation::Pr2, 18, 8),
            (Truncation::Pr, 18, 5),
            (Truncation::Dealer, 14, 5),
        ][PRESET.place(settings)?];
        let named = [
            truncation,
            Truncation::Aby3Local,
            Truncation::Pr,
            Truncation::Pr2,
            Truncation::Dealer,
        ];
        let bits = match FRACTION_BITS.whole(settings)? as u32 {
            0 => bits,
            few @ 1..10 => {
                return Err(qbench_protocols::Error::Unsupported(format!(
                    "fraction_bits must be 10 to 22, or 0 for the preset's, not {few}"
                )));
            }
            bits => bits,
        };
        Ok(Self {
            fixed: Fixed::new(64, bits),
            truncation: named[TRUNCATION.place(settings)?],
            squarings,
            packing: [BitPacking::Bytes, BitPacking::Bits][BIT_PACKING.place(settings)?],
        })
    }

    /// Fractional bits.
    pub fn fraction_bits(&self) -> u32 {
        self.fixed.fraction_bits
    }

    /// A real number as an element.
    pub fn encode(&self, value: f64) -> u64 {
        self.fixed.encode(value)
    }
}

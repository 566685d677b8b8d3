//! What one index of an activation stands for.

use crate::model::quantized::Range;
use crate::ring::Ring;

/// Least 4-bit level.
pub const LEVEL_MIN: i64 = -8;
/// Largest 4-bit level.
pub const LEVEL_MAX: i64 = 7;

/// An activation's scale: index `i` (signed, `index_bits` wide) stands for `i * step`; its 4-bit level
/// is `round(i / 2^fraction_bits)`, clamped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Value of one index.
    pub step: f64,
    /// Index bits below the level's unit: finer rounding.
    pub fraction_bits: u32,
    /// Width of the index.
    pub index_bits: u32,
}

/// Levels clip at this many times the root mean square: the best step for 16 levels on a bell curve
/// is near a third of it.
const CLIP_RMS: f32 = 3.0;

impl Scale {
    /// For what comes out of a cut, which wraps where it overflows: the index must span a tenth more
    /// than was seen. At 4 bits the level spans all of it; wider indices leave one bit (5, 6) or two
    /// (7, 8) of headroom above the level's clip.
    pub fn of_cut(range: Range, index_bits: u32) -> Self {
        let span = f64::from(range.max).max(1e-6) * 1.1 / f64::from(1u32 << (index_bits - 1));
        let fraction_bits = match index_bits {
            6 | 7 => 1,
            8 => 2,
            _ => 0,
        };
        if index_bits == 4 {
            return Self {
                step: span,
                fraction_bits: 0,
                index_bits,
            };
        }
        let level = clip(range) / 7.5;
        let step = span.max(level / f64::from(1u32 << fraction_bits));
        Self {
            step,
            fraction_bits,
            index_bits,
        }
    }

    /// For what comes out of a table or is quantized in the clear, which clamps: no headroom.
    pub fn of_table(range: Range, index_bits: u32) -> Self {
        let fraction_bits = index_bits - 4;
        let step = clip(range) / 7.5 / f64::from(1u32 << fraction_bits);
        Self {
            step,
            fraction_bits,
            index_bits,
        }
    }

    /// The ring of the index.
    pub fn ring(&self) -> Ring {
        Ring::new(self.index_bits)
    }

    /// Value of one level.
    pub fn level_step(&self) -> f64 {
        self.step * f64::from(1u32 << self.fraction_bits)
    }

    /// The 4-bit level of a signed index.
    pub fn level(&self, index: i64) -> i64 {
        let unit = 1i64 << self.fraction_bits;
        (index + unit / 2)
            .div_euclid(unit)
            .clamp(LEVEL_MIN, LEVEL_MAX)
    }

    /// The signed index of a value, rounded and clamped.
    pub fn clamped(&self, value: f64) -> i64 {
        let half = 1i64 << (self.index_bits - 1);
        ((value / self.step).round() as i64).clamp(-half, half - 1)
    }

    /// [`Scale::clamped`] as an element of the index ring.
    pub fn index(&self, value: f64) -> u8 {
        self.ring().encode(self.clamped(value))
    }
}

fn clip(range: Range) -> f64 {
    f64::from(range.max.min(CLIP_RMS * range.rms)).max(1e-6)
}

//! Bits of a piece of correlated randomness, and the bytes that the original stores for it.

/// What the store calls a piece, read back.
pub enum Piece {
    Words { count: u64, bits: u64 },
    Comparisons { count: u64, bits: u64 },
    Tables { count: u64, bits: u64 },
    RingComparisons { count: u64, bits: u64, out: u64 },
}

impl Piece {
    pub fn read(kind: &str) -> Self {
        let numbers: Vec<u64> = kind.split(' ').filter_map(|w| w.parse().ok()).collect();
        match numbers[..] {
            [count, bits, out] => Self::RingComparisons { count, bits, out },
            [count, bits] if kind.contains("words") => Self::Words { count, bits },
            [count, bits] if kind.ends_with("comparisons") => Self::Comparisons { count, bits },
            [count, bits] if kind.ends_with("tables") => Self::Tables { count, bits },
            _ => panic!("piece `{kind}`"),
        }
    }

    /// True width.
    pub fn bits(&self) -> u64 {
        let key = |bits: u64| match bits {
            8.. => 129 * (bits - 7) + 256,
            _ => 1 << bits,
        };
        match *self {
            Self::Words { count, bits } => count * bits,
            Self::Comparisons { count, bits } | Self::Tables { count, bits } => count * key(bits),
            Self::RingComparisons { count, bits, out } => count * (128 + bits * (129 + out) + out),
        }
    }

    /// As the program for GPUs stores it: machine words, bits by the 32, and headers of its keys.
    pub fn stored(&self) -> u64 {
        match *self {
            Self::Words { count, bits: 1 } => 4 * count.div_ceil(32),
            Self::Words { count, bits } => count * word_bytes(bits),
            Self::Comparisons {
                count,
                bits: bits @ ..=7,
            } => 8 + count * (1 << bits.saturating_sub(3)),
            Self::Comparisons { count, bits } => {
                24 + count * (bits - 5) * 16 + 4 * count.div_ceil(32) * (bits - 7)
            }
            Self::Tables { count, bits } => 24 + count * (bits - 5) * 16 + 4 * count,
            Self::RingComparisons { count, bits, out } => {
                count * ((bits + 1) * (16 + word_bytes(out)) + 8)
            }
        }
    }

    /// As its library for processors does, which takes the reciprocal square roots: bits of a key by the byte.
    pub fn stored_by_library(&self) -> u64 {
        match *self {
            Self::Words { count, bits: 1 } => count,
            Self::Tables { count, bits } => count * ((bits - 5) * 16 + 2 * (bits - 7)),
            _ => self.stored(),
        }
    }
}

pub fn word_bytes(bits: u64) -> u64 {
    match bits {
        ..=8 => 1,
        9..=16 => 2,
        _ => 8,
    }
}

//! What a computing party keeps of a verified run: the low bits that each cut dropped, and the output.
//!
//! The sum of both parties' low bits carries or not; given the carries, the integer reference
//! reproduces the secure run bit for bit.

use crate::ring::Word;
use crate::wipe::Wiped;
use crate::{Error, Result};

/// One party's record of one run.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// (step label, bits dropped, this party's low bits), in order of the walk.
    cuts: Vec<Cut>,
    /// What P1 learned: elements of the output ring.
    pub output: Wiped<u32>,
}

/// The low bits of one cut at one party.
#[derive(Clone, PartialEq, Eq)]
pub struct Cut {
    /// Where in the walk.
    pub step: String,
    /// Width of what was dropped.
    pub dropped_bits: u32,
    /// The low bits, one an element.
    pub low: Wiped<u32>,
}

impl Evidence {
    /// Adds one cut.
    pub fn record_cut(&mut self, step: &str, dropped_bits: u32, low: impl Iterator<Item = u64>) {
        self.cuts.push(Cut {
            step: step.to_owned(),
            dropped_bits,
            low: low.map(|bits| bits as u32).collect(),
        });
    }

    /// What both computing parties' shares dropped at each cut, added up: (step, one sum an element). Its
    /// low bits are those of the value that was cut; the bit above them is the carry.
    pub fn low_sums(p1: &Self, p2: &Self) -> Result<Vec<(String, Vec<u64>)>> {
        if p1.cuts.len() != p2.cuts.len() {
            return Err(Error::Verification(format!(
                "P1 recorded {} cuts, P2 {}",
                p1.cuts.len(),
                p2.cuts.len()
            )));
        }
        p1.cuts
            .iter()
            .zip(&p2.cuts)
            .map(|(a, b)| {
                if (&a.step, a.dropped_bits, a.low.len()) != (&b.step, b.dropped_bits, b.low.len())
                {
                    return Err(Error::Verification(format!(
                        "P1 cut {} elements at `{}` where P2 cut {} at `{}`",
                        a.low.len(),
                        a.step,
                        b.low.len(),
                        b.step
                    )));
                }
                let sums = a
                    .low
                    .iter()
                    .zip(b.low.iter())
                    .map(|(x, y)| u64::from(*x) + u64::from(*y))
                    .collect();
                Ok((a.step.clone(), sums))
            })
            .collect()
    }

    /// Bytes for the way to the verifier.
    pub fn to_bytes(&self) -> Vec<u8> {
        // All at once: a vector that grew would leave copies of shares behind.
        let cuts = self.cuts.iter();
        let lengths = cuts.map(|cut| 24 + cut.step.len() + size_of_val(&cut.low[..]));
        let total = 16 + lengths.sum::<usize>() + size_of_val(&self.output[..]);
        let mut out = Vec::with_capacity(total);
        write_length(self.cuts.len(), &mut out);
        for cut in &self.cuts {
            write_length(cut.step.len(), &mut out);
            out.extend_from_slice(cut.step.as_bytes());
            write_length(cut.dropped_bits as usize, &mut out);
            write_length(cut.low.len(), &mut out);
            u32::write_le(&cut.low, &mut out);
        }
        write_length(self.output.len(), &mut out);
        u32::write_le(&self.output, &mut out);
        out
    }

    /// The reverse of [`Evidence::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader { bytes };
        let mut cuts = Vec::new();
        for _ in 0..reader.length()? {
            let length = reader.length()?;
            let step = String::from_utf8_lossy(reader.take(length)?).into_owned();
            let dropped_bits = reader.length()? as u32;
            let low = reader.words()?;
            cuts.push(Cut {
                step,
                dropped_bits,
                low,
            });
        }
        Ok(Self {
            cuts,
            output: reader.words()?,
        })
    }
}

impl From<Evidence> for Vec<u8> {
    fn from(evidence: Evidence) -> Self {
        evidence.to_bytes()
    }
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(length as u64).to_le_bytes());
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (head, tail) = self
            .bytes
            .split_at_checked(length)
            .ok_or_else(|| Error::Verification("a party's record ends too early".into()))?;
        self.bytes = tail;
        Ok(head)
    }

    fn length(&mut self) -> Result<usize> {
        let bytes = self.take(8)?;
        Ok(u64::from_le_bytes(std::array::from_fn(|i| bytes[i])) as usize)
    }

    fn words<W: Word>(&mut self) -> Result<Wiped<W>> {
        let length = self.length()?;
        let size = W::BITS as usize / 8;
        let bytes = self.take(length.saturating_mul(size))?;
        let mut words = Wiped::zeros(length);
        W::read_le(bytes, &mut words);
        Ok(words)
    }
}

//! Dealing tables (offline): P0 rotates each instance by its inputs' offsets, subtracts P1's share,
//! which is generator output, and sends the rest to P2, packed to the bit.

use super::{Contents, Input, Tables, table_entries};
use crate::kernel::pack;
use crate::material::Dealt;
use crate::net::Party;
use crate::prg::Stream;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::wipe::Wiped;
use crate::{Error, Result};

/// Largest message of tables. Smaller ones would cost headers, larger ones would keep P2 waiting for
/// what P0 has yet to compute.
const MESSAGE_BYTES: usize = 1 << 20;

/// Instances of one message: a multiple of 8, so that every message but the last fills its bytes.
fn instances_per_message(table_bits: usize) -> usize {
    (MESSAGE_BYTES * 8 / table_bits / 8).max(1) * 8
}

/// The offline half of [`super::lookup`].
pub(super) fn deal<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[Input<'_>],
    count: usize,
    ring: Ring,
    contents: impl FnOnce() -> Contents<W>,
) -> Result<()> {
    let entries = table_entries(inputs);
    let table_bits = entries * ring.bits() as usize;
    let per_message = instances_per_message(table_bits);
    let kind = Tables {
        entries,
        ring,
        count,
    };
    let session = runtime.session()?;
    match session.me() {
        Party::P0 => {
            let stream = session.shared_stream(Party::P1);
            let rotor = Rotor::new(inputs, contents(), entries, session.label())?;
            for first in (0..count).step_by(per_message) {
                let last = count.min(first + per_message);
                // Groups of 8 instances end on whole bytes, so threads can pack apart.
                let groups = (last - first).div_ceil(8);
                let per_part = groups.div_ceil(session.threads().count()).max(1) * 8;
                let parts = (last - first).div_ceil(per_part);
                let packed = session.threads().map(parts, |part| {
                    let from = first + part * per_part;
                    rotor.pack(from, last.min(from + per_part), ring, &stream)
                });
                session.send(Party::P2, packed.concat())?;
            }
        }
        Party::P1 => {
            let stream = session.shared_stream(Party::P0);
            runtime.put(kind, Dealt::stream(stream))?;
        }
        Party::P2 => {
            let mut tables = Wiped::zeros((table_bits * count).div_ceil(8));
            let mut rest = &mut tables[..];
            for first in (0..count).step_by(per_message) {
                let instances = per_message.min(count - first);
                let bytes = (table_bits * instances).div_ceil(8);
                let (next, tail) = rest.split_at_mut(bytes);
                next.copy_from_slice(&session.receive(Party::P0, bytes)?);
                rest = tail;
            }
            runtime.put(kind, Dealt::bytes(tables))?;
        }
    }
    Ok(())
}

/// Rotates tables by their instances' offsets, which P0 knows.
pub struct Rotor<'a, W> {
    inputs: &'a [Input<'a>],
    /// Each table with its last input's rows doubled, so that a rotated row is one slice.
    doubled: Vec<Wiped<W>>,
    entries: usize,
    /// Entries of the last input.
    row: usize,
}

impl<'a, W: Word> Rotor<'a, W> {
    /// `entries` in each table, over all inputs.
    ///
    /// # Errors
    /// No input, no table, or one of another size.
    pub fn new(
        inputs: &'a [Input<'a>],
        contents: Contents<W>,
        entries: usize,
        step: &str,
    ) -> Result<Self> {
        let wrong = |what: String| Error::Shape {
            step: step.to_owned(),
            what,
        };
        let row = match inputs.last() {
            Some(input) => 1usize << input.opened.ring().bits(),
            None => return Err(wrong("a table needs at least one input".into())),
        };
        let mut doubled = Vec::with_capacity(contents.tables.len());
        for table in &contents.tables {
            if table.len() != entries {
                return Err(wrong(format!(
                    "a table of {entries} entries, not {}",
                    table.len()
                )));
            }
            doubled.push(
                table
                    .chunks_exact(row)
                    .flat_map(|r| r.iter().chain(r))
                    .copied()
                    .collect(),
            );
        }
        if doubled.is_empty() {
            return Err(wrong("at least one table".into()));
        }
        Ok(Self {
            inputs,
            doubled,
            entries,
            row,
        })
    }

    /// P2's shares of instances `from..to`, packed; `from` is a multiple of 8.
    pub fn pack(&self, from: usize, to: usize, ring: Ring, stream: &Stream) -> Vec<u8> {
        let mask = ring.word_mask::<W>();
        // About 32 KiB of entries at a time stay in the first-level cache.
        let block = (32768 / size_of::<W>() / self.entries / 8).max(1) * 8;
        let mut shares = Wiped::zeros(block * self.entries);
        let mut out = Vec::with_capacity(ring.wire_bytes((to - from) * self.entries));
        for first in (from..to).step_by(block) {
            let last = to.min(first + block);
            let shares = &mut shares[..(last - first) * self.entries];
            stream.fill(ring, (first * self.entries) as u64, shares);
            for (instance, share) in (first..last).zip(shares.chunks_exact_mut(self.entries)) {
                self.subtract_from_rotated(instance, mask, share);
            }
            pack::pack(ring, shares, &mut out);
        }
        out
    }

    /// `share = rotated table - share`.
    fn subtract_from_rotated(&self, instance: usize, mask: W, share: &mut [W]) {
        let table = &self.doubled[instance % self.doubled.len()];
        let offset =
            |input: &Input<'_>| usize::from(input.opened.elements[input.element(instance)]);
        let (leading, last) = self.inputs.split_at(self.inputs.len() - 1);
        let shift = offset(&last[0]);
        for (block, share) in share.chunks_exact_mut(self.row).enumerate() {
            // The block's index is the leading inputs' d, the last of them fastest; each plus its own
            // offset is the block it shows.
            let (mut rest, mut source, mut scale) = (block, 0, 1);
            for input in leading.iter().rev() {
                let size = 1usize << input.opened.ring().bits();
                source += ((rest + offset(input)) & (size - 1)) * scale;
                rest /= size;
                scale *= size;
            }
            let start = source * 2 * self.row + shift;
            for (share, entry) in share.iter_mut().zip(&table[start..start + self.row]) {
                *share = entry.sub(*share).and(mask);
            }
        }
    }
}

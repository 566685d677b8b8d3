//! Dealing tables (offline): P0 rotates each instance by its inputs' offsets, subtracts P1's share,
//! which is generator output, and sends the rest to P2, packed to the bit.

use super::{Contents, Input, Layout, Tables, table_entries};
use crate::kernel::{pack, widest};
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

/// Entries that are made, rotated and packed at a time, bytes: half of a first-level cache of 32 KiB.
const BLOCK_BYTES: usize = 16 << 10;

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
                let mut packed = session.threads().map(parts, |part| {
                    let from = first + part * per_part;
                    rotor.pack(from, last.min(from + per_part), ring, &stream)
                });
                let message = match packed.len() {
                    1 => packed.remove(0),
                    _ => packed.concat(),
                };
                session.send(Party::P2, message)?;
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
    /// All tables, one after the other, each with its last input's rows doubled, so that a rotated row is one slice.
    doubled: Wiped<W>,
    tables: usize,
    /// In each table.
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
        let tables = contents.tables.len();
        if tables == 0 {
            return Err(wrong("at least one table".into()));
        }
        if let Some(table) = contents.tables.iter().find(|table| table.len() != entries) {
            let length = table.len();
            return Err(wrong(format!("a table of {entries} entries, not {length}")));
        }
        let rows = contents.tables.iter().flat_map(|t| t.chunks_exact(row));
        Ok(Self {
            inputs,
            doubled: Wiped::joined(2 * entries * tables, rows.flat_map(|row| [row, row])),
            tables,
            entries,
            row,
        })
    }

    /// P2's shares of instances `from..to`, packed; `from` is a multiple of 8.
    pub fn pack(&self, from: usize, to: usize, ring: Ring, stream: &Stream) -> Vec<u8> {
        let mask = ring.word_mask::<W>();
        let rows = self.entries / self.row;
        let block = (BLOCK_BYTES / size_of::<W>() / self.entries / 8).max(1) * 8;
        let mut shares = Wiped::zeros(block * self.entries);
        let mut starts = Wiped::zeros(block * rows);
        let mut out = Vec::with_capacity(ring.wire_bytes((to - from) * self.entries));
        for first in (from..to).step_by(block) {
            let instances = block.min(to - first);
            let shares = &mut shares[..instances * self.entries];
            let starts = &mut starts[..instances * rows];
            stream.fill(ring, (first * self.entries) as u64, shares);
            self.find(first, rows, starts);
            self.subtract_from_rotated(starts, mask, shares);
            pack::pack(ring, shares, &mut out);
        }
        out
    }

    /// Where each row of the instances from `first` on begins in the doubled tables, `rows` an instance.
    fn find(&self, first: usize, rows: usize, starts: &mut [usize]) {
        widest(
            #[inline(always)]
            || {
                starts.fill(0);
                if self.tables > 1 {
                    let tables = (0..self.tables).cycle().skip(first % self.tables);
                    for (starts, table) in starts.chunks_exact_mut(rows).zip(tables) {
                        starts.fill(table * 2 * self.entries);
                    }
                }
                let (leading, last) = self.inputs.split_at(self.inputs.len() - 1);
                if rows == 1 {
                    return last[0].with_elements(
                        first,
                        starts,
                        #[inline(always)]
                        |start, shift| *start += usize::from(shift),
                    );
                }
                for (instance, starts) in (first..).zip(starts.chunks_exact_mut(rows)) {
                    // A row's index is the leading inputs' d, the last of them fastest; each plus its own offset is the row
                    // that it shows.
                    let mut scale = 0;
                    for input in leading.iter().rev() {
                        let bits = input.opened.ring().bits();
                        let offset = input.offset(instance);
                        for (row, start) in starts.iter_mut().enumerate() {
                            let shown = ((row >> scale) + offset) & ((1 << bits) - 1);
                            *start += (shown << scale) * 2 * self.row;
                        }
                        scale += bits;
                    }
                    let shift = last[0].offset(instance);
                    starts.iter_mut().for_each(|start| *start += shift);
                }
            },
        );
    }

    /// `share = rotated table - share`, where each row begins at one of `starts`.
    fn subtract_from_rotated(&self, starts: &[usize], mask: W, shares: &mut [W]) {
        // A length that the compiler knows is a few vectors; another is a loop with a start and an end of its own.
        match self.row {
            4 => self.subtract_from_rows::<4>(starts, mask, shares),
            8 => self.subtract_from_rows::<8>(starts, mask, shares),
            16 => self.subtract_from_rows::<16>(starts, mask, shares),
            32 => self.subtract_from_rows::<32>(starts, mask, shares),
            64 => self.subtract_from_rows::<64>(starts, mask, shares),
            _ => self.subtract_from_rows::<0>(starts, mask, shares),
        }
    }

    /// The same for rows of ROW entries, or of any number where that is zero.
    fn subtract_from_rows<const ROW: usize>(&self, starts: &[usize], mask: W, shares: &mut [W]) {
        let length = if ROW == 0 { self.row } else { ROW };
        widest(
            #[inline(always)]
            || {
                for (shares, start) in shares.chunks_exact_mut(length).zip(starts) {
                    let entries = &self.doubled[*start..*start + length];
                    for (share, entry) in shares.iter_mut().zip(entries) {
                        *share = entry.sub(*share).and(mask);
                    }
                }
            },
        );
    }
}

impl Input<'_> {
    /// The offset of an instance's element, which P0 knows.
    #[inline(always)]
    fn offset(&self, instance: usize) -> usize {
        let element = match self.layout {
            Layout::Each => instance,
            Layout::PerRow(row) => instance / row,
        };
        usize::from(self.opened.elements[element])
    }
}

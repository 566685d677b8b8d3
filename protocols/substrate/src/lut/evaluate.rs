//! Evaluating tables (online): each party takes entry d of its share. No message.

use super::{Input, Tables, table_entries};
use crate::kernel::{pack, widest};
use crate::material::Dealt;
use crate::prg::Stream;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::Additive;
use crate::wipe::Wiped;
use crate::{Error, Result};

/// Positions computed ahead of the generator, so that it works on many blocks at a time.
const BATCH: usize = 256;

/// The online half of [`super::lookup`].
pub(super) fn evaluate<W: Word>(
    runtime: &mut Runtime<'_>,
    inputs: &[Input<'_>],
    count: usize,
    ring: Ring,
) -> Result<Additive<W>> {
    let entries = table_entries(inputs);
    let dealt = runtime.take(&Tables {
        entries,
        ring,
        count,
    })?;
    let tables = Shares::of(&dealt)?;
    let mut out = Wiped::zeros(count);
    runtime
        .session()?
        .threads()
        .chunks_mut(&mut out, BATCH, |first, out| {
            look_up(tables, inputs, ring, first, out);
        });
    Ok(Additive::held(ring, out))
}

/// A party's shares of tables, one after the other.
#[derive(Clone, Copy)]
pub enum Shares<'a> {
    /// P1: a stream of the P0-P1 generator, from which single elements are computed.
    Stream(&'a Stream),
    /// P2: the correction that P0 sent, packed to the bit.
    Packed(&'a [u8]),
}

impl<'a> Shares<'a> {
    pub(super) fn of(dealt: &'a Dealt) -> Result<Self> {
        match (&dealt.bytes, &dealt.stream) {
            (Some(bytes), _) => Ok(Self::Packed(bytes)),
            (None, Some(stream)) => Ok(Self::Stream(stream)),
            (None, None) => Err(Error::Internal("tables without their shares".into())),
        }
    }

    /// All entries from `first` on, which lies on a whole byte.
    pub(super) fn read<W: Word>(self, ring: Ring, first: usize, out: &mut [W]) {
        match self {
            Self::Stream(stream) => stream.fill(ring, first as u64, out),
            Self::Packed(tables) => {
                let bytes = ring.wire_bytes(out.len());
                pack::unpack(ring, &tables[ring.wire_bytes(first)..][..bytes], out);
            }
        }
    }
}

/// Looks up instances `first .. first + out.len()` in this party's share of their tables.
pub fn look_up<W: Word>(
    tables: Shares<'_>,
    inputs: &[Input<'_>],
    ring: Ring,
    first: usize,
    out: &mut [W],
) {
    let entries = table_entries(inputs) as u64;
    let mut positions = [0u64; BATCH];
    for (batch, out) in out.chunks_mut(BATCH).enumerate() {
        let positions = &mut positions[..out.len()];
        locate(inputs, first + batch * BATCH, entries, positions);
        match tables {
            Shares::Stream(stream) => stream.gather(ring, positions, out),
            Shares::Packed(tables) => {
                for (out, position) in out.iter_mut().zip(positions) {
                    *out = pack::read_at(ring, tables, *position * u64::from(ring.bits()));
                }
            }
        }
    }
}

/// Entry positions over all instances' tables: `instance * entries + d`.
fn locate(inputs: &[Input<'_>], first: usize, entries: u64, positions: &mut [u64]) {
    widest(
        #[inline(always)]
        || {
            for (position, instance) in positions.iter_mut().zip(first as u64..) {
                *position = instance * entries;
            }
            let mut scale = 0;
            for input in inputs.iter().rev() {
                input.with_elements(
                    first,
                    positions,
                    #[inline(always)]
                    |position, d| *position += u64::from(d) << scale,
                );
                scale += input.opened.ring().bits();
            }
        },
    );
}

//! Evaluating tables (online): each party takes entry d of its share. No message.

use super::store::{Dealt, Kind};
use super::{Input, table_entries};
use crate::Result;
use crate::kernel::pack;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::Additive;

/// Positions computed ahead of the generator, so that it works on many blocks at a time.
const BATCH: usize = 256;

impl Runtime<'_> {
    /// The online half of [`Runtime::lookup`].
    pub(super) fn evaluate<W: Word>(
        &mut self,
        inputs: &[Input<'_>],
        count: usize,
        ring: Ring,
    ) -> Result<Additive<W>> {
        let entries = table_entries(inputs);
        let (session, store) = self.session_and_store()?;
        let dealt = store.take(session.label(), Kind::Tables(entries), ring, count)?;
        let mut out = vec![W::default(); count];
        session.threads().chunks_mut(&mut out, BATCH, |first, out| {
            look_up(&dealt, inputs, ring, first, out);
        });
        Ok(Additive::held(ring, out))
    }
}

/// Looks up instances `first .. first + out.len()` in this party's share of their tables.
pub fn look_up<W: Word>(
    dealt: &Dealt,
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
        match dealt {
            Dealt::Stream(stream) => stream.gather(ring, positions, out),
            Dealt::Packed(tables) => {
                for (out, position) in out.iter_mut().zip(positions) {
                    *out = pack::read_at(ring, tables, *position * u64::from(ring.bits()));
                }
            }
        }
    }
}

/// Entry positions over all instances' tables: `instance * entries + d`.
fn locate(inputs: &[Input<'_>], first: usize, entries: u64, positions: &mut [u64]) {
    for (i, position) in positions.iter_mut().enumerate() {
        *position = (first + i) as u64 * entries;
    }
    let mut scale = 1u64;
    for input in inputs.iter().rev() {
        for (i, position) in positions.iter_mut().enumerate() {
            *position += u64::from(input.opened.elements[input.element(first + i)]) * scale;
        }
        scale <<= input.opened.ring().bits();
    }
}

//! Public tables at secret places.

use super::{BITS, Bit, Wire, each, leads};
use crate::fss::{covered, dpf, fresh_masks, words};
use qbench_protocols::Result;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Covered, uncover, uncover_both};
use qbench_protocols::wipe::Wiped;

/// How the exchanges of tables are ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exchanges {
    /// As the original's: first the sign of an entry, then the entry.
    Original,
    /// Both at once, and tables side by side where they do not depend on each other.
    Merged,
}

/// What a table needs to be finished: the entry up to a sign, and the sign, each to be opened.
struct Looked {
    positive: Covered<u8>,
    entry: Covered<u64>,
    /// P1's and P2's shares of the entry's mask.
    mask: Option<Wiped<u64>>,
}

/// `T[x]` for a table of 2^b entries, of b the width of the ring of x, each of `ring`.
///
/// Cost: offline a key for the table and `1 + 5 l` bits an element; two exchanges, of 1 and l bits, or one of both.
///
/// # Security
/// What is opened, a signed entry and its sign, is under fresh masks, and so is the outcome.
///
/// # Errors
/// A table that does not fit; a key that was dealt for something else; the network's.
pub fn table(
    runtime: &mut Runtime<'_>,
    x: &Wire,
    table: &[u64],
    ring: Ring,
    exchanges: Exchanges,
) -> Result<Covered<u64>> {
    let mut all = tables(runtime, &[(x, table)], ring, exchanges)?;
    Ok(all.remove(0))
}

/// Several tables of independent wires, whose openings go together.
///
/// Cost, security and errors as [`table`]: the exchanges of one.
pub fn tables(
    runtime: &mut Runtime<'_>,
    inputs: &[(&Wire, &[u64])],
    ring: Ring,
    exchanges: Exchanges,
) -> Result<Vec<Covered<u64>>> {
    let (mut positive, mut entries, mut masks) = (Vec::new(), Vec::new(), Vec::new());
    for (x, table) in inputs {
        let looked = look_up(runtime, x, table, ring)?;
        positive.push(looked.positive);
        entries.push(looked.entry);
        masks.push(looked.mask);
    }
    let (positive, entries) = (Covered::join(positive), Covered::join(entries));
    let (positive, entries) = open_pairs(runtime, positive, entries, exchanges)?;
    let mut first = 0;
    let mut out = Vec::with_capacity(inputs.len());
    for ((x, _), mask) in inputs.iter().zip(masks) {
        let range = first..first + x.len();
        first = range.end;
        let (positive, entry) = (positive.slice(range.clone()), entries.slice(range));
        out.push(signed(runtime, &positive, &entry, mask)?);
    }
    Ok(out)
}

/// Opens bits and elements one after the other, or together.
fn open_pairs(
    runtime: &mut Runtime<'_>,
    bits: Covered<u8>,
    elements: Covered<u64>,
    exchanges: Exchanges,
) -> Result<(Bit, Wire)> {
    match exchanges {
        Exchanges::Original => {
            let bits = uncover(runtime, bits)?;
            Ok((bits, uncover(runtime, elements)?))
        }
        Exchanges::Merged => uncover_both(runtime, bits, elements),
    }
}

fn look_up(runtime: &mut Runtime<'_>, x: &Wire, table: &[u64], ring: Ring) -> Result<Looked> {
    let (len, bits) = (x.len(), x.ring().bits());
    let looked = dpf::look_up(runtime, bits, len, x.masks(), x.values(), table)?;
    let sign_masks = fresh_masks::<u8>(runtime, BITS, len)?;
    let sign_key = words(runtime, BITS, len, || {
        sign_masks.clone().unwrap_or_default()
    })?;
    let entry_masks = fresh_masks(runtime, ring, len)?;
    let entry_key = words(runtime, ring, len, || {
        entry_masks.clone().unwrap_or_default()
    })?;
    let (mut signs, mut entries) = (None, None);
    if let (Some(looked), Some(mut sign), Some(mask)) = (looked, sign_key, &entry_key) {
        for (sign, positive) in sign.iter_mut().zip(looked.positive.iter()) {
            *sign ^= positive;
        }
        signs = Some(sign);
        let sums = looked.entries.iter().zip(mask.iter());
        entries = Some(sums.map(|(e, m)| ring.reduce(e.wrapping_add(*m))).collect());
    }
    Ok(Looked {
        positive: covered(BITS, len, sign_masks, signs),
        entry: covered(ring, len, entry_masks, entries),
        mask: entry_key,
    })
}

/// `entry` where `positive`, else `-entry`.
///
/// With P = positive xor b and E = entry + r known, the sign is `2 P - 1` times `1 - 2 b`. P0 has dealt shares of r and deals those
/// of b, `2 b r` plus the mask, 4b and -4br, which make the five elements of a selection.
///
/// Cost: offline four ring elements an element.
fn signed(
    runtime: &mut Runtime<'_>,
    positive: &Bit,
    entry: &Wire,
    entry_mask: Option<Wiped<u64>>,
) -> Result<Covered<u64>> {
    let (ring, len) = (entry.ring(), entry.len());
    let masks = fresh_masks(runtime, ring, len)?;
    let key = words(runtime, ring, 4 * len, || {
        let mut key = Wiped::zeros(4 * len);
        let masks = masks.as_deref().unwrap_or_default();
        for (i, key) in key.chunks_mut(4).enumerate() {
            let b = u64::from(positive.masks()[i]);
            let br = b.wrapping_mul(entry.masks()[i]).wrapping_mul(2);
            let own = [
                b,
                br.wrapping_add(masks[i]),
                4 * b,
                br.wrapping_mul(2).wrapping_neg(),
            ];
            for (key, own) in key.iter_mut().zip(own) {
                *key = ring.reduce(own);
            }
        }
        key
    })?;
    let share = key.zip(entry_mask).map(|(key, mask)| {
        let keys = key.as_chunks::<4>().0;
        let leads = leads(runtime);
        each(runtime, ring, len, |i| {
            let [b, br, four, minus] = keys[i];
            let (positive, entry) = (u64::from(positive.values()[i]), entry.values()[i]);
            let plain = leads.wrapping_mul(entry).wrapping_sub(mask[i]);
            let sign = positive.wrapping_mul(2).wrapping_sub(1);
            let negative = (positive ^ 1).wrapping_neg();
            plain
                .wrapping_mul(sign)
                .wrapping_sub(b.wrapping_mul(entry).wrapping_mul(2))
                .wrapping_add(br)
                .wrapping_add(negative & four.wrapping_mul(entry).wrapping_add(minus))
        })
    });
    Ok(covered(ring, len, masks, share))
}

//! The cut: from products to indices.

use super::evidence::Evidence;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::Additive;

/// Keeps the top `bits` bits of both shares: from Z_{2^l} to Z_{2^bits}, without communication (paper Alg. 3, last line; no
/// truncation protocol).
///
/// With `unit = 2^(l - bits)` and `y = f * unit`, the result is `floor(f)` with probability `1 - frac(f)` and
/// `floor(f) + 1` otherwise: unbiased, and exact where f is an integer. Correction to the paper: it cuts without the
/// constant `unit - 1` that P1 adds first here, and so comes out half a unit too low on average.
///
/// Cost: nothing.
///
/// # Security
/// Local. The rounding depends on the shares: in the ideal world the functionality takes the corrupted party's low bits as
/// its coin. Where a run is verified the low bits go into the evidence, which both computing parties hand to the verifier
/// after the online phase; the verifier learns the low bits of intermediate values. A run on a real input is verified only
/// where all three parties are one person's.
pub fn cut<W: Word, V: Word>(
    runtime: &Runtime<'_>,
    evidence: Option<&mut Evidence>,
    y: &Additive<W>,
    bits: u32,
) -> Additive<V> {
    let (ring, out) = (y.ring(), Ring::new(bits));
    let dropped = ring.bits() - bits;
    if runtime.computing_peer().is_none() {
        return Additive::absent(out, y.len());
    }
    let low = match dropped {
        0 => 0,
        dropped => Ring::new(dropped).mask(),
    };
    let constant = match runtime.me() {
        Some(Party::P1) => low,
        _ => 0,
    };
    let raised = |v: &W| v.to_u64().wrapping_add(constant);
    if let Some(evidence) = evidence {
        let lows = y.values().iter().map(|v| raised(v) & low);
        evidence.record_cut(runtime.label(), dropped, lows);
    }
    y.map_to(out, y.len(), |values| {
        values
            .iter()
            .map(|v| V::from_u64((raised(v) & ring.mask()) >> dropped))
            .collect()
    })
}

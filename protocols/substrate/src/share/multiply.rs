//! A product of two replicated vectors that ends replicated, and the way back to additive sharing.

use super::{Additive, Replicated};
use crate::Result;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::Word;
use crate::runtime::Runtime;
use crate::wipe::Wiped;

/// `<a b>^l`, element by element: the parties' local summands, made fresh by a sharing of zero, are the product's
/// components; each goes to one more party.
///
/// Cost: `3 l` bits an element (each party sends l to the party before it) and one round online; nothing offline.
///
/// # Security
/// Party i's summand goes out with a fresh element of the seed of i and i + 1, which its receiver i - 1 does not know, so
/// the receiver sees a uniform value.
///
/// # Errors
/// The network's.
///
/// # Panics
/// If the shapes differ.
pub fn multiply<W: Word>(
    runtime: &mut Runtime<'_>,
    a: &Replicated<W>,
    b: &Replicated<W>,
) -> Result<Replicated<W>> {
    assert_eq!((a.ring, a.len), (b.ring, b.len), "shapes of a product");
    let (ring, len) = (a.ring, a.len);
    if runtime.phase() != Phase::Online {
        return Ok(Replicated::absent(ring, len));
    }
    let bytes = ring.wire_bytes(len);
    runtime.declare_simultaneous(&Party::ALL.map(|from| (from, from.previous(), bytes)));
    let Some(me) = runtime.me() else {
        return Ok(Replicated::absent(ring, len));
    };
    let session = runtime.session()?;
    let with_next: Wiped<W> = session.draw(me.next(), ring, len);
    let with_previous: Wiped<W> = session.draw(me.previous(), ring, len);
    let next: Wiped<W> = (0..len)
        .map(|i| {
            let own = a.previous[i].mul(b.previous[i].add(b.next[i]));
            let summand = own.add(a.next[i].mul(b.previous[i]));
            ring.reduce(summand.add(with_next[i]).sub(with_previous[i]))
        })
        .collect();
    session.send_elements(me.previous(), ring, &next)?;
    let previous = session.receive_elements(me.next(), ring, len)?;
    Ok(Replicated {
        ring,
        len,
        previous,
        next,
    })
}

/// `<x>^l` to `[x]^l`, without communication: P1 holds components 0 and 2, P2 component 1.
///
/// # Security
/// Local. P1 adds and P2 subtracts a fresh element of the P1-P2 seed, so that the outcome is independent of the components
/// that P0 holds.
///
/// # Errors
/// None of its own.
pub fn additive_from<W: Word>(runtime: &mut Runtime<'_>, x: &Replicated<W>) -> Result<Additive<W>> {
    let (ring, len) = (x.ring, x.len);
    let Some(peer) = runtime.computing_peer() else {
        return Ok(Additive::absent(ring, len));
    };
    let fresh: Wiped<W> = runtime.session()?.draw(peer, ring, len);
    let values: Wiped<W> = (0..len)
        .map(|i| {
            ring.reduce(match peer {
                Party::P2 => x.previous[i].add(x.next[i]).add(fresh[i]),
                _ => x.previous[i].sub(fresh[i]),
            })
        })
        .collect();
    Ok(Additive::held(ring, values))
}

//! Shuffling replicated vectors by a permutation that no party knows (Asharov et al., "Efficient Secure
//! Three-Party Sorting", CCS 2022, shuffle protocol; semi-honest).

use super::Replicated;
use super::permutation::{draw_rows, gather_rows};
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::session::Session;
use crate::wipe::Wiped;

/// The pairs that permute in turn, each with the party left out.
const HOPS: [(Party, Party, Party); 3] = [
    (Party::P1, Party::P2, Party::P0),
    (Party::P2, Party::P0, Party::P1),
    (Party::P0, Party::P1, Party::P2),
];

/// Permutes each row of `row` elements of every vector, all vectors alike, every row by a
/// permutation of its own, composed of three, of which each is known to one pair of parties.
///
/// Each pair in turn permutes what it holds (the pair holds all three components between them) and
/// reshares it: the component that a party of the pair shares with the third is drawn from their
/// seed, and the pair exchanges the rest, which becomes the pair's own component.
///
/// Cost: `6 l` bits an element (each party sends 2 l) and three rounds online; nothing offline.
///
/// # Security
/// A party lacks one of the three permutations, so their composition is uniform to it. What a party
/// of the pair receives is masked by a component drawn from the other's seed with the third, fresh
/// and unknown to the receiver; the third receives nothing. All components are fresh after each
/// permutation, so none can be matched with a component before it.
pub fn shuffle<W: Word>(
    runtime: &mut Runtime<'_>,
    mut vectors: Vec<Replicated<W>>,
    row: usize,
) -> Result<Vec<Replicated<W>>> {
    if runtime.phase() != Phase::Online {
        return Ok(vectors);
    }
    let total: usize = vectors.iter().map(|v| v.ring.wire_bytes(v.len)).sum();
    for (first, second, third) in HOPS {
        runtime.declare_simultaneous(&[(first, second, total), (second, first, total)]);
        let Some(me) = runtime.me() else { continue };
        let session = runtime.session()?;
        vectors = if me == third {
            // The component that the party before lacks is shared with the party after, and back.
            let previous = draw_components(session, me.next(), &vectors);
            let next = draw_components(session, me.previous(), &vectors);
            Replicated::join(shapes(&vectors), previous, next)
        } else {
            let peer = if me == first { second } else { first };
            permute_and_reshare(session, peer, third, &vectors, row, total)?
        };
    }
    Ok(vectors)
}

/// One fresh component a vector, from the seed shared with `peer`.
fn draw_components<W: Word>(
    session: &mut Session,
    peer: Party,
    vectors: &[Replicated<W>],
) -> Vec<Wiped<W>> {
    vectors
        .iter()
        .map(|v| session.draw(peer, v.ring, v.len))
        .collect()
}

/// The shapes of vectors.
fn shapes<W>(vectors: &[Replicated<W>]) -> impl Iterator<Item = (Ring, usize)> {
    vectors.iter().map(|v| (v.ring, v.len))
}

/// One of the pair: permutes, masks, exchanges `total` bytes each way.
fn permute_and_reshare<W: Word>(
    session: &mut Session,
    peer: Party,
    third: Party,
    vectors: &[Replicated<W>],
    row: usize,
    total: usize,
) -> Result<Vec<Replicated<W>>> {
    let stream = session.shared_stream(peer);
    let count = vectors.first().map_or(0, |v| v.len);
    let sources = draw_rows(stream, count, row);
    // The component that the peer lacks, shared with the third.
    let with_third = draw_components(session, third, vectors);
    let mut payload = Vec::with_capacity(total);
    let mut with_peer = Vec::with_capacity(vectors.len());
    let me = session.me();
    for (v, fresh) in vectors.iter().zip(&with_third) {
        // The pair's own component counts once: at the party before the third.
        let mine: Wiped<W> = if me.next() == third {
            v.previous
                .iter()
                .zip(v.next.iter())
                .map(|(a, b)| a.add(*b))
                .collect()
        } else {
            v.next.clone()
        };
        let masked = v.ring.subtract(&gather_rows(&mine, &sources, row), fresh);
        pack::pack(v.ring, &masked, &mut payload);
        with_peer.push(masked);
    }
    session.send(peer, payload)?;
    let received = session.receive(peer, total)?;
    let mut rest = &received[..];
    for (v, sum) in vectors.iter().zip(&mut with_peer) {
        let theirs = pack::unpack_next(v.ring, &mut rest, v.len);
        v.ring.add_to(sum, &theirs);
    }
    // The component shared with the third is the one the peer lacks: component number `peer`.
    Ok(if peer == me.previous() {
        Replicated::join(shapes(vectors), with_third, with_peer)
    } else {
        Replicated::join(shapes(vectors), with_peer, with_third)
    })
}

//! Shuffling replicated vectors by a permutation that no party knows (Asharov et al., "Efficient Secure
//! Three-Party Sorting", CCS 2022, shuffle protocol; semi-honest).

use super::Replicated;
use super::multiply::draw;
use super::permutation::{draw_rows, gather_rows};
use crate::Result;
use crate::kernel::pack;
use crate::net::Party;
use crate::ring::Word;
use crate::runtime::Runtime;
use crate::session::Session;
use crate::system::Phase;

/// The pairs that permute in turn, each with the party left out.
const HOPS: [(Party, Party, Party); 3] = [
    (Party::P1, Party::P2, Party::P0),
    (Party::P2, Party::P0, Party::P1),
    (Party::P0, Party::P1, Party::P2),
];

impl Runtime<'_> {
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
    pub(crate) fn shuffle<W: Word>(
        &mut self,
        mut vectors: Vec<Replicated<W>>,
        row: usize,
    ) -> Result<Vec<Replicated<W>>> {
        if self.phase() != Phase::Online {
            return Ok(vectors);
        }
        let total: usize = vectors.iter().map(|v| v.ring.wire_bytes(v.len)).sum();
        for (first, second, third) in HOPS {
            self.declare_simultaneous(&[(first, second, total), (second, first, total)]);
            let Some(me) = self.me() else { continue };
            let session = self.session()?;
            vectors = if me == third {
                // The component that the party before lacks is shared with the party after, and back.
                let previous = draw_components(session, me.next(), &vectors);
                let next = draw_components(session, me.previous(), &vectors);
                join(&vectors, previous, next)
            } else {
                let peer = if me == first { second } else { first };
                permute_and_reshare(session, peer, third, &vectors, row, total)?
            };
        }
        Ok(vectors)
    }
}

/// One fresh component a vector, from the seed shared with `peer`.
fn draw_components<W: Word>(
    session: &mut Session,
    peer: Party,
    vectors: &[Replicated<W>],
) -> Vec<Vec<W>> {
    vectors
        .iter()
        .map(|v| draw(session, peer, v.ring, v.len))
        .collect()
}

fn join<W: Word>(
    shapes: &[Replicated<W>],
    previous: Vec<Vec<W>>,
    next: Vec<Vec<W>>,
) -> Vec<Replicated<W>> {
    shapes
        .iter()
        .zip(previous.into_iter().zip(next))
        .map(|(v, (previous, next))| Replicated {
            ring: v.ring,
            len: v.len,
            previous,
            next,
        })
        .collect()
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
        let mine: Vec<W> = if me.next() == third {
            v.previous
                .iter()
                .zip(&v.next)
                .map(|(a, b)| a.add(*b))
                .collect()
        } else {
            v.next.clone()
        };
        let masked: Vec<W> = gather_rows(&mine, &sources, row)
            .iter()
            .zip(fresh)
            .map(|(value, mask)| v.ring.reduce(value.sub(*mask)))
            .collect();
        pack::pack(v.ring, &masked, &mut payload);
        with_peer.push(masked);
    }
    session.send(peer, payload)?;
    let received = session.receive(peer, total)?;
    let mut rest = received.as_slice();
    for (v, sum) in vectors.iter().zip(&mut with_peer) {
        let (bytes, tail) = rest.split_at(v.ring.wire_bytes(v.len));
        rest = tail;
        let mut theirs = vec![W::default(); v.len];
        pack::unpack(v.ring, bytes, &mut theirs);
        for (a, b) in sum.iter_mut().zip(theirs) {
            *a = v.ring.reduce(a.add(b));
        }
    }
    // The component shared with the third is the one the peer lacks: component number `peer`.
    Ok(if peer == me.previous() {
        join(vectors, with_third, with_peer)
    } else {
        join(vectors, with_peer, with_third)
    })
}

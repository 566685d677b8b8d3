//! Sharings of `x + r` whose mask P0 has dealt within them: what a gate of function secret sharing gives, one exchange before it
//! is a wire.

use super::{Held, Masked};
use crate::kernel::pack;
use crate::net::Party;
use crate::phase::Phase;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::wipe::Wiped;
use crate::{Error, Result};
use std::fmt;

/// `[x + r]^l`: P1 and P2 hold additive shares of `x + r` (online), P0 knows r (offline).
///
/// Its maker vouches that r is uniform, fresh and known to P0 alone, and that each share is uniform whatever x is; that is why
/// [`uncover`] may send it as it is, and why it is used up by that.
#[derive(Clone, PartialEq, Eq)]
pub struct Covered<W>(Masked<W>);

/// Shows the shape; neither shares nor masks.
impl<W> fmt::Debug for Covered<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Covered({:?} x {})", self.0.ring, self.0.len)
    }
}

impl<W: Word> Covered<W> {
    /// A vector of which this party has nothing.
    pub fn absent(ring: Ring, len: usize) -> Self {
        Self(Masked::absent(ring, len))
    }

    /// What P0 has dealt: r.
    pub fn dealt(ring: Ring, masks: Wiped<W>) -> Self {
        Self(Masked::of(ring, masks.len(), Held::Masks(masks)))
    }

    /// What P1 or P2 has computed: its share of `x + r`.
    pub fn held(ring: Ring, share: Wiped<W>) -> Self {
        Self(Masked::of(ring, share.len(), Held::Values(share)))
    }

    /// The ring.
    pub fn ring(&self) -> Ring {
        self.0.ring
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same linear map on shares and masks. It must not make two elements depend on one mask.
    pub fn map_to<V: Word>(
        &self,
        ring: Ring,
        len: usize,
        linear: impl FnOnce(&[W]) -> Wiped<V>,
    ) -> Covered<V> {
        Covered(self.0.map_to(ring, len, linear))
    }

    /// The sum, under the sum of both masks: local.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn plus(self, other: &Self) -> Self {
        Self(self.0.plus(&other.0))
    }

    /// The difference, under the difference of both masks: local.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn minus(self, other: &Self) -> Self {
        Self(self.0.minus(&other.0))
    }

    /// Several vectors of one ring as one, in their order.
    ///
    /// # Panics
    /// If there is none, or the rings differ.
    pub fn join(parts: Vec<Self>) -> Self {
        let parts: Vec<_> = parts.into_iter().map(|part| part.0).collect();
        Self(Masked::join(&parts))
    }

    fn shape(&self) -> (Ring, usize) {
        (self.0.ring, self.0.len)
    }

    /// Takes the sender's share off a message, and adds its own.
    fn opened(self, rest: &mut &[u8]) -> Masked<W> {
        let Masked { ring, len, held } = self.0;
        let mut sum: Wiped<W> = pack::unpack_next(ring, rest, len);
        if let Held::Values(own) = &held {
            ring.add_to(&mut sum, own);
        }
        Masked::of(ring, len, Held::Values(sum))
    }
}

/// Opens a covered vector: it becomes a wire.
///
/// Cost: l bits an element each way between P1 and P2 and one round online; nothing offline.
///
/// # Security
/// P1 and P2 learn `x + r` and nothing else: each share is what the other can compute from that and its own. See [`Covered`] for
/// what the maker of the vector vouches.
///
/// # Errors
/// A computing party without its share; the network's.
pub fn uncover<W: Word>(runtime: &mut Runtime<'_>, x: Covered<W>) -> Result<Masked<W>> {
    let nothing = Covered::<u8>::absent(Ring::new(1), 0);
    Ok(uncover_both(runtime, x, nothing)?.0)
}

/// Opens two covered vectors, of any rings, in one round.
///
/// Cost, security and errors as [`uncover`].
pub fn uncover_both<A: Word, B: Word>(
    runtime: &mut Runtime<'_>,
    x: Covered<A>,
    y: Covered<B>,
) -> Result<(Masked<A>, Masked<B>)> {
    let shapes = [x.shape(), y.shape()];
    match (runtime.phase(), runtime.me()) {
        (Phase::Online, None) => runtime.declare_opening(&shapes),
        (Phase::Online, Some(Party::P1 | Party::P2)) => {
            let held = [(x.len(), x.0.values().len()), (y.len(), y.0.values().len())];
            if held.iter().any(|(len, held)| len != held) {
                return Err(Error::Internal(
                    "an opening without this party's share".into(),
                ));
            }
            let bytes = shapes
                .iter()
                .map(|(ring, len)| ring.wire_bytes(*len))
                .sum::<usize>();
            let mut payload = runtime.buffer(bytes);
            payload.clear();
            pack::pack(x.ring(), x.0.values(), &mut payload);
            pack::pack(y.ring(), y.0.values(), &mut payload);
            let received = runtime.exchange(payload)?;
            let mut rest = &received[..];
            let opened = (x.opened(&mut rest), y.opened(&mut rest));
            runtime.recycle(received);
            return Ok(opened);
        }
        _ => {}
    }
    Ok((x.0, y.0))
}

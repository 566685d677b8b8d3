//! Private factors, one a feature, shared once a model.

use crate::Result;
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::{Additive, share_from_p0};
use crate::wipe::Wiped;

/// Factors that P0 knows, and P1 and P2 hold shares of: one for each element of a row.
pub struct Factors<V> {
    ring: Ring,
    len: usize,
    /// P1 and P2.
    pub(super) shares: Additive<V>,
    /// P0.
    pub(super) clear: Wiped<V>,
}

impl<V: Word> Factors<V> {
    /// Shares P0's factors, in the phase under way: `clear` are they, at P0, and its length is that of a row everywhere.
    ///
    /// Cost: l bits a factor from P0 to P2.
    ///
    /// # Security
    /// As [`share_from_p0`]. The shares may be used in any number of inferences: nothing that depends on them is sent but under
    /// a mask.
    ///
    /// # Errors
    /// P0 without as many factors; the network's.
    pub fn share(
        runtime: &mut Runtime<'_>,
        ring: Ring,
        len: usize,
        clear: Option<&[V]>,
    ) -> Result<Self> {
        let clear = clear.unwrap_or_default();
        let mine = runtime.me() == Some(Party::P0);
        runtime.ensure(!mine || clear.len() == len, || {
            format!("{len} factors, P0 has {}", clear.len())
        })?;
        let shares = share_from_p0(runtime, ring, len, |first, out| {
            out.copy_from_slice(&clear[first..][..out.len()]);
        })?;
        let clear = match mine {
            true => Wiped::copied(clear),
            false => Wiped::default(),
        };
        Ok(Self {
            ring,
            len,
            shares,
            clear,
        })
    }

    /// Factors of one: public, so that nothing is sent.
    pub fn ones(runtime: &Runtime<'_>, ring: Ring, len: usize) -> Self {
        let ones = || Wiped::from(vec![V::from_u64(1); len]);
        let shares = match runtime.me() {
            Some(Party::P1) => Additive::held(ring, ones()),
            Some(Party::P2) => Additive::held(ring, Wiped::<V>::zeros(len)),
            _ => Additive::absent(ring, len),
        };
        let clear = match runtime.me() {
            Some(Party::P0) => ones(),
            _ => Wiped::default(),
        };
        Self {
            ring,
            len,
            shares,
            clear,
        }
    }

    /// P1's and P2's shares; empty elsewhere.
    pub fn shares(&self) -> &[V] {
        self.shares.values()
    }

    /// P0's factors; empty elsewhere.
    pub fn clear(&self) -> &[V] {
        &self.clear
    }

    /// The ring of what they multiply.
    pub fn ring(&self) -> Ring {
        self.ring
    }

    /// How many: the length of a row.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

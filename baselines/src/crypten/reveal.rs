//! Sharing inputs and opening outputs.

use super::Share;
use super::arithmetic::Arithmetic;
use super::correlation::WORD;
use super::fixed::RING;
use qbench_protocols::net::Party;
use qbench_protocols::ring::Word;
use qbench_protocols::system::Phase;
use qbench_protocols::{Error, Result};

impl Arithmetic<'_> {
    /// Opens x to P1 and P2. Empty where no party computes.
    ///
    /// Cost: 1 word an element each way, 1 round.
    ///
    /// # Security
    /// Both learn x, so x must be an output that both may learn. Each receives the other's share, which
    /// is x less its own: no more than x.
    pub fn reveal(&mut self, x: &Share) -> Result<Vec<u64>> {
        if self.runtime.phase() != Phase::Online {
            return Ok(Vec::new());
        }
        match self.runtime.me() {
            None => self.runtime.declare_exchange(x.len() * WORD),
            Some(Party::P0) => {}
            Some(Party::P1 | Party::P2) => {
                let mut payload = Vec::new();
                u64::write_le(x.values(), &mut payload);
                let received = self.exchange(payload)?;
                return Ok(sum(x, &received));
            }
        }
        Ok(Vec::new())
    }

    /// Opens x to P1: `Some` at P1 online.
    ///
    /// Cost: 1 word an element from P2 to P1, 1 round.
    ///
    /// # Security
    /// P1 learns x, so x must be P1's output; it receives x less its own share. P2 learns nothing.
    pub fn reveal_to_p1(&mut self, x: &Share) -> Result<Option<Vec<u64>>> {
        if self.runtime.phase() != Phase::Online {
            return Ok(None);
        }
        let bytes = x.len() * WORD;
        self.runtime.declare_message(Party::P2, Party::P1, bytes);
        match self.runtime.me() {
            Some(Party::P1) => {
                let received = self.runtime.session()?.receive(Party::P2, bytes)?;
                Ok(Some(sum(x, &received)))
            }
            Some(Party::P2) => {
                let mut payload = Vec::new();
                u64::write_le(x.values(), &mut payload);
                self.runtime.session()?.send(Party::P1, payload)?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Shares P1's `values` without a message: P2's share is drawn from the P1-P2 seed. `values` are
    /// read at P1 alone; the share is absent offline, at P0 and in the cost walk.
    ///
    /// # Security
    /// P2's share is generator output that does not depend on the values; P1's is the values less it.
    ///
    /// # Errors
    /// P1 without `len` values.
    pub fn share_from_p1(&mut self, values: Option<&[u64]>, len: usize) -> Result<Share> {
        if self.runtime.phase() == Phase::Offline {
            return Ok(Self::absent(len));
        }
        let peer = match self.runtime.me() {
            Some(Party::P1) => Party::P2,
            Some(Party::P2) => Party::P1,
            _ => return Ok(Self::absent(len)),
        };
        let mut share = vec![0; len];
        let stream = self.runtime.session()?.shared_stream(peer);
        stream.fill(RING, 0, &mut share);
        if peer == Party::P2 {
            let values = values.filter(|values| values.len() == len).ok_or_else(|| {
                let have = values.map_or_else(|| "none".to_owned(), |v| v.len().to_string());
                Error::Shape {
                    step: self.runtime.label().to_owned(),
                    what: format!("{len} input values at P1, not {have}"),
                }
            })?;
            for (share, value) in share.iter_mut().zip(values) {
                *share = value.wrapping_sub(*share);
            }
        }
        Ok(Share::held(RING, share))
    }
}

/// x from this party's share and the other's.
fn sum(x: &Share, theirs: &[u8]) -> Vec<u64> {
    let words = theirs.as_chunks::<WORD>().0;
    x.values()
        .iter()
        .zip(words)
        .map(|(x, word)| x.wrapping_add(u64::from_le_bytes(*word)))
        .collect()
}

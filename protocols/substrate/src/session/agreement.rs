//! What parties say to each other before anything else: what all must have equal, and P0's commitment.

use crate::commitment::Commitment;
use crate::net::{NetError, Network, Party, claim};
use crate::{Error, Result};

/// What all parties must have equal before a run may start: field names and values, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Agreement {
    /// (field, value), such as (`binary`, a hash) or (`public model`, the hash of its public file).
    pub fields: Vec<(String, String)>,
    /// P0's commitment to what only it has; it is sent and not compared. P1's and P2's own is not used.
    #[serde(skip)]
    pub commitment: Commitment,
}

impl Agreement {
    /// Takes a field out.
    pub fn without(mut self, field: &str) -> Self {
        self.fields.retain(|(name, _)| name != field);
        self
    }

    /// Adds a field.
    pub fn with(mut self, field: &str, value: impl Into<String>) -> Self {
        self.fields.push((field.to_owned(), value.into()));
        self
    }
}

/// No agreement is longer.
const LONGEST_AGREEMENT_BYTES: u64 = 1 << 20;

/// Exchanges the agreement with both peers; equal length first, so that a mismatch can be named.
pub(super) fn agree(network: &mut dyn Network, agreement: &Agreement) -> Result<()> {
    let me = network.me();
    let mine = serde_json::to_vec(agreement)
        .map_err(|e| Error::io("encoding the agreement", std::io::Error::other(e)))?;
    // A peer that has met a mismatch is gone, perhaps before this party has sent to it. What it sent
    // before that names the field, so a refused send counts only if nothing is found to differ.
    let mut refused = None;
    for peer in me.others() {
        let length = (mine.len() as u64).to_le_bytes().to_vec();
        let sent = network
            .send(peer, "setup/agreement/length", length)
            .and_then(|()| network.send(peer, "setup/agreement", mine.clone()));
        refused = refused.or(sent.err());
    }
    for peer in me.others() {
        let length = network.receive(peer, "setup/agreement/length", 8)?;
        let length = u64::from_le_bytes(std::array::from_fn(|i| length[i]));
        if length > LONGEST_AGREEMENT_BYTES {
            let actual = format!("an agreement of {length} bytes");
            let step = "setup/agreement/length".to_owned();
            return Err(NetError::Refused {
                me,
                peer,
                step,
                actual,
            }
            .into());
        }
        let bytes = network.receive(peer, "setup/agreement", length as usize)?;
        // serde's word would show what the peer said, line breaks and all.
        let theirs: Agreement = serde_json::from_slice(&bytes).map_err(|_| NetError::Refused {
            me,
            peer,
            step: "setup/agreement".to_owned(),
            actual: format!("{length} bytes that are no agreement"),
        })?;
        compare(me, peer, agreement, &theirs)?;
    }
    refused.map_or(Ok(()), |error| Err(error.into()))
}

/// P0 sends its commitment to both others; gives what was sent.
pub(super) fn commit(network: &mut dyn Network, mine: Commitment) -> Result<Commitment> {
    const STEP: &str = "setup/commitment";
    if network.me() != Party::P0 {
        let bytes = network.receive(Party::P0, STEP, mine.0.len())?;
        return Ok(Commitment(std::array::from_fn(|i| bytes[i])));
    }
    for peer in Party::P0.others() {
        network.send(peer, STEP, mine.0.to_vec())?;
    }
    Ok(mine)
}

fn compare(me: Party, peer: Party, mine: &Agreement, theirs: &Agreement) -> Result<()> {
    let value = |agreement: &Agreement, field: &str| {
        agreement
            .fields
            .iter()
            .find(|(name, _)| name == field)
            .map_or_else(|| "nothing".to_owned(), |(_, value)| value.clone())
    };
    let names = mine
        .fields
        .iter()
        .chain(&theirs.fields)
        .map(|(name, _)| name);
    for field in names {
        let (ours, other) = (value(mine, field), value(theirs, field));
        if ours != other {
            return Err(Error::Disagreement {
                field: claim(field.as_bytes()),
                me: me.to_string(),
                peer: peer.to_string(),
                mine: ours,
                theirs: claim(other.as_bytes()),
            });
        }
    }
    Ok(())
}

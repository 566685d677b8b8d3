//! The network in memory: three ends in one process, for tests.

use super::end::{End, Wire};
use super::inbox::{Inbox, Message};
use super::shape::LinkShape;
use super::{NetError, Party};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// One end of an in-memory trio.
pub type LocalNetwork = End<LocalWire>;

/// Puts messages straight into the peers' inboxes.
pub struct LocalWire {
    /// By peer: where that peer receives what this party sends.
    peers: [Arc<Inbox>; 3],
}

impl Wire for LocalWire {
    fn transmit(&mut self, to: Party, message: Message) -> io::Result<()> {
        self.peers[to.index()].push(message);
        Ok(())
    }

    fn finish(&mut self) {
        for peer in &self.peers {
            peer.close("the party has ended");
        }
    }
}

/// Three connected ends, for P0, P1 and P2 in that order. A receive fails when nothing came for
/// `timeout`.
pub fn local_trio(timeout: Duration) -> [LocalNetwork; 3] {
    // Links without a bandwidth have none that could be refused.
    local_trio_shaped([[LinkShape::default(); 3]; 3], timeout).expect("plain links are valid")
}

/// As [`local_trio`], with `links[a][b]` the shape of the link from party a to party b.
///
/// # Errors
/// [`NetError::Bandwidth`] if a bandwidth is not a positive number.
pub fn local_trio_shaped(
    links: [[LinkShape; 3]; 3],
    timeout: Duration,
) -> Result<[LocalNetwork; 3], NetError> {
    // inboxes[a][b]: what a sends and b receives.
    let inboxes: [[Arc<Inbox>; 3]; 3] =
        std::array::from_fn(|_| std::array::from_fn(|_| Arc::new(Inbox::new())));
    let end = |me: Party| {
        let wire = LocalWire {
            peers: inboxes[me.index()].clone(),
        };
        let arriving = std::array::from_fn(|from| Arc::clone(&inboxes[from][me.index()]));
        End::new(me, wire, arriving, links[me.index()], timeout)
    };
    Ok([end(Party::P0)?, end(Party::P1)?, end(Party::P2)?])
}

//! Protocols of three parties with three roles: a vector is cut into thirds, and in each third the parties have other roles, so that
//! all links carry alike. (SPU draws the roles of a whole vector by lot: the same bytes in all, three times as many on the busiest link.)

use super::Share;
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::wipe::Wiped;
use std::ops::Range;

/// One third of a vector, and who plays what in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Turn {
    /// Which party has role 0.
    first: usize,
    /// The third's first element.
    pub from: usize,
    /// The element behind its last.
    pub to: usize,
}

impl Turn {
    /// The thirds of a vector that are not empty.
    pub fn all(len: usize) -> Vec<Self> {
        let third = len.div_ceil(3);
        let turns = (0..3).map(|first| Self {
            first,
            from: (first * third).min(len),
            to: ((first + 1) * third).min(len),
        });
        turns.filter(|turn| turn.from < turn.to).collect()
    }

    pub fn len(self) -> usize {
        self.to - self.from
    }

    pub fn range(self) -> Range<usize> {
        self.from..self.to
    }

    /// Who has a role, 0 to 2. The party after role i's has role i + 1.
    pub fn party(self, role: usize) -> Party {
        Party::ALL[(role + self.first) % 3]
    }

    /// The role of a party.
    pub fn role(self, party: Party) -> usize {
        (party.index() + 3 - self.first) % 3
    }

    /// This party's components of the third: what it holds as previous and as next.
    pub fn of(self, x: &Share) -> [&[u64]; 2] {
        [&x.previous[self.range()], &x.next[self.range()]]
    }
}

/// Declares one stage of messages: from role to role, so many bytes an element; all turns at once.
pub(super) fn declare(runtime: &mut Runtime<'_>, len: usize, messages: &[(usize, usize, usize)]) {
    let turns = Turn::all(len);
    let all = turns.iter().flat_map(|turn| {
        messages.iter().map(|(from, to, bytes)| {
            let bytes = bytes * turn.len();
            (turn.party(*from), turn.party(*to), bytes)
        })
    });
    runtime.declare_simultaneous(&all.collect::<Vec<_>>());
}

/// A share put together from the thirds' components.
pub(super) fn joined(len: usize, thirds: &[[Wiped<u64>; 2]]) -> Share {
    let part = |i: usize| Wiped::joined(len, thirds.iter().map(|third| &third[i][..]));
    Share {
        ring: super::RING,
        len,
        previous: part(0),
        next: part(1),
    }
}

//! A bit times a number: of two, one is chosen without telling which.

use super::turns::{Turn, declare, joined};
use super::{RING, Share, shares};
use qbench_protocols::Result;
use qbench_protocols::phase::Phase;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::Session;
use qbench_protocols::wipe::Wiped;

/// `bit x`, where the bit is shared by exclusive or and x is a number, by two oblivious transfers of three parties each (ABY3, section 5.4.1;
/// SPU's `mul_a1b`).
///
/// In each transfer a sender knows a summand `a` of x and two parts of the bit; the other two know the third part of it, by which the
/// receiver gets one of the sender's two messages `(i ^ bit's two parts) a - c1 - c2`.
///
/// Cost: 64 bytes an element and two rounds.
///
/// # Security
/// The two messages are masked by elements of the sender's and the helper's seed; the helper tells the receiver the mask of the one that
/// the bit asks for. c1 and c2 are fresh, and the receiver knows one of them. The receiver then tells the helper what it got: the helper knows
/// the other of c1 and c2.
///
/// # Errors
/// The network's.
///
/// # Panics
/// If the lengths differ.
pub fn times_bit(runtime: &mut Runtime<'_>, bit: &Share, x: &Share) -> Result<Share> {
    assert_eq!(bit.len, x.len, "shapes of a choice");
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(x.len));
    }
    let of = |transfer: Transfer| {
        let [sender, helper, receiver] = transfer.roles();
        [(sender, receiver, 16), (helper, receiver, 8)]
    };
    let answer = |transfer: Transfer| {
        let [_, helper, receiver] = transfer.roles();
        (receiver, helper, 8)
    };
    let transfers = [Transfer { sender: 0 }, Transfer { sender: 2 }];
    declare(runtime, x.len, &transfers.map(of).concat());
    declare(runtime, x.len, &transfers.map(answer));
    if runtime.me().is_none() {
        return Ok(shares::absent(x.len));
    }
    let session = runtime.session()?;
    let turns = Turn::all(x.len);
    let mut begun = Vec::new();
    for turn in &turns {
        for transfer in transfers {
            begun.push(transfer.begin(session, *turn, turn.of(bit), turn.of(x))?);
        }
    }
    let all = || {
        turns
            .iter()
            .flat_map(|turn| transfers.map(|transfer| (*turn, transfer)))
    };
    // Everything is heard before anything is answered.
    for ((turn, transfer), part) in all().zip(&mut begun) {
        transfer.choose(session, turn, turn.of(bit), part)?;
    }
    for ((turn, transfer), part) in all().zip(&begun) {
        transfer.answer(session, turn, part)?;
    }
    let mut thirds: Vec<[Wiped<u64>; 2]> = Vec::with_capacity(turns.len());
    for (i, ((turn, transfer), part)) in all().zip(begun).enumerate() {
        let part = transfer.finish(session, turn, part)?;
        if i % 2 == 0 {
            thirds.push(part);
        } else if let Some(sum) = thirds.last_mut() {
            for (sum, part) in sum.iter_mut().zip(&part) {
                RING.add_to(sum, part);
            }
        }
    }
    Ok(joined(x.len, &thirds))
}

/// One transfer; the sender's role names it.
#[derive(Clone, Copy)]
struct Transfer {
    sender: usize,
}

impl Transfer {
    /// Roles of the sender, the helper, the receiver. Their bit that both know is the component of the sender's role.
    fn roles(self) -> [usize; 3] {
        [self.sender, (self.sender + 1) % 3, (self.sender + 2) % 3]
    }

    /// The first messages; previous and next component of the product, as far as it is known. The receiver's and helper's common one
    /// is to come.
    fn begin(
        self,
        session: &mut Session,
        turn: Turn,
        bit: [&[u64]; 2],
        x: [&[u64]; 2],
    ) -> Result<[Wiped<u64>; 2]> {
        let len = turn.len();
        let [sender, helper, receiver] = self.roles().map(|role| turn.party(role));
        let me = session.me();
        let mut draw = |with| -> Wiped<u64> { session.draw(with, RING, len) };
        if me == sender {
            // With the receiver, the helper's component; with the helper, the receiver's.
            let (next, previous) = (draw(receiver), draw(helper));
            let masks = [draw(helper), draw(helper)];
            let mut messages = Wiped::zeros(2 * len);
            let (zero, one) = messages.split_at_mut(len);
            for i in 0..len {
                let known = (bit[0][i] ^ bit[1][i]) & 1;
                // Role 0 takes component 2 of x, role 2 the components 1 and 0.
                let a = match self.sender {
                    0 => x[0][i],
                    _ => x[0][i].wrapping_add(x[1][i]),
                };
                let less = previous[i].wrapping_add(next[i]);
                zero[i] = (known.wrapping_mul(a)).wrapping_sub(less) ^ masks[0][i];
                one[i] = ((known ^ 1).wrapping_mul(a)).wrapping_sub(less) ^ masks[1][i];
            }
            session.send_elements(receiver, RING, &messages)?;
            return Ok([previous, next]);
        }
        if me == helper {
            let own = draw(sender);
            let masks = [draw(sender), draw(sender)];
            // The sender's component of the bit: the helper's previous one.
            let pairs = masks[0].iter().zip(masks[1].iter()).zip(bit[0]);
            let chosen: Wiped<u64> = pairs
                .map(|((zero, one), bit)| if bit & 1 == 0 { *zero } else { *one })
                .collect();
            session.send_elements(receiver, RING, &chosen)?;
            // Helper holds the sender's component as previous, the receiver's as next.
            return Ok([Wiped::default(), own]);
        }
        // Receiver holds the helper's component as previous, the sender's as next.
        Ok([draw(sender), Wiped::default()])
    }

    /// The receiver opens the message that the bit asks for.
    fn choose(
        self,
        session: &mut Session,
        turn: Turn,
        bit: [&[u64]; 2],
        part: &mut [Wiped<u64>; 2],
    ) -> Result<()> {
        let len = turn.len();
        let [sender, helper, receiver] = self.roles().map(|role| turn.party(role));
        if session.me() != receiver {
            return Ok(());
        }
        let messages: Wiped<u64> = session.receive_elements(sender, RING, 2 * len)?;
        let masks: Wiped<u64> = session.receive_elements(helper, RING, len)?;
        let got = (0..len).map(|i| messages[(bit[1][i] & 1) as usize * len + i] ^ masks[i]);
        part[1] = got.collect();
        Ok(())
    }

    /// The receiver tells the helper what it got.
    fn answer(self, session: &mut Session, turn: Turn, part: &[Wiped<u64>; 2]) -> Result<()> {
        let [_, helper, receiver] = self.roles().map(|role| turn.party(role));
        if session.me() != receiver {
            return Ok(());
        }
        session.send_elements(helper, RING, &part[1])
    }

    /// The helper hears what the receiver got.
    fn finish(
        self,
        session: &mut Session,
        turn: Turn,
        mut part: [Wiped<u64>; 2],
    ) -> Result<[Wiped<u64>; 2]> {
        let [_, helper, receiver] = self.roles().map(|role| turn.party(role));
        if session.me() == helper {
            part[0] = session.receive_elements(receiver, RING, turn.len())?;
        }
        Ok(part)
    }
}

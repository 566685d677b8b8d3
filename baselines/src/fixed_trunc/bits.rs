//! Vectors of words shared by exclusive or of three components: conjunctions, sums by carries, the highest bit of a number.

use super::settings::BitPacking;
use super::{Choices, RING, Share, shares};
use qbench_protocols::Result;
use qbench_protocols::kernel::widest;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::threads::GRAIN;
use qbench_protocols::wipe::Wiped;

/// `x & y` of words of so many bits.
///
/// Cost: as many bits from each party to the one before it, and one round.
///
/// # Security
/// As [`super::products`], with exclusive or in place of sums.
///
/// # Errors
/// The network's.
fn and(runtime: &mut Runtime<'_>, wire: Ring, x: &Share, y: &Share) -> Result<Share> {
    rotated(runtime, wire, x.len, |_, first, out| {
        let to = first + out.len();
        let (xp, xn) = (&x.previous[first..to], &x.next[first..to]);
        let (yp, yn) = (&y.previous[first..to], &y.next[first..to]);
        let terms = xp.iter().zip(xn).zip(yp.iter().zip(yn));
        for (out, ((xp, xn), (yp, yn))) in out.iter_mut().zip(terms) {
            *out ^= (xp & (yp ^ yn)) ^ (xn & yp);
        }
    })
}

/// What each party has of a vector of words becomes a sharing: it goes out with a fresh sharing of zero, to the party before. `own` adds
/// this party's part from an index on.
fn rotated(
    runtime: &mut Runtime<'_>,
    wire: Ring,
    len: usize,
    own: impl Fn(Party, usize, &mut [u64]) + Sync,
) -> Result<Share> {
    let bytes = wire.wire_bytes(len);
    runtime.declare_simultaneous(&Party::ALL.map(|from| (from, from.previous(), bytes)));
    let Some(me) = runtime.me() else {
        return Ok(shares::absent(len));
    };
    let session = runtime.session()?;
    let mut next: Wiped<u64> = session.draw(me.next(), wire, len);
    let other: Wiped<u64> = session.draw(me.previous(), wire, len);
    session
        .threads()
        .chunks_mut(&mut next, GRAIN, |first, part| {
            widest(
                #[inline(always)]
                || {
                    for (next, other) in part.iter_mut().zip(&other[first..]) {
                        *next ^= other;
                    }
                    own(me, first, part);
                },
            );
        });
    session.send_elements(me.previous(), wire, &next)?;
    let previous = session.receive_elements(me.next(), wire, len)?;
    Ok(Share {
        ring: RING,
        len,
        previous,
        next,
    })
}

/// A number's two summands as words shared by exclusive or: P0's two components, which it adds and shares; and component 0, which P1 and P2
/// hold already.
///
/// Cost: 24 bytes a number and one round (SPU's: the sharing of zero of three could be a component from a seed).
fn summands(runtime: &mut Runtime<'_>, x: &Share) -> Result<[Share; 2]> {
    let sum = rotated(runtime, RING, x.len, |me, first, out| {
        if me == Party::P0 {
            let pairs = x.previous[first..].iter().zip(&x.next[first..]);
            for (out, (a, b)) in out.iter_mut().zip(pairs) {
                *out ^= a.wrapping_add(*b);
            }
        }
    })?;
    let zero = || Wiped::zeros(if x.is_held() { x.len } else { 0 });
    let (previous, next) = match runtime.me() {
        Some(Party::P1) => (Wiped::copied(&x.previous), zero()),
        Some(Party::P2) => (zero(), Wiped::copied(&x.next)),
        _ => (zero(), zero()),
    };
    let zeroth = Share {
        ring: RING,
        len: x.len,
        previous,
        next,
    };
    Ok([sum, zeroth])
}

/// Whether each number is negative: its highest bit, the others zero.
///
/// Bits are laid out so that neighbours stand half a word apart; each level joins the two halves of what is left.
///
/// Cost: 108 bytes a number ([`BitPacking::Bytes`]) or 95.25 and 8 rounds (SPU's `msb_a2b`).
///
/// # Security
/// As a product, with exclusive or in place of sums.
///
/// # Errors
/// The network's.
pub fn negative(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share) -> Result<Share> {
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(x.len));
    }
    let [a, b] = summands(runtime, x)?;
    // The carry into the highest bit is that out of the 63 below. A first one that neither sets nor hands on fills the word.
    let spread = |x: Share, runtime: &Runtime<'_>| {
        shares::each(
            runtime,
            x,
            #[inline(always)]
            |x| spread(x << 1),
        )
    };
    let top = shares::exclusive_or(runtime, a.clone(), &b);
    let (a, b) = (spread(a, runtime), spread(b, runtime));
    let mut set = and(runtime, RING, &a, &b)?;
    let mut propagate = shares::exclusive_or(runtime, a, &b);
    let mut half = 32;
    while half > 0 {
        let wire = match choices.packing {
            // A byte of either kind at least.
            BitPacking::Bytes => Ring::new((2 * half).max(16)),
            BitPacking::Bits => Ring::new(2 * half),
        };
        join_halves(runtime, wire, half, &mut set, &mut propagate)?;
        half /= 2;
    }
    let top = shares::each(
        runtime,
        top,
        #[inline(always)]
        |x| x >> 63,
    );
    let carry = shares::each(
        runtime,
        set,
        #[inline(always)]
        |x| x & 1,
    );
    Ok(shares::exclusive_or(runtime, top, &carry))
}

/// One level: of words of twice `half` bits the upper half is joined to the lower. `set` and `propagate` say of each block of bits whether it
/// makes a carry, and whether it hands one on.
fn join_halves(
    runtime: &mut Runtime<'_>,
    wire: Ring,
    half: u32,
    set: &mut Share,
    propagate: &mut Share,
) -> Result<()> {
    let mask = (1u64 << half) - 1;
    // Twice the upper `propagate`; the lower `set` and `propagate`.
    let upper = |p: u64| ((p >> half) & mask) | (p & (mask << half));
    let lower = |s: u64, p: u64| (s & mask) | ((p & mask) << half);
    let both = rotated(runtime, wire, set.len, |_, first, out| {
        let to = first + out.len();
        let (sp, sn) = (&set.previous[first..to], &set.next[first..to]);
        let (pp, pn) = (&propagate.previous[first..to], &propagate.next[first..to]);
        let terms = sp.iter().zip(sn).zip(pp.iter().zip(pn));
        for (out, ((sp, sn), (pp, pn))) in out.iter_mut().zip(terms) {
            let (xp, xn) = (upper(*pp), upper(*pn));
            let (yp, yn) = (lower(*sp, *pp), lower(*sn, *pn));
            *out ^= (xp & (yp ^ yn)) ^ (xn & yp);
        }
    })?;
    for (set, both) in [
        (&mut set.previous, &both.previous),
        (&mut set.next, &both.next),
    ] {
        for (set, both) in set.iter_mut().zip(both.iter()) {
            *set = (both & mask) ^ (*set >> half);
        }
    }
    *propagate = shares::each(
        runtime,
        both,
        #[inline(always)]
        |x| x >> half,
    );
    Ok(())
}

/// Reverses the six bits of each bit's number: neighbours come to stand 32 apart, pairs of pairs 16, and so on.
#[inline(always)]
fn spread(x: u64) -> u64 {
    /// Exchanges the bits under `mask` with those `by` above.
    #[inline(always)]
    fn exchanged(x: u64, mask: u64, by: u32) -> u64 {
        let differ = (x ^ (x >> by)) & mask;
        x ^ differ ^ (differ << by)
    }
    let x = exchanged(x, 0x0000_0000_aaaa_aaaa, 31);
    let x = exchanged(x, 0x0000_cccc_0000_cccc, 14);
    exchanged(x, 0x00f0_00f0_00f0_00f0, 4)
}

/// Numbers as words of bits.
///
/// Cost: 336 bytes a number, 8 rounds.
///
/// # Security
/// As a product, with exclusive or in place of sums.
///
/// # Errors
/// The network's.
pub fn to_bits(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(x.len));
    }
    let [a, b] = summands(runtime, x)?;
    sum(runtime, a, b)
}

/// The sum of words as numbers, in bits: carries by a prefix network.
fn sum(runtime: &mut Runtime<'_>, a: Share, b: Share) -> Result<Share> {
    let mut set = and(runtime, RING, &a, &b)?;
    let bits = shares::exclusive_or(runtime, a, &b);
    let mut propagate = bits.clone();
    for level in 0..6 {
        let by = 1 << level;
        let up = |x: &Share, runtime: &Runtime<'_>| {
            shares::each(
                runtime,
                x.clone(),
                #[inline(always)]
                |x| x << by,
            )
        };
        let (left, right) = (
            shares::join(&[&propagate, &propagate]),
            shares::join(&[&up(&set, runtime), &up(&propagate, runtime)]),
        );
        let [more, both] = shares::parts(&and(runtime, RING, &left, &right)?);
        set = shares::exclusive_or(runtime, set, &more);
        propagate = both;
    }
    let carries = shares::each(
        runtime,
        set,
        #[inline(always)]
        |s| s << 1,
    );
    Ok(shares::exclusive_or(runtime, bits, &carries))
}

/// Of each word only its highest set bit.
///
/// Cost: 144 bytes a word, 6 rounds.
///
/// # Security
/// As a product, with exclusive or in place of sums.
///
/// # Errors
/// The network's.
pub fn highest(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(x.len));
    }
    let mut below = x.clone();
    for level in 0..6 {
        let shifted = shares::each(
            runtime,
            below.clone(),
            #[inline(always)]
            |x| x >> (1 << level),
        );
        // Or: exclusive or, and both.
        let both = and(runtime, RING, &below, &shifted)?;
        let either = shares::exclusive_or(runtime, below, &shifted);
        below = shares::exclusive_or(runtime, either, &both);
    }
    Ok(shares::each(
        runtime,
        below,
        #[inline(always)]
        |x| x ^ (x >> 1),
    ))
}

/// Words of bits as numbers: P1 draws two parts of a mask, and shares their sum; the word plus the mask is opened to P0 and P2, whose
/// component it becomes.
///
/// Cost: 352 bytes a number, 9 rounds (SPU's takes 368).
///
/// # Security
/// What is opened to P0 and P2 is masked by two elements of which P0 knows the one, P2 the other.
///
/// # Errors
/// The network's.
pub fn to_number(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    let len = x.len;
    if runtime.phase() != Phase::Online {
        return Ok(shares::absent(len));
    }
    let me = runtime.me();
    let mut parts: [Wiped<u64>; 2] = Default::default();
    if let Some(me) = me {
        let session = runtime.session()?;
        if me != Party::P2 {
            let with = if me == Party::P0 {
                Party::P1
            } else {
                Party::P0
            };
            parts[0] = session.draw(with, RING, len);
        }
        if me != Party::P0 {
            let with = if me == Party::P1 {
                Party::P2
            } else {
                Party::P1
            };
            parts[1] = session.draw(with, RING, len);
        }
    }
    let masks = rotated(runtime, RING, len, |me, first, out| {
        if me == Party::P1 {
            let pairs = parts[0][first..].iter().zip(&parts[1][first..]);
            for (out, (a, b)) in out.iter_mut().zip(pairs) {
                *out ^= a.wrapping_add(*b);
            }
        }
    })?;
    let masked = sum(runtime, x.clone(), masks)?;
    let bytes = RING.wire_bytes(len);
    // P0 lacks component 0, which P1 has; P2 lacks component 2, which P0 has.
    runtime.declare_simultaneous(&[(Party::P1, Party::P0, bytes), (Party::P0, Party::P2, bytes)]);
    let Some(me) = me else {
        return Ok(shares::absent(len));
    };
    let session = runtime.session()?;
    match me {
        Party::P0 => session.send_elements(Party::P2, RING, &masked.previous)?,
        Party::P1 => session.send_elements(Party::P0, RING, &masked.previous)?,
        Party::P2 => {}
    }
    let negated = |part: &[u64]| -> Wiped<u64> { part.iter().map(|x| x.wrapping_neg()).collect() };
    let (previous, next) = if me == Party::P1 {
        (negated(&parts[1]), negated(&parts[0]))
    } else {
        let from = if me == Party::P0 {
            Party::P1
        } else {
            Party::P0
        };
        let mut opened: Wiped<u64> = session.receive_elements(from, RING, len)?;
        let held = masked.previous.iter().zip(masked.next.iter());
        for (opened, (a, b)) in opened.iter_mut().zip(held) {
            *opened ^= a ^ b;
        }
        match me {
            Party::P0 => (negated(&parts[0]), opened),
            _ => (opened, negated(&parts[1])),
        }
    };
    Ok(Share {
        ring: RING,
        len,
        previous,
        next,
    })
}

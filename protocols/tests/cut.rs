//! The cut: from every ring in use to every width, `floor(f)` or `floor(f) + 1`, exact at integers and
//! unbiased; and the test would see the bias of the paper's cut.

#![allow(clippy::unwrap_used)]

use qbench_protocols::lut::store::Store;
use qbench_protocols::net::Party;
use qbench_protocols::ring::{Ring, Word};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Additive;
use qbench_protocols::system::Phase;
use qbench_protocols::trio;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Sharings of each value.
const SAMPLES: usize = 2500;
/// Standard errors that a mean may be off: past it once in 10^9 means of an unbiased cut.
const SIGMAS: f64 = 6.2;
/// Rings of products (16 bits) and of means and variances.
const RINGS: [u32; 7] = [16, 20, 21, 22, 23, 24, 25];

/// Both shares of values `f * unit` to cut, with f as (integer part, sixteenths).
struct Sharings<W> {
    parts: Vec<(u64, u64)>,
    values: Vec<u64>,
    first: Vec<W>,
    second: Vec<W>,
}

fn sharings<W: Word>(ring: Ring, bits: u32) -> Sharings<W> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(u64::from(ring.bits() * 64 + bits));
    let unit = 1u64 << (ring.bits() - bits);
    let top = Ring::new(bits).mask();
    let mut sharings = Sharings {
        parts: Vec::new(),
        values: Vec::new(),
        first: Vec::new(),
        second: Vec::new(),
    };
    // The last integer part wraps to 0 where its fraction rounds up.
    for whole in [0, 1, top / 2, top / 2 + 1, top] {
        for sixteenths in [0, 1, 4, 8, 15] {
            let value = whole * unit + sixteenths * unit / 16;
            sharings.parts.push((whole, sixteenths));
            for _ in 0..SAMPLES {
                let second = random.next_u64() & ring.mask();
                sharings.values.push(value);
                let first = value.wrapping_sub(second) & ring.mask();
                sharings.first.push(W::from_u64(first));
                sharings.second.push(W::from_u64(second));
            }
        }
    }
    sharings
}

/// What P1 and P2 hold after the engine's cut, added up.
fn cut<W: Word>(ring: Ring, bits: u32, sharings: &Sharings<W>) -> Vec<u64> {
    let shares = trio::run(1, |session| {
        session.begin_phase(Phase::Online);
        let y = match session.me() {
            Party::P0 => Additive::absent(ring, sharings.values.len()),
            Party::P1 => Additive::held(ring, sharings.first.clone()),
            Party::P2 => Additive::held(ring, sharings.second.clone()),
        };
        let mut store = Store::default();
        let cut: Additive<u8> = Runtime::party(session, &mut store, None).cut(&y, bits);
        assert_eq!((cut.ring(), cut.len()), (Ring::new(bits), y.len()));
        Ok(cut.values().to_vec())
    })
    .unwrap();
    assert!(shares[0].is_empty(), "P0 holds nothing");
    add(bits, &shares[1], &shares[2])
}

fn add<W: Word>(bits: u32, first: &[W], second: &[W]) -> Vec<u64> {
    let ring = Ring::new(bits);
    first
        .iter()
        .zip(second)
        .map(|(a, b)| (a.to_u64() + b.to_u64()) & ring.mask())
        .collect()
}

/// The paper's cut, which has no constant: the top bits of both shares.
fn cut_as_printed<W: Word>(ring: Ring, bits: u32, sharings: &Sharings<W>) -> Vec<u64> {
    let top = |shares: &[W]| -> Vec<u64> {
        shares
            .iter()
            .map(|share| share.to_u64() >> (ring.bits() - bits))
            .collect()
    };
    add(bits, &top(&sharings.first), &top(&sharings.second))
}

/// The first fault in what came out of a cut: an output that it does not allow, or a mean too far from f.
fn fault<W: Word>(bits: u32, sharings: &Sharings<W>, outputs: &[u64]) -> Option<String> {
    let ring = Ring::new(bits);
    for ((whole, sixteenths), outputs) in sharings.parts.iter().zip(outputs.chunks(SAMPLES)) {
        let up = |output: &u64| output.wrapping_sub(*whole) & ring.mask();
        let most = u64::from(*sixteenths > 0);
        if let Some(output) = outputs.iter().find(|output| up(output) > most) {
            return Some(format!("{whole} + {sixteenths}/16 gave {output}"));
        }
        let mean = outputs.iter().map(up).sum::<u64>() as f64 / SAMPLES as f64;
        let fraction = *sixteenths as f64 / 16.0;
        let error = (fraction * (1.0 - fraction) / SAMPLES as f64).sqrt();
        if (mean - fraction).abs() > SIGMAS * error {
            return Some(format!("{whole} + {sixteenths}/16 gave {mean} on average"));
        }
    }
    None
}

fn check<W: Word>(ring: u32) {
    let ring = Ring::new(ring);
    for bits in 4..=8 {
        let sharings = sharings::<W>(ring, bits);
        let outputs = cut(ring, bits, &sharings);
        assert_eq!(
            fault(bits, &sharings, &outputs),
            None,
            "{ring:?} to {bits} bits"
        );
        let printed = cut_as_printed(ring, bits, &sharings);
        assert!(fault(bits, &sharings, &printed).is_some());
    }
}

#[test]
fn every_ring_to_every_width_is_exact_at_integers_and_unbiased_between() {
    for ring in RINGS {
        if ring == 16 {
            check::<u16>(ring);
        }
        check::<u32>(ring);
    }
}

/// Plain truncation gives nothing that is not allowed: only the mean shows its bias.
#[test]
fn a_bias_that_stays_in_the_allowed_set_is_seen() {
    let (ring, bits) = (Ring::new(16), 4);
    let sharings = sharings::<u16>(ring, bits);
    let always_down: Vec<u64> = sharings
        .values
        .iter()
        .map(|value| value >> (ring.bits() - bits))
        .collect();
    let fault = fault(bits, &sharings, &always_down).unwrap();
    assert!(fault.ends_with("on average"), "{fault}");
}

#[test]
fn cutting_nothing_changes_nothing() {
    let ring = Ring::new(8);
    let shares = trio::run(1, |session| {
        session.begin_phase(Phase::Online);
        let y = Additive::held(ring, (0..=255u8).collect());
        let mut store = Store::default();
        let cut: Additive<u8> = Runtime::party(session, &mut store, None).cut(&y, 8);
        Ok(cut.values().to_vec())
    })
    .unwrap();
    assert_eq!(shares[1], (0..=255).collect::<Vec<u8>>());
    assert_eq!(shares[1], shares[2]);
}

//! Numbers with a spare bit: every number of every width, at every mask that chance gives, and what is made of them.

use qbench_substrate::Result;
use qbench_substrate::net::Party;
use qbench_substrate::ring::{Ring, Word};
use qbench_substrate::runtime::Runtime;
use qbench_substrate::share::spare::{
    Factors, Spare, open_spare, row_squares, scaled, times_row, widen,
};
use qbench_substrate::share::{Additive, open_masked};
use qbench_substrate::testing::Fault;
use qbench_substrate::testing::examine::{Examined, Test, examine};
use qbench_substrate::testing::functionality::{
    Ran, elements, reconstruct, run, share, try_run, unmasked,
};
use qbench_substrate::testing::view::{Opening, Seen, Sharing, View, openings, unpack};

/// Every number of b bits, in a ring with a spare bit, so often that its masks fall on either side.
fn numbers(bits: u32, times: usize) -> Vec<i64> {
    let half = 1i64 << (bits - 1);
    (-half..half).collect::<Vec<_>>().repeat(times)
}

fn encoded<W: Word>(ring: Ring, numbers: &[i64]) -> Vec<W> {
    numbers.iter().map(|x| ring.encode(*x)).collect()
}

fn opened(runtime: &mut Runtime<'_>, bits: u32, numbers: &[i64]) -> Result<Spare<u16>> {
    let ring = Ring::new(bits + 1);
    let x = share(runtime, ring, &encoded::<u16>(ring, numbers), 5);
    Ok(open_spare(runtime, &[&x])?.remove(0))
}

fn widened<V: Word>(bits: u32, wide: u32) {
    let (numbers, ring) = (numbers(bits, 20), Ring::new(wide));
    let ran = run(2, |runtime| {
        let x = opened(runtime, bits, &numbers)?;
        Ok(widen::<u16, V>(runtime, &[(&x, ring)], |_, _| ())?.remove(0))
    });
    let expected = encoded::<V>(ring, &numbers);
    assert_eq!(
        unmasked(&ran.dealt[0], &ran.outputs),
        expected,
        "{bits} to {wide} bits"
    );
    let (low, above) = (Ring::new(bits + 1), Ring::new(wide - bits - 1));
    let bytes = [low, above].map(|ring| ring.wire_bytes(numbers.len()) as u64);
    assert_eq!(ran.total_bytes(), [bytes[1], 2 * (bytes[0] + bytes[1])]);
    assert_eq!(ran.rounds(), [1, 2]);
}

#[test]
fn every_number_widens_to_every_ring() {
    for bits in [2, 4, 5, 6, 8] {
        for wide in bits + 2..=16 {
            widened::<u16>(bits, wide);
        }
        widened::<u32>(bits, 20);
        widened::<u64>(bits, 44);
    }
    widened::<u32>(12, 28);
    widened::<u64>(15, 64);
}

/// Vectors of several widths and rings share both rounds.
#[test]
fn vectors_open_and_widen_together() {
    let widths = [(4, 16), (6, 18), (7, 20)];
    let ran = run(1, |runtime| {
        let shares = widths.map(|(bits, _)| {
            let ring = Ring::new(bits + 1);
            share(runtime, ring, &encoded::<u8>(ring, &numbers(bits, 3)), 9)
        });
        let opened = open_spare(runtime, &shares.each_ref())?;
        let inputs: Vec<_> = opened
            .iter()
            .zip(widths)
            .map(|(x, (_, wide))| (x, Ring::new(wide)))
            .collect();
        widen::<u8, u32>(runtime, &inputs, |_, _| ())
    });
    assert_eq!(ran.rounds()[1], 2);
    let mut outputs = ran.outputs.map(Vec::into_iter);
    for ((bits, wide), masks) in widths.into_iter().zip(&ran.dealt[0]) {
        let parties = outputs.each_mut().map(|wires| wires.next().unwrap());
        assert_eq!(
            unmasked(masks, &parties),
            encoded::<u32>(Ring::new(wide), &numbers(bits, 3))
        );
    }
}

/// Factors of a row, the same in every phase.
fn factors<V: Word>(runtime: &mut Runtime<'_>, ring: Ring, clear: &[V]) -> Result<Factors<V>> {
    let clear_at_p0 = (runtime.me() == Some(Party::P0)).then_some(clear);
    Factors::share(runtime, ring, clear.len(), clear_at_p0)
}

/// `f` of a row of numbers and their factors, and of the row's wire.
fn rows_are<V: Word>(
    bits: u32,
    ring: Ring,
    step: impl Fn(&mut Runtime<'_>, &Spare<u16>, &Factors<V>) -> Result<Additive<V>> + Sync,
    expected: impl Fn(&[i64], &[u64]) -> Vec<u64>,
) -> [u64; 2] {
    let row = 1 << (bits - 1);
    let numbers = numbers(bits, 12);
    let clear: Vec<V> = elements(ring, row, 7);
    let ran = run(2, |runtime| {
        let c = factors(runtime, ring, &clear)?;
        let x = opened(runtime, bits, &numbers)?;
        step(runtime, &x, &c)
    });
    let factors: Vec<u64> = clear.iter().map(|c| c.to_u64()).collect();
    let expected: Vec<V> = numbers
        .chunks_exact(row)
        .flat_map(|row| expected(row, &factors))
        .map(|x| ring.reduce(V::from_u64(x)))
        .collect();
    assert_eq!(
        reconstruct(&ran.outputs),
        expected,
        "{bits} bits in {ring:?}"
    );
    ran.rounds()
}

fn term(x: i64, c: u64, power: u32) -> u64 {
    c.wrapping_mul((x as u64).wrapping_pow(power))
}

fn squares_of(row: &[i64], c: &[u64]) -> Vec<u64> {
    let terms = row.iter().zip(c).map(|(x, c)| term(*x, *c, 2));
    vec![terms.fold(0, u64::wrapping_add)]
}

#[test]
fn products_with_factors_and_sums_of_squares_need_no_message() {
    for bits in [4, 7, 12] {
        let constants: Vec<u32> = elements(Ring::new(28), 1 << (bits - 1), 11);
        let step = |runtime: &mut Runtime<'_>, x: &Spare<u16>, c: &Factors<u32>| {
            scaled(runtime, x, c, &constants)
        };
        let scaled = rows_are::<u32>(bits, Ring::new(28), step, |row, c| {
            let terms = row.iter().zip(c).map(|(x, c)| term(*x, *c, 1));
            let sums = terms.zip(&constants);
            sums.map(|(term, constant)| term.wrapping_add(u64::from(*constant)))
                .collect()
        });
        let squares = rows_are::<u64>(bits, Ring::new(44), row_squares, squares_of);
        rows_are::<u64>(bits, Ring::new(64), row_squares, squares_of);
        assert_eq!(
            (scaled[1], squares[1]),
            (2, 2),
            "sharing the factors, and the opening"
        );
    }
}

#[test]
fn a_row_times_a_wire_needs_no_message() {
    for (bits, wide) in [(4, 20), (12, 28), (12, 32)] {
        let ring = Ring::new(wide);
        let rows = 24;
        let values: Vec<u32> = elements(ring, rows, 3);
        let row = 1usize << (bits - 1);
        let next = std::sync::atomic::AtomicUsize::new(0);
        let step = |runtime: &mut Runtime<'_>, x: &Spare<u16>, c: &Factors<u32>| {
            let y = share(runtime, ring, &values[..x.len() / row], 8);
            let y = open_masked(runtime, &y)?;
            times_row(runtime, x, c, &y, |_| ())
        };
        let rounds = rows_are::<u32>(bits, ring, step, |row, c| {
            let y = u64::from(values[next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)]);
            row.iter()
                .zip(c)
                .map(|(x, c)| term(*x, *c, 1).wrapping_mul(y))
                .collect()
        });
        assert_eq!(rounds[1], 3, "the factors, and two openings");
    }
}

/// Widens two vectors, one after the other, so often with fresh seeds.
fn widenings(numbers: &[i64], fault: Option<Fault>) -> Vec<Ran<()>> {
    let run = |_| {
        let twice = try_run(1, fault, |runtime| {
            for _ in 0..2 {
                let x = opened(runtime, BITS, numbers)?;
                widen::<u16, u16>(runtime, &[(&x, WIDE)], |_, _| ())?;
            }
            Ok(())
        });
        twice.unwrap()
    };
    (0..RUNS).map(run).collect()
}

const BITS: u32 = 4;
const WIDE: Ring = Ring::new(16);
const RUNS: usize = 60;

/// What P1 and P2 see of both exchanges of two widenings, and what P2 is dealt for them.
fn seen(runs: &[Ran<()>]) -> View {
    let (low, above) = (Ring::new(BITS + 1), Ring::new(WIDE.bits() - BITS - 1));
    let exchange = [low, above].map(|ring| Opening::Elements(ring, Sharing::Additive));
    let mut view = openings(runs, &exchange.repeat(2));
    for number in 0..2 {
        let dealt = runs
            .iter()
            .map(|ran| unpack(above, &ran.received[0][2][number].payload));
        let seen = Seen::additive(above, vec![dealt.collect()]);
        view.insert(format!("dealt #{number}"), seen);
    }
    view
}

fn examined(fault: Option<Fault>) -> Examined {
    let least = vec![-(1 << (BITS - 1)); 64];
    let all = numbers(BITS, 4);
    let [least, all] = [&least, &all].map(|numbers| seen(&widenings(numbers, fault)));
    examine(&least, &all)
}

#[test]
fn what_is_opened_and_dealt_says_nothing() {
    assert_eq!(examined(None).findings, []);
    // Of what either party knows nothing is needed to hide it.
    for known in [
        &[(Party::P0, Party::P1), (Party::P1, Party::P2)],
        &[(Party::P0, Party::P2), (Party::P1, Party::P2)],
    ] {
        let examined = examined(Some(Fault::ZerosOfPairs(known)));
        // Less the other's message it is the party's own, of which it knows the mask: to be hidden is what is opened.
        let opened = |place: &str| place.ends_with("opened") && !place.contains(',');
        let mut findings = examined.findings.iter();
        assert!(
            !findings.any(|finding| opened(&finding.place)),
            "{examined:?}"
        );
    }
}

#[test]
fn missing_masks_are_seen() {
    let all = &[
        (Party::P0, Party::P1),
        (Party::P0, Party::P2),
        (Party::P1, Party::P2),
    ];
    let examined = examined(Some(Fault::ZerosOfPairs(all)));
    for place in ["#0 opened", "#1 opened", "dealt #0"] {
        assert!(
            examined.finds(Test::Uniform, place),
            "{place}: {examined:?}"
        );
    }
}

/// A dealt bit, and a mask above the bits that are open, that serve two widenings.
#[test]
fn what_serves_two_widenings_is_seen() {
    let examined = examined(Some(Fault::RepeatedDraws));
    for places in [
        "#0 opened, #2 opened",
        "#1 opened, #3 opened",
        "dealt #0, dealt #1",
    ] {
        assert!(
            examined.finds(Test::BetweenPlaces, places),
            "{places}: {examined:?}"
        );
    }
}

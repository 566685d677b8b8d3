//! Additive sharing at every ring width, each step alone: sharing what one party has, opening, and gathering a product.

use qbench_substrate::Error;
use qbench_substrate::net::Party;
use qbench_substrate::ring::{Ring, Word};
use qbench_substrate::runtime::Runtime;
use qbench_substrate::share::{
    Additive, gather_product, reveal_to_both, reveal_to_p1, share_from_p0, share_from_p1,
};
use qbench_substrate::testing::functionality::{
    elements, reconstruct, reconstruct_bits, run, share, share_bits, try_run,
};

/// Elements of a vector: no multiple of anything that packs well. 67 elements of one bit are equal by chance once in 10^20.
const LEN: usize = 67;

/// One way between P1 and P2, or both.
fn between_p1_and_p2(from_p1: usize, from_p2: usize) -> [[u64; 3]; 3] {
    [[0; 3], [0, 0, from_p1 as u64], [0, from_p2 as u64, 0]]
}

fn from_p1<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(1, |runtime| {
        let mine = (runtime.me() == Some(Party::P1)).then_some(clear.as_slice());
        let first = share_from_p1(runtime, ring, mine, LEN)?;
        Ok([first, share_from_p1(runtime, ring, mine, LEN)?])
    });
    for i in 0..2 {
        let shares = ran.outputs.each_ref().map(|shares| shares[i].clone());
        assert_eq!(reconstruct(&shares), clear, "{ring:?}");
        assert_ne!(shares[1].values(), clear, "masked in {ring:?}");
    }
    let [first, second] = &ran.outputs[2];
    assert_ne!(first.values(), second.values(), "fresh in {ring:?}");
    assert_eq!((ran.total_bytes(), ran.rounds()), ([0, 0], [0, 0]));
}

fn from_p0<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(1, |runtime| {
        share_from_p0(runtime, ring, LEN, |first, out| {
            out.copy_from_slice(&clear[first..][..out.len()]);
        })
    });
    let bytes = ring.wire_bytes(LEN) as u64;
    // The step is the same in every phase, and fresh in each.
    for parties in [&ran.dealt, &ran.outputs] {
        assert_eq!(reconstruct(parties), clear, "{ring:?}");
        let [_, first, second] = parties.each_ref().map(Additive::values);
        assert!(first != clear && second != clear, "masked in {ring:?}");
    }
    assert_ne!(ran.dealt[1], ran.outputs[1], "fresh in {ring:?}");
    assert_eq!(ran.online_bytes(), [[0, 0, bytes], [0; 3], [0; 3]]);
    assert_eq!((ran.total_bytes(), ran.rounds()), ([bytes; 2], [1, 1]));
}

#[test]
fn what_one_party_has_is_shared_at_every_width() {
    qbench_substrate::at_every_width!(from_p1);
    qbench_substrate::at_every_width!(from_p0);
}

#[test]
fn p1_shares_as_many_values_as_the_others_expect() {
    let ring = Ring::new(9);
    let body = |values: &'static [u16]| {
        move |runtime: &mut Runtime<'_>| share_from_p1(runtime, ring, Some(values), 4)
    };
    for (values, met) in [(&[1, 2, 3][..], "has 3"), (&[], "has 0")] {
        match try_run(1, None, body(values)) {
            Err(error @ Error::Shape { .. }) => {
                let expected = format!("step `step`: P1 needs 4 input values, {met}");
                assert_eq!(error.to_string(), expected);
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("shared"),
        }
    }
}

fn to_both<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(1, |runtime| {
        let x = share(runtime, ring, &clear, 2);
        reveal_to_both(runtime, &x)
    });
    assert_eq!(ran.outputs, [Vec::new(), clear.clone(), clear], "{ring:?}");
    let bytes = ring.wire_bytes(LEN);
    assert_eq!(ran.online_bytes(), between_p1_and_p2(bytes, bytes));
    assert_eq!((ran.total_bytes()[0], ran.rounds()), (0, [0, 1]));
}

fn to_p1<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(1, |runtime| {
        let x = share(runtime, ring, &clear, 2);
        reveal_to_p1(runtime, &x)
    });
    assert_eq!(ran.outputs, [None, Some(clear.into()), None], "{ring:?}");
    let bytes = ring.wire_bytes(LEN);
    assert_eq!(ran.online_bytes(), between_p1_and_p2(0, bytes));
    assert_eq!((ran.total_bytes()[0], ran.rounds()), (0, [0, 1]));
    assert!(ran.received[1][2].is_empty(), "P2 learns nothing");
}

#[test]
fn openings_of_every_width_are_exact_and_nobody_elses() {
    qbench_substrate::at_every_width!(to_both);
    qbench_substrate::at_every_width!(to_p1);
}

/// Each party's summand of a product is a known vector.
fn gather<W: Word>(ring: Ring, threads: usize) {
    let summand = |me: Party| elements::<W>(ring, LEN, 10 + me.index() as u64);
    let ran = run(threads, |runtime| {
        let mut product =
            || gather_product(runtime, ring, LEN, |session| summand(session.me()).into());
        Ok([product()?, product()?])
    });
    let mut clear = summand(Party::P0);
    for party in [Party::P1, Party::P2] {
        ring.add_to(&mut clear, &summand(party));
    }
    for i in 0..2 {
        let shares = ran.outputs.each_ref().map(|shares| shares[i].clone());
        assert_eq!((shares[1].ring(), shares[1].len()), (ring, LEN));
        assert_eq!(reconstruct(&shares), clear, "{ring:?}");
        // P2's share is its summand less a mask.
        assert_ne!(shares[2].values(), summand(Party::P2), "{ring:?}");
    }
    let [first, second] = &ran.outputs[2];
    assert_ne!(first, second, "a fresh mask each time, {ring:?}");
    let bytes = 2 * ring.wire_bytes(LEN) as u64;
    assert_eq!(ran.online_bytes(), [[0, bytes, 0], [0; 3], [0; 3]]);
    // P0 waits for nobody, so both of its messages are first in their chains.
    assert_eq!((ran.total_bytes()[0], ran.rounds()), (0, [0, 1]));
}

fn gather_alone<W: Word>(ring: Ring) {
    gather::<W>(ring, 1);
}

#[test]
fn summands_of_every_width_add_up_under_fresh_masks() {
    qbench_substrate::at_every_width!(gather_alone);
    gather::<u16>(Ring::new(16), 3);
    gather::<u64>(Ring::new(64), 2);
}

/// What the tests themselves share and put together.
fn binary<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(1, |runtime| Ok(share_bits(runtime, ring, &clear, 2)));
    assert_eq!(reconstruct_bits(&ran.outputs), clear, "{ring:?}");
    assert_ne!(ran.outputs[1].values(), clear, "masked in {ring:?}");
}

#[test]
fn bits_are_shared_by_exclusive_or() {
    qbench_substrate::at_every_width!(binary);
}

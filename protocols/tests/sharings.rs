//! Resharing and gathering products at every ring width, each alone.

#![allow(clippy::unwrap_used)]

use qbench_protocols::lut::store::Store;
use qbench_protocols::net::Party;
use qbench_protocols::ring::{Ring, Word};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::Session;
use qbench_protocols::share::{Additive, Replicated};
use qbench_protocols::system::Phase;
use qbench_protocols::{Result, trio};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Elements of a vector: no multiple of anything that packs well.
const LEN: usize = 67;

fn random<W: Word>(ring: Ring, seed: u64) -> Vec<W> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..LEN)
        .map(|_| ring.reduce(W::from_u64(random.next_u64())))
        .collect()
}

fn add<W: Word>(ring: Ring, a: &[W], b: &[W]) -> Vec<W> {
    let sums = a.iter().zip(b).map(|(a, b)| ring.reduce(a.add(*b)));
    sums.collect()
}

/// P1 and P2 hold fixed shares of the vector with this number.
fn held<W: Word>(me: Party, ring: Ring, number: u64) -> Additive<W> {
    match me {
        Party::P0 => Additive::absent(ring, LEN),
        _ => Additive::held(ring, random(ring, number * 3 + me.index() as u64)),
    }
}

/// One online phase at each party.
fn online<T: Send>(
    threads: usize,
    body: impl Fn(&mut Runtime<'_>, Party) -> Result<T> + Sync,
) -> [T; 3] {
    trio::run(threads, |session: &mut Session| {
        session.begin_phase(Phase::Online);
        session.enter("step");
        let me = session.me();
        let mut store = Store::default();
        body(&mut Runtime::party(session, &mut store, None), me)
    })
    .unwrap()
}

/// Components 0, 1, 2; each must be the same at both of its holders.
fn components<W: Word>(parties: [&Replicated<W>; 3]) -> [Vec<W>; 3] {
    std::array::from_fn(|component| {
        // Party i holds component i - 1 as `previous` and i + 1 as `next`.
        let as_next = &parties[(component + 2) % 3].next;
        let as_previous = &parties[(component + 1) % 3].previous;
        assert_eq!(as_next, as_previous, "component {component}");
        as_next.clone()
    })
}

fn reshare<W: Word>(bits: u32, threads: usize) {
    let ring = Ring::new(bits);
    let inputs = |me| [held::<W>(me, ring, 1), held::<W>(me, ring, 2)];
    // Two vectors at once, and then the first again.
    let parties = online(threads, |runtime, me| {
        let [a, b] = inputs(me);
        let mut out = runtime.reshare(&[&a, &b])?;
        out.extend(runtime.reshare(&[&a])?);
        Ok(out)
    });
    let (one, two) = (inputs(Party::P1), inputs(Party::P2));
    let all: Vec<[Vec<W>; 3]> = (0..3)
        .map(|i| components([&parties[0][i], &parties[1][i], &parties[2][i]]))
        .collect();
    for (i, vector) in [0, 1, 0].into_iter().enumerate() {
        let [zeroth, first, second] = &all[i];
        let sum = add(ring, &add(ring, zeroth, first), second);
        let clear = add(ring, one[vector].values(), two[vector].values());
        assert_eq!(sum, clear, "vector {i} in {ring:?}");
    }
    // 67 elements of one bit are equal by chance once in 10^20.
    for component in 0..3 {
        assert_ne!(all[0][component], all[1][component], "{ring:?}");
        assert_ne!(all[0][component], all[2][component], "fresh in {ring:?}");
        assert_ne!(all[0][component], all[0][(component + 1) % 3], "{ring:?}");
    }
}

#[test]
fn components_of_every_width_add_up_and_are_fresh() {
    for bits in 1..=8 {
        reshare::<u8>(bits, 1);
    }
    for bits in 1..=16 {
        reshare::<u16>(bits, 1);
    }
    for bits in 1..=32 {
        reshare::<u32>(bits, 1);
    }
}

#[test]
fn threads_draw_the_same_components() {
    reshare::<u8>(4, 3);
    reshare::<u16>(16, 3);
    reshare::<u32>(21, 3);
}

/// Each party's summand of a product is a known vector.
fn gather<W: Word>(bits: u32, threads: usize) {
    let ring = Ring::new(bits);
    let summand = |me: Party| random::<W>(ring, 10 + me.index() as u64);
    let parties = online(threads, |runtime, me| {
        let mut shares = Vec::new();
        for _ in 0..2 {
            let product = runtime.gather_product(ring, LEN, |_| summand(me))?;
            assert_eq!((product.ring(), product.len()), (ring, LEN));
            shares.push(product.values().to_vec());
        }
        Ok(shares)
    });
    let clear = Party::ALL.iter().fold(vec![W::default(); LEN], |sum, me| {
        add(ring, &sum, &summand(*me))
    });
    assert_eq!(parties[0], [[], []], "P0 holds no share");
    for (first, second) in parties[1].iter().zip(&parties[2]) {
        assert_eq!(add(ring, first, second), clear, "{ring:?}");
        // P2's share is its summand less a mask.
        assert_ne!(*second, summand(Party::P2), "{ring:?}");
    }
    assert_ne!(
        parties[2][0], parties[2][1],
        "a fresh mask each time, {ring:?}"
    );
}

#[test]
fn summands_of_every_width_add_up_under_fresh_masks() {
    for bits in 1..=8 {
        gather::<u8>(bits, 1);
    }
    for bits in 1..=16 {
        gather::<u16>(bits, 1);
    }
    for bits in 1..=32 {
        gather::<u32>(bits, 1);
    }
    gather::<u16>(16, 3);
    gather::<u64>(64, 2);
}

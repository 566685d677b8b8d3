//! Replicated sharing at every ring width, each step alone: into it, products in it, shuffles, openings, and out of it.

use qbench_substrate::Result;
use qbench_substrate::ring::{Ring, Word};
use qbench_substrate::runtime::Runtime;
use qbench_substrate::share::{Replicated, additive_from, multiply, reshare, reveal, shuffle};
use qbench_substrate::testing::functionality::{
    Components, components, elements, reconstruct, run, share,
};
use qbench_substrate::wipe::Wiped;

/// Elements of a vector: no multiple of anything that packs well. 67 elements of one bit are equal by chance once in 10^20.
const LEN: usize = 67;

fn replicate<W: Word>(runtime: &mut Runtime<'_>, ring: Ring, clear: &[W]) -> Result<Replicated<W>> {
    let x = share(runtime, ring, clear, 2);
    Ok(reshare(runtime, &[&x])?.remove(0))
}

/// The same vector of every party's.
fn vector<T, W: Word>(parties: &[T; 3], of: impl Fn(&T) -> &Replicated<W>) -> Components<W> {
    components(&parties.each_ref().map(|party| of(party).clone()))
}

/// Two vectors at once, and then the first again.
fn resharing<W: Word>(ring: Ring, threads: usize) {
    let clear: [Vec<W>; 2] = [1, 2].map(|seed| elements(ring, LEN, seed));
    let ran = run(threads, |runtime| {
        let [a, b] = [0, 1].map(|i| share(runtime, ring, &clear[i], i as u64));
        let mut out = reshare(runtime, &[&a, &b])?;
        out.extend(reshare(runtime, &[&a])?);
        Ok(out)
    });
    let all = [0, 1, 2].map(|i| vector(&ran.outputs, |out| &out[i]));
    for (out, vector) in all.iter().zip([0, 1, 0]) {
        assert_eq!(out.sum(), clear[vector], "vector {vector} in {ring:?}");
    }
    let [a, b, again] = &all;
    for component in 0..3 {
        let first = &a.all[component];
        assert_ne!(first, &b.all[component], "{ring:?}");
        assert_ne!(first, &again.all[component], "fresh in {ring:?}");
        assert_ne!(first, &a.all[(component + 1) % 3], "{ring:?}");
    }
    let bytes = 3 * ring.wire_bytes(LEN) as u64;
    assert_eq!(ran.online_bytes(), [[0; 3], [0, 0, bytes], [0, bytes, 0]]);
    assert_eq!((ran.total_bytes()[0], ran.rounds()), (0, [0, 2]));
}

fn resharing_alone<W: Word>(ring: Ring) {
    resharing::<W>(ring, 1);
}

#[test]
fn components_of_every_width_add_up_and_are_fresh() {
    qbench_substrate::at_every_width!(resharing_alone);
}

#[test]
fn threads_draw_the_same_components() {
    resharing::<u8>(Ring::new(4), 3);
    resharing::<u16>(Ring::new(16), 3);
    resharing::<u32>(Ring::new(21), 3);
}

/// A product, its square, which needs both copies of each component to be equal, and the square opened to everybody.
fn products<W: Word>(ring: Ring) {
    let [a, b]: [Vec<W>; 2] = [1, 2].map(|seed| elements(ring, LEN, seed));
    let ran = run(2, |runtime| {
        let x = replicate(runtime, ring, &a)?;
        let y = replicate(runtime, ring, &b)?;
        let product = multiply(runtime, &x, &y)?;
        let again = multiply(runtime, &x, &y)?;
        let square = multiply(runtime, &product, &product)?;
        let opened = reveal(runtime, &square)?;
        Ok((product, again, square, opened))
    });
    let times = |a: &[W], b: &[W]| -> Vec<W> {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| ring.reduce(a.mul(*b))).collect()
    };
    let clear = times(&a, &b);
    let [product, again] = [
        vector(&ran.outputs, |out| &out.0),
        vector(&ran.outputs, |out| &out.1),
    ];
    assert_eq!((product.sum(), again.sum()), (clear.clone(), clear.clone()));
    for component in 0..3 {
        let fresh = product.all[component] != again.all[component];
        assert!(fresh, "component {component} is fresh in {ring:?}");
    }
    let square = times(&clear, &clear);
    assert_eq!(vector(&ran.outputs, |out| &out.2).sum(), square, "{ring:?}");
    for (_, _, _, opened) in &ran.outputs {
        assert_eq!(opened, &square, "{ring:?}");
    }
    // Two conversions; then, to the party before each, three products and an opening.
    let bytes = ring.wire_bytes(LEN) as u64;
    let all = 4 * bytes;
    let (to_p2, to_p1) = (2 * bytes, all + 2 * bytes);
    assert_eq!(
        ran.online_bytes(),
        [[0, 0, all], [all, 0, to_p2], [0, to_p1, 0]]
    );
    assert_eq!(ran.total_bytes()[0], 0);
}

#[test]
fn products_of_every_width_are_exact_fresh_and_opened_to_all() {
    qbench_substrate::at_every_width!(products);
}

fn product_rounds<W: Word>(ring: Ring) {
    // Nothing is held before, so that the only chain is the product's own.
    let zero = |runtime: &Runtime<'_>| {
        let mut x = Replicated::<W>::absent(ring, LEN);
        if runtime.me().is_some() {
            (x.previous, x.next) = (Wiped::zeros(LEN), Wiped::zeros(LEN));
        }
        x
    };
    let product = run(1, |runtime| {
        let x = zero(runtime);
        multiply(runtime, &x, &x)
    });
    let opened = run(1, |runtime| {
        let x = zero(runtime);
        reveal(runtime, &x)
    });
    let bytes = 3 * ring.wire_bytes(LEN) as u64;
    for (bytes_and_rounds, what) in [
        ((product.total_bytes(), product.rounds()), "a product"),
        ((opened.total_bytes(), opened.rounds()), "an opening"),
    ] {
        assert_eq!(bytes_and_rounds, ([0, bytes], [0, 1]), "{what} in {ring:?}");
    }
}

#[test]
fn a_product_and_an_opening_take_one_round_each() {
    qbench_substrate::at_every_width!(product_rounds);
}

/// Back to additive shares, twice: without a message, and independent of the components that P0 holds.
fn way_back<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(1, |runtime| {
        let x = replicate(runtime, ring, &clear)?;
        Ok([additive_from(runtime, &x)?, additive_from(runtime, &x)?])
    });
    for i in 0..2 {
        let shares = ran.outputs.each_ref().map(|shares| shares[i].clone());
        assert_eq!(reconstruct(&shares), clear, "{ring:?}");
    }
    for party in [1, 2] {
        let [first, second] = &ran.outputs[party];
        assert_ne!(first.values(), second.values(), "fresh in {ring:?}");
    }
    let bytes = ring.wire_bytes(LEN) as u64;
    // The conversion's alone.
    assert_eq!((ran.total_bytes(), ran.rounds()), ([0, 2 * bytes], [0, 1]));
}

#[test]
fn replicated_becomes_additive_at_every_width() {
    qbench_substrate::at_every_width!(way_back);
}

/// All vectors are permuted alike, within their rows, and all components change.
fn shuffling<W: Word>(ring: Ring) {
    let (row, rows) = (40, 7);
    let clear: Vec<W> = elements(ring, row * rows, 1);
    let ran = run(2, |runtime| {
        let x = replicate(runtime, ring, &clear)?;
        let mut shuffled = shuffle(runtime, vec![x.clone(), x.clone()], row)?;
        shuffled.push(x);
        Ok(shuffled)
    });
    let [first, second, before] = [0, 1, 2].map(|i| vector(&ran.outputs, |out| &out[i]));
    assert_eq!(first.sum(), second.sum(), "both alike in {ring:?}");
    let sorted = |elements: &[W]| {
        let mut elements = elements.to_vec();
        elements.sort_unstable();
        elements
    };
    let opened = first.sum();
    for (before, after) in clear.chunks_exact(row).zip(opened.chunks_exact(row)) {
        assert_eq!(sorted(before), sorted(after), "within a row in {ring:?}");
        assert_ne!(before, after, "a row of {row} left in order in {ring:?}");
    }
    for after in [&first, &second] {
        for (before, after) in before.all.iter().zip(&after.all) {
            assert_ne!(before, after, "{ring:?}");
            // In narrow rings two vectors may well have as many of each element.
            let moved = ring.bits() >= 8 && sorted(before) == sorted(after);
            assert!(!moved, "a component came out as it went in, {ring:?}");
        }
    }
    // The conversion, and each pair's exchange of two vectors.
    let bytes = ring.wire_bytes(row * rows) as u64;
    let [conversion, shuffle] = [2 * bytes, 3 * 2 * 2 * bytes];
    assert_eq!(ran.total_bytes(), [0, conversion + shuffle]);
    assert_eq!(ran.rounds(), [0, 1 + 3]);
}

#[test]
fn a_shuffle_moves_vectors_alike_and_refreshes_components() {
    qbench_substrate::at_every_width!(shuffling);
}

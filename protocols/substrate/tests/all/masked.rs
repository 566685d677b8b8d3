//! Masked wires at every ring width: what is opened, dealt, computed locally and unmasked is exact and costs what it says;
//! and what P1 and P2 see of an opening says nothing of what is opened, until a mask is left out.

use qbench_substrate::net::Party;
use qbench_substrate::ring::{Ring, Word};
use qbench_substrate::share::{masked_from_p0, open_masked, unmask_to_p1};
use qbench_substrate::testing::Fault;
use qbench_substrate::testing::examine::{Test, examine};
use qbench_substrate::testing::functionality::{elements, run, share, try_run, unmasked};
use qbench_substrate::testing::view::under_the_others_mask;

/// Elements of a vector: no multiple of anything that packs well. 67 elements of one bit are equal by chance once in 10^20.
const LEN: usize = 67;

fn opening<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(2, |runtime| {
        let x = share(runtime, ring, &clear, 2);
        open_masked(runtime, &x)
    });
    assert_eq!(unmasked(&ran.dealt[0], &ran.outputs), clear, "{ring:?}");
    assert_ne!(ran.outputs[1].values(), clear, "masked in {ring:?}");
    // Nobody has anything else: masks at P0 when dealing, values at the others when computing.
    for (party, (dealt, output)) in ran.dealt.iter().zip(&ran.outputs).enumerate() {
        let (masks, values) = if party == 0 { (LEN, 0) } else { (0, LEN) };
        assert_eq!((dealt.masks().len(), dealt.values().len()), (masks, 0));
        assert_eq!((output.masks().len(), output.values().len()), (0, values));
    }
    let bytes = ring.wire_bytes(LEN) as u64;
    assert_eq!(ran.online_bytes(), [[0; 3], [0, 0, bytes], [0, bytes, 0]]);
    assert_eq!((ran.total_bytes()[0], ran.rounds()), (0, [0, 1]));
    assert_eq!(ran.material_bytes, [0; 3], "masks are keys");
}

/// Sums, public summands and factors, and any linear map, on values and masks alike.
fn local<W: Word>(ring: Ring) {
    let [a, b]: [Vec<W>; 2] = [1, 2].map(|seed| elements(ring, LEN, seed));
    let [five, three] = [5, 3].map(|public| ring.reduce(W::from_u64(public)));
    let ran = run(1, |runtime| {
        let [x, y] = [&a, &b].map(|clear| share(runtime, ring, clear, 3));
        let (x, y) = (open_masked(runtime, &x)?, open_masked(runtime, &y)?);
        let sum = x.plus(&y).plus_public(five).times_public(three);
        Ok(sum.map_to(ring, LEN - 1, |x| ring.subtract(&x[1..], x)))
    });
    let mut sum = a;
    ring.add_to(&mut sum, &b);
    let sum: Vec<W> = sum
        .iter()
        .map(|x| ring.reduce(x.add(five).mul(three)))
        .collect();
    let differences = ring.subtract(&sum[1..], &sum);
    assert_eq!(
        unmasked(&ran.dealt[0], &ran.outputs),
        differences.into_vec(),
        "{ring:?}"
    );
    assert_eq!(ran.rounds(), [0, 2], "the two openings alone");
}

fn from_p0<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(2, |runtime| {
        masked_from_p0(runtime, ring, LEN, |first, out| {
            out.copy_from_slice(&clear[first..][..out.len()]);
        })
    });
    // The step is the same in every phase, and fresh in each.
    for parties in [&ran.dealt, &ran.outputs] {
        assert_eq!(unmasked(&parties[0], parties), clear, "{ring:?}");
        assert_ne!(parties[1].values(), clear, "masked in {ring:?}");
    }
    assert_ne!(
        ran.dealt[1].values(),
        ran.outputs[1].values(),
        "fresh in {ring:?}"
    );
    let bytes = ring.wire_bytes(LEN) as u64;
    assert_eq!(ran.online_bytes(), [[0, 0, bytes], [0; 3], [0; 3]]);
    assert_eq!((ran.total_bytes(), ran.rounds()), ([bytes; 2], [1, 1]));
}

fn to_p1<W: Word>(ring: Ring) {
    let clear: Vec<W> = elements(ring, LEN, 1);
    let ran = run(1, |runtime| {
        let x = share(runtime, ring, &clear, 2);
        let x = open_masked(runtime, &x)?;
        unmask_to_p1(runtime, &x)
    });
    assert_eq!(ran.outputs, [None, Some(clear.into()), None], "{ring:?}");
    let bytes = ring.wire_bytes(LEN) as u64;
    assert_eq!(
        (ran.total_bytes(), ran.rounds()),
        ([bytes, 2 * bytes], [1, 1])
    );
    assert_eq!(ran.material_bytes, [0, bytes, 0]);
    assert!(ran.received[0][2].is_empty(), "P2 never sees a mask");
}

#[test]
fn masked_wires_of_every_width_are_exact_and_cost_what_they_say() {
    qbench_substrate::at_every_width!(opening);
    qbench_substrate::at_every_width!(local);
    qbench_substrate::at_every_width!(from_p0);
    qbench_substrate::at_every_width!(to_p1);
}

/// Elements of an opening that is looked at: a multiple of 8, so that they fill their bytes.
const MANY: usize = 1024;

/// The bound of each test is for 20,000 of them; there are about 10,000 over all widths.
fn openings_tell_nothing<W: Word>(ring: Ring) {
    let inputs = [vec![ring.word_mask(); MANY], elements::<W>(ring, MANY, 1)];
    let examined = |fault| {
        let view = |clear| {
            let opened = [0, 1].map(|seed| {
                let ran = try_run(1, fault, |runtime| {
                    let x = share(runtime, ring, clear, seed);
                    open_masked(runtime, &x)?;
                    Ok(x)
                });
                ran.unwrap()
            });
            under_the_others_mask(&opened)
        };
        examine(&view(&inputs[0]), &view(&inputs[1]))
    };
    let intact = examined(None);
    assert_eq!(intact.findings, [], "{ring:?}");
    assert!(intact.tests > 0);
    for (missing, seen_by, not_by) in [(Party::P1, "P2", "P1"), (Party::P2, "P1", "P2")] {
        let leaking = examined(Some(Fault::Zeros {
            of: (Party::P0, missing),
            step: "",
        }));
        for test in [Test::Uniform, Test::BetweenInputs, Test::BetweenInferences] {
            assert!(leaking.finds(test, seen_by), "{test:?}, {ring:?}");
            assert!(!leaking.finds(test, not_by), "{test:?}, {ring:?}");
        }
    }
}

#[test]
fn what_is_seen_of_an_opening_is_uniform_unless_a_mask_is_left_out() {
    qbench_substrate::at_every_width!(openings_tell_nothing);
}

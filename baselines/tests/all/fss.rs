//! Function secret sharing alone: every point and value of small widths, borders and chance ones of large, on both sides of the
//! widths at which keys change form, by one thread and several.

use qbench_baselines::fss::{dcf, dpf};
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::testing::functionality::{Ran, elements, run};

/// What P0 has offline, or P1 and P2 online; nothing elsewhere.
fn only<'a>(runtime: &Runtime<'_>, phase: Phase, values: &'a [u64]) -> &'a [u64] {
    let p0 = runtime.me() == Some(Party::P0);
    match runtime.me().is_some() && runtime.phase() == phase && p0 == (phase == Phase::Offline) {
        true => values,
        false => &[],
    }
}

/// Points and values to compare: all pairs at small widths, else neighbours of each other, borders, and chance ones.
fn pairs(bits: u32) -> (Vec<u64>, Vec<u64>) {
    let size = 1u64 << bits;
    if bits <= 5 {
        return (0..size * size).map(|i| (i / size, i % size)).unzip();
    }
    let mask = size - 1;
    let mut chance: Vec<u64> = elements(Ring::new(bits), 150, 7);
    chance.extend([
        0,
        1,
        mask,
        mask / 2,
        mask / 2 + 1,
        127 & mask,
        128 & mask,
        129 & mask,
    ]);
    let near = chance
        .iter()
        .flat_map(|point| [0, 1, mask].map(|offset| (*point, point.wrapping_add(offset) & mask)));
    let shifted = chance
        .iter()
        .zip(chance.iter().skip(1))
        .map(|(a, b)| (*a, *b));
    near.chain(shifted).unzip()
}

fn opened(ran: &Ran<Option<Vec<u64>>>, join: impl Fn(u64, u64) -> u64) -> Vec<u64> {
    assert!(ran.outputs[0].is_none() && ran.dealt.iter().all(Option::is_none));
    let [one, two] = [1, 2].map(|party| ran.outputs[party].as_ref().unwrap());
    one.iter().zip(two).map(|(a, b)| join(*a, *b)).collect()
}

#[test]
fn comparisons_with_a_secret_point() {
    for bits in (1..=12).chain([14, 19, 32, 38, 39, 49, 50, 63]) {
        let (points, values) = pairs(bits);
        let (ring, count) = (Ring::new(bits), points.len());
        let other: Vec<u64> = values
            .iter()
            .map(|v| ring.reduce(v.wrapping_sub(255)))
            .collect();
        for threads in [1, 2] {
            let ran = run(threads, |runtime| {
                let points = only(runtime, Phase::Offline, &points);
                let values = [&values, &other].map(|v| only(runtime, Phase::Online, v));
                let below = dpf::below(runtime, bits, count, points, &values)?;
                Ok(below.map(|below| {
                    below
                        .iter()
                        .flat_map(|b| b.iter().map(|b| u64::from(*b)))
                        .collect()
                }))
            });
            let below = opened(&ran, |a, b| a ^ b);
            let expected = values
                .iter()
                .chain(&other)
                .zip(points.iter().chain(&points));
            for (below, (value, point)) in below.iter().zip(expected) {
                assert_eq!(
                    *below,
                    u64::from(value < point),
                    "{value} < {point}, {bits} bits"
                );
            }
            assert_eq!(ran.total_bytes()[1], 0);
        }
    }
}

#[test]
fn comparisons_to_ring_elements() {
    for (bits, out) in [
        (1, 1),
        (2, 50),
        (5, 3),
        (8, 50),
        (29, 7),
        (42, 7),
        (50, 50),
        (63, 64),
    ] {
        let (points, values) = pairs(bits);
        let (ring, count) = (Ring::new(out), points.len());
        let twice: Vec<u64> = values.iter().flat_map(|v| [*v, v ^ 1]).collect();
        let ran = run(2, |runtime| {
            let points = only(runtime, Phase::Offline, &points);
            let values = only(runtime, Phase::Online, &twice);
            let below = dcf::below(runtime, bits, ring, count, points, values)?;
            Ok(below.map(|below| below.to_vec()))
        });
        let below = opened(&ran, |a, b| ring.reduce(a.wrapping_add(b)));
        for (i, (below, value)) in below.iter().zip(&twice).enumerate() {
            let point = points[i / 2];
            assert_eq!(
                *below,
                u64::from(*value < point),
                "{value} < {point}, {bits} bits"
            );
        }
        let key = 128 + bits as usize * (129 + out as usize) + out as usize;
        let declared = ran.material_bytes[2] as usize;
        assert!(
            (key * count..key * count + 16).contains(&(8 * declared)),
            "{bits} bits"
        );
    }
}

#[test]
fn tables_at_a_secret_place() {
    for bits in [1, 2, 6, 7, 8, 9, 11, 13] {
        let (ring, wide) = (Ring::new(bits), Ring::new(50));
        let table: Vec<u64> = elements(wide, 1 << bits, 3);
        // Every input of the small rings, under masks that differ.
        let inputs: Vec<u64> = match bits {
            ..=8 => (0..3 << bits).map(|x| x & ring.mask()).collect(),
            _ => elements(ring, 150, 4),
        };
        let masks: Vec<u64> = elements(ring, inputs.len(), 5);
        let mut masked = inputs.clone();
        ring.add_to(&mut masked, &masks);
        let ran = run(2, |runtime| {
            let masks = only(runtime, Phase::Offline, &masks);
            let masked = only(runtime, Phase::Online, &masked);
            let looked = dpf::look_up(runtime, bits, inputs.len(), masks, masked, &table)?;
            let pairs: Option<Vec<u64>> = looked.map(|looked| {
                let signs = looked.positive.iter().map(|bit| u64::from(*bit));
                looked.entries.iter().copied().chain(signs).collect()
            });
            Ok(pairs)
        });
        let [one, two] = [1, 2].map(|party| ran.outputs[party].as_ref().unwrap());
        let count = inputs.len();
        let mut signs = [0; 2];
        for (i, input) in inputs.iter().enumerate() {
            let entry = one[i].wrapping_add(two[i]);
            let positive = one[count + i] ^ two[count + i];
            signs[positive as usize] += 1;
            let expected = table[*input as usize];
            let signed = if positive == 1 {
                expected
            } else {
                expected.wrapping_neg()
            };
            assert_eq!(entry, signed, "{bits} bits at {input}");
        }
        assert!(
            bits < 6 || signs.iter().all(|count| *count > 0),
            "either sign: {signs:?}"
        );
    }
}

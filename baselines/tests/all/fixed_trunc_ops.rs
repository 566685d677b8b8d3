//! Each operation of `fixed-trunc` alone: against its function, and at the bytes and rounds of the originals.

use crate::fixed_trunc_support::{Input, choices, compute, numbers, words};
use crate::support::uniform;
use qbench_baselines::fixed_point::clear::Approximations;
use qbench_baselines::fixed_trunc::bits::{highest, negative, to_bits, to_number};
use qbench_baselines::fixed_trunc::clear::Polynomials;
use qbench_baselines::fixed_trunc::functions::{
    exp, gelu, inverse_sqrt, layer_norm, max_rows, reciprocal, relu, softmax, tanh,
};
use qbench_baselines::fixed_trunc::products::multiply;
use qbench_baselines::fixed_trunc::select::times_bit;
use qbench_baselines::fixed_trunc::truncate::truncate;
use qbench_baselines::fixed_trunc::{Choices, RING, Share};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::testing::functionality::{Ran, elements};

const TRUNCATIONS: [&str; 4] = ["aby3-local", "pr", "pr2", "dealer"];

fn with(truncation: &str) -> Choices {
    choices(&[("truncation", truncation)])
}

fn real(choices: &Choices, values: &[f64]) -> Input {
    (values.iter().map(|v| choices.encode(*v)).collect(), false)
}

/// Online bytes over all parties and rounds.
fn cost(ran: &Ran<Share>) -> (u64, u64) {
    (ran.total_bytes()[1], ran.rounds()[1])
}

/// Small and large numbers of either sign, and borders; fewer than a third is left over.
fn signed_numbers(bits: u32) -> Vec<u64> {
    let mut all: Vec<u64> = elements::<u64>(RING, 200, 3)
        .into_iter()
        .map(|x| ((x as i64) >> (64 - bits)) as u64)
        .collect();
    let most = (1i64 << (bits - 1)) - 1;
    for x in [0, 1, -1, 4096, -4096, 4095, -4095, most, -most - 1] {
        all.push(x as u64);
    }
    all.extend((0..100u64).map(|i| (i * 771).wrapping_sub(38_000)));
    all
}

#[test]
fn truncation_rounds_to_a_neighbour_and_keeps_whole_numbers() {
    for (name, bytes, rounds, largest) in [
        ("aby3-local", 8, 1, 40),
        ("pr", 64, 2, 62),
        ("pr2", 28, 2, 62),
        ("dealer", 16, 1, 40),
    ] {
        let (choices, clear) = (with(name), signed_numbers(largest));
        for (bits, threads) in [(12, 1), (18, 2), (26, 1), (1, 1)] {
            let ran = compute(&[(clear.clone(), false)], threads, None, |runtime, x| {
                truncate(runtime, &choices, &x[0], bits)
            });
            for (x, y) in clear.iter().zip(numbers(&ran)) {
                let (x, y) = (*x as i64, y as i64);
                let down = x >> bits;
                let up = down + i64::from(x & ((1 << bits) - 1) != 0);
                assert!(y == down || y == up, "{name}: {x} by {bits} bits is {y}");
            }
            let count = clear.len() as u64;
            assert_eq!(cost(&ran), (bytes * count, rounds), "{name}");
            let offline = if name == "dealer" { 8 * count } else { 0 };
            assert_eq!(ran.total_bytes()[0], offline);
        }
    }
}

/// The mean of many roundings is the number itself: half a unit off would be a bias that grows over layers.
#[test]
fn truncation_has_no_bias() {
    for name in TRUNCATIONS {
        let choices = with(name);
        for x in [4096 + 1024, -4096 + 3072, 1 - 4096] {
            let clear = vec![x as u64; 30_000];
            let ran = compute(&[(clear, false)], 1, None, |runtime, x| {
                truncate(runtime, &choices, &x[0], 12)
            });
            let sum: i64 = numbers(&ran).iter().map(|y| *y as i64).sum();
            let mean = sum as f64 / 30_000.0;
            let expected = x as f64 / 4096.0;
            assert!(
                (mean - expected).abs() < 0.02,
                "{name}: {mean} for {expected}"
            );
        }
    }
}

#[test]
fn products_of_numbers() {
    for (name, bytes, rounds) in [
        ("aby3-local", 32, 2),
        ("pr", 88, 3),
        ("pr2", 52, 3),
        ("dealer", 32, 1),
    ] {
        let choices = with(name);
        let (a, b) = (uniform(100, -30.0, 30.0, 1), uniform(100, -30.0, 30.0, 2));
        let ran = compute(
            &[real(&choices, &a), real(&choices, &b)],
            2,
            None,
            |runtime, x| multiply(runtime, &choices, &x[0], &x[1]),
        );
        for ((a, b), product) in a.iter().zip(&b).zip(numbers(&ran)) {
            let product = choices.fixed.decode(product);
            let unit = 2f64.powi(-(choices.fraction_bits() as i32));
            assert!(
                (a * b - product).abs() < 40.0 * unit,
                "{name}: {a} {b} {product}"
            );
        }
        assert_eq!(cost(&ran), (bytes * 100, rounds), "{name}");
    }
}

#[test]
fn signs_cost_what_the_original_pays() {
    for (packing, bytes) in [("bytes", 108.0), ("bits", 95.25)] {
        let choices = choices(&[("bit_packing", packing)]);
        let mut clear = signed_numbers(64);
        clear.truncate(304);
        for threads in [1, 2] {
            let ran = compute(&[(clear.clone(), false)], threads, None, |runtime, x| {
                negative(runtime, &choices, &x[0])
            });
            for (x, bit) in clear.iter().zip(words(&ran)) {
                assert_eq!(bit, x >> 63, "{x}");
            }
            assert_eq!(cost(&ran), ((bytes * 304.0) as u64, 8));
        }
    }
}

#[test]
fn bits_and_numbers() {
    let clear = signed_numbers(64);
    let count = clear.len() as u64;
    let ran = compute(&[(clear.clone(), false)], 1, None, |runtime, x| {
        to_bits(runtime, &x[0])
    });
    assert_eq!(words(&ran), clear);
    assert_eq!(cost(&ran), (336 * count, 8));
    let ran = compute(&[(clear.clone(), true)], 2, None, |runtime, x| {
        highest(runtime, &x[0])
    });
    let expected: Vec<u64> = clear
        .iter()
        .map(|x| x.checked_ilog2().map_or(0, |place| 1 << place))
        .collect();
    assert_eq!(words(&ran), expected);
    assert_eq!(cost(&ran), (144 * count, 6));
    let ran = compute(&[(clear.clone(), true)], 1, None, |runtime, x| {
        to_number(runtime, &x[0])
    });
    assert_eq!(numbers(&ran), clear);
    assert_eq!(cost(&ran), (352 * count, 9));
}

#[test]
fn a_bit_chooses() {
    let clear = signed_numbers(64);
    let bits: Vec<u64> = elements::<u64>(RING, clear.len(), 8);
    for threads in [1, 2] {
        let inputs = [(bits.clone(), true), (clear.clone(), false)];
        let ran = compute(&inputs, threads, None, |runtime, x| {
            times_bit(runtime, &x[0], &x[1])
        });
        let expected: Vec<u64> = bits.iter().zip(&clear).map(|(b, x)| (b & 1) * x).collect();
        assert_eq!(numbers(&ran), expected);
        assert_eq!(cost(&ran), (64 * clear.len() as u64, 2));
    }
}

#[test]
fn relu_and_maxima() {
    let choices = choices(&[]);
    let clear = signed_numbers(62);
    let ran = compute(&[(clear.clone(), false)], 1, None, |runtime, x| {
        relu(runtime, &choices, &x[0])
    });
    let expected: Vec<u64> = clear.iter().map(|x| (*x as i64).max(0) as u64).collect();
    assert_eq!(numbers(&ran), expected);
    assert_eq!(cost(&ran), (172 * clear.len() as u64, 10));
    for width in [1, 2, 3, 7, 8, 31] {
        let rows = clear.len() / width;
        let clear: Vec<u64> = clear[..rows * width]
            .iter()
            .map(|x| ((*x as i64) / 4) as u64)
            .collect();
        let ran = compute(&[(clear.clone(), false)], 2, None, |runtime, x| {
            max_rows(runtime, &choices, &x[0], width)
        });
        let expected: Vec<u64> = clear
            .chunks(width)
            .map(|row| row.iter().map(|x| *x as i64).max().unwrap() as u64)
            .collect();
        assert_eq!(numbers(&ran), expected, "{width}");
        let levels = u64::from((width as u64).next_power_of_two().ilog2());
        let comparisons = (rows * (width - 1)) as u64;
        assert_eq!(cost(&ran), (172 * comparisons, 10 * levels));
    }
}

/// What a function of one vector gives, as real numbers, with its cost.
fn function(
    choices: &Choices,
    values: &[f64],
    body: impl Fn(&mut Runtime<'_>, &Share) -> Result<Share> + Sync,
) -> (Vec<f64>, (u64, u64)) {
    let ran = compute(&[real(choices, values)], 2, None, |runtime, x| {
        body(runtime, &x[0])
    });
    let out = numbers(&ran)
        .iter()
        .map(|y| choices.fixed.decode(*y))
        .collect();
    (out, cost(&ran))
}

fn near(what: &str, out: &[f64], expected: impl IntoIterator<Item = f64>, tolerance: f64) {
    for (i, (y, expected)) in out.iter().zip(expected).enumerate() {
        let allowed = tolerance * (1.0 + expected.abs());
        assert!(
            (y - expected).abs() < allowed,
            "{what} {i}: {y} for {expected}"
        );
    }
}

#[test]
fn functions_are_near_what_they_approximate() {
    for name in TRUNCATIONS {
        let choices = with(name);
        let clear = Polynomials {
            squarings: choices.squarings,
        };
        let values = uniform(300, -9.0, 9.0, 4);
        let (out, _) = function(&choices, &values, |r, x| gelu(r, &choices, x));
        near("gelu", &out, values.iter().map(|x| clear.gelu(*x)), 2e-3);
        let (out, _) = function(&choices, &values, |r, x| tanh(r, &choices, x));
        near("tanh", &out, values.iter().map(|x| clear.tanh(*x)), 3e-3);
        let negative = uniform(300, -14.0, 0.0, 4);
        let (out, _) = function(&choices, &negative, |r, x| exp(r, &choices, x));
        near("exp", &out, negative.iter().map(|x| x.exp()), 0.01 + 2e-3);
        let mut positive = uniform(200, 0.05, 700.0, 5);
        positive.extend(uniform(100, 0.01, 2.0, 6));
        let (out, _) = function(&choices, &positive, |r, x| reciprocal(r, &choices, x));
        near("reciprocal", &out, positive.iter().map(|x| 1.0 / x), 2e-3);
        let (out, _) = function(&choices, &positive, |r, x| inverse_sqrt(r, &choices, x));
        near(
            "inverse square root",
            &out,
            positive.iter().map(|x| 1.0 / x.sqrt()),
            2e-3,
        );
        for width in [1, 5, 8, 30] {
            let rows = uniform(10 * width, -6.0, 6.0, 7);
            let (out, _) = function(&choices, &rows, |r, x| softmax(r, &choices, x, width));
            let expected = rows.chunks(width).flat_map(|row| clear.softmax(row));
            near("softmax", &out, expected, 3e-3);
        }
        let rows = uniform(6 * 48, -3.0, 3.0, 8);
        let gains = uniform(48, 0.5, 1.5, 9);
        let inputs = [
            real(&choices, &rows),
            real(&choices, &gains),
            real(&choices, &gains),
        ];
        let ran = compute(&inputs, 1, None, |r, x| {
            layer_norm(r, &choices, &x[0], &x[1], &x[2], 1e-5)
        });
        let out: Vec<f64> = numbers(&ran)
            .iter()
            .map(|y| choices.fixed.decode(*y))
            .collect();
        let gains: Vec<f32> = gains.iter().map(|x| *x as f32).collect();
        let expected = rows
            .chunks(48)
            .flat_map(|row| clear.layer_norm(row, &gains, &gains, 1e-5));
        near("layer norm", &out, expected, 4e-3);
    }
}

/// Bytes of whole functions in closed form, T bytes a truncation and t squarings.
#[test]
fn functions_cost_the_closed_forms() {
    for (preset, t_bytes, squarings) in [("spu", 28, 8), ("puma", 64, 5)] {
        let choices = choices(&[("preset", preset)]);
        let product = 24 + t_bytes;
        let values = uniform(90, -3.0, 3.0, 1);
        let (_, (bytes, rounds)) = function(&choices, &values, |r, x| gelu(r, &choices, x));
        assert_eq!(bytes, 90 * (3 * 108 + 3 * 64 + 4 * product + 7 * t_bytes));
        assert_eq!(rounds, 8 + 2 + 3 * 3 + 2);
        let (_, (bytes, rounds)) = function(&choices, &values, |r, x| reciprocal(r, &choices, x));
        assert_eq!(bytes, 90 * (832 + 6 * product));
        assert_eq!(rounds, 23 + 5 * 3);
        let (_, (bytes, rounds)) = function(&choices, &values, |r, x| inverse_sqrt(r, &choices, x));
        assert_eq!(bytes, 90 * (832 + t_bytes + 12 * product));
        assert_eq!(rounds, 23 + 2 + 10 * 3);
        let (_, (bytes, _)) = function(&choices, &values, |r, x| softmax(r, &choices, x, 9));
        let element = 172 + t_bytes + squarings * product + product;
        assert_eq!(bytes, 10 * (8 * 172 + 832 + 6 * product) + 90 * element);
    }
}

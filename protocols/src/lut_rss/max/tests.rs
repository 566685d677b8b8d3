//! Each protocol against the true maxima, and what the radix sort is made of.

use super::maxima_by_differences;
use super::radix_sort::{bit_destinations, position_ring, sort_rows};
use crate::Result;
use crate::lut::{Contents, Input, lookup, open};
use crate::lut_rss::plan::MaxProtocol;
use crate::lut_rss::tests::{config, plan};
use crate::lut_rss::{Knowledge, LutRss};
use crate::model::config::ActivationFunction;
use crate::ring::Ring;
use crate::runtime::Runtime;
use crate::share::{Replicated, reshare, reveal, shuffle};
use crate::testing::functionality::{elements, reconstruct, run, share};

fn replicate(runtime: &mut Runtime<'_>, ring: Ring, clear: &[u16]) -> Result<Replicated<u16>> {
    let shared = share(runtime, ring, clear, 9);
    Ok(reshare(runtime, &[&shared])?.remove(0))
}

/// Rows of random signed values, the first of the least value alone, the next two of ties.
fn rows_of(ring: Ring, rows: usize, row: usize, seed: u64) -> Vec<u8> {
    let mut values = elements(ring, rows * row, seed);
    let constants = [1 << (ring.bits() - 1), ring.mask(), 3 & ring.mask()];
    for (values, constant) in values.chunks_mut(row).zip(constants) {
        values.fill(constant as u8);
    }
    values
}

fn maxima_are_true(bits: u32, row: usize, threads: usize, protocol: MaxProtocol) {
    let (ring, rows) = (Ring::new(bits), 40);
    let values = rows_of(ring, rows, row, row as u64);
    let plan = plan(config(4, 1, ActivationFunction::Relu), 4, 4);
    let ran = run(threads, |runtime| {
        let x = share(runtime, ring, &values, 9);
        let mut engine = LutRss::new(runtime.lend(), &plan, Knowledge::default());
        match protocol {
            MaxProtocol::Tournament => engine.tournament_max(&x, row),
            MaxProtocol::RadixSort => engine.radix_sort_max(&x, row),
            MaxProtocol::Histogram => engine.histogram_max(&x, row),
        }
    });
    let expected: Vec<u8> = values
        .chunks_exact(row)
        .map(|row| *row.iter().max_by_key(|x| ring.signed(**x)).unwrap())
        .collect();
    let got = reconstruct(&ran.outputs);
    assert_eq!(got, expected, "{protocol:?}, {bits} bits, rows of {row}");
}

#[test]
fn maxima_are_true_for_every_row_length() {
    for row in (1..=9).chain([16, 31, 33]) {
        maxima_are_true(4, row, 1, MaxProtocol::RadixSort);
        maxima_are_true(4, row, 1, MaxProtocol::Tournament);
        maxima_are_true(4, row, 1, MaxProtocol::Histogram);
    }
    for bits in [3, 5, 6] {
        maxima_are_true(bits, 9, 3, MaxProtocol::Histogram);
    }
    maxima_are_true(4, 300, 3, MaxProtocol::Histogram);
    maxima_are_true(1, 5, 1, MaxProtocol::RadixSort);
    maxima_are_true(6, 9, 1, MaxProtocol::RadixSort);
    maxima_are_true(4, 300, 3, MaxProtocol::RadixSort);
}

/// With a spare bit, every pair of numbers, and rows of every length; what is opened goes through a table of the numbers themselves.
#[test]
fn differences_find_every_maximum() {
    for (bits, row, threads) in
        (1..=9)
            .chain([33, 300])
            .map(|row| (4, row, 1))
            .chain([(3, 2, 1), (5, 2, 3), (7, 5, 3)])
    {
        let (narrow, ring) = (Ring::new(bits), Ring::new(bits + 1));
        let all = 0..=narrow.mask();
        let values: Vec<u64> = match row {
            2 => all
                .clone()
                .flat_map(|a| all.clone().flat_map(move |b| [a, b]))
                .collect(),
            _ => rows_of(narrow, 40, row, row as u64)
                .into_iter()
                .map(u64::from)
                .collect(),
        };
        let signed: Vec<i64> = values.iter().map(|x| narrow.signed(*x)).collect();
        let spared: Vec<u8> = signed.iter().map(|x| ring.encode(*x)).collect();
        let rows = signed.len() / row;
        let ran = run(threads, |runtime| {
            let x = share(runtime, ring, &spared, 9);
            let opened = open(runtime, &x)?;
            let maxima = maxima_by_differences(runtime, &x, &opened, row)?;
            let inputs = [Input::each(&maxima)];
            lookup::<u8>(runtime, &inputs, rows, ring, || {
                Contents::of_signed(ring.bits(), ring, |x| x)
            })
        });
        let got: Vec<i64> = reconstruct(&ran.outputs)
            .iter()
            .map(|x| ring.signed(*x))
            .collect();
        let expected: Vec<i64> = signed
            .chunks_exact(row)
            .map(|row| row.iter().copied().max().unwrap())
            .collect();
        assert_eq!(got, expected, "{bits} bits, rows of {row}");
    }
}

/// The payload is each element's position, so what comes out is the sorting permutation itself.
#[test]
fn the_sort_is_stable() {
    for row in [1, 2, 3, 8, 33] {
        let (key, positions, rows) = (Ring::new(3), position_ring(row), 17);
        let keys = rows_of(key, rows, row, 40);
        let places: Vec<u16> = (0..keys.len()).map(|i| (i % row) as u16).collect();
        let ran = run(1, |runtime| {
            let mut bits = Vec::new();
            for bit in (0..key.bits()).rev() {
                let column: Vec<u16> = keys.iter().map(|key| u16::from(key >> bit & 1)).collect();
                bits.push(replicate(runtime, positions, &column)?);
            }
            let places = replicate(runtime, positions, &places)?;
            let sorted = sort_rows(runtime, bits, places, row)?;
            reveal(runtime, &sorted)
        });
        for (r, keys) in keys.chunks_exact(row).enumerate() {
            let mut expected: Vec<u16> = (0..row as u16).collect();
            expected.sort_by_key(|i| keys[usize::from(*i)]);
            for opened in &ran.outputs {
                assert_eq!(opened[r * row..][..row], expected, "row {r} of {keys:?}");
            }
        }
    }
}

/// Chi-square of the 24 orders of 4 elements over many rows.
fn chi_square_of_orders(opened: &[u16]) -> f64 {
    let mut seen = std::collections::BTreeMap::<&[u16], f64>::new();
    for row in opened.chunks_exact(4) {
        *seen.entry(row).or_default() += 1.0;
    }
    let expected = (opened.len() / 4) as f64 / 24.0;
    let found: f64 = seen
        .values()
        .map(|n| (n - expected).powi(2) / expected)
        .sum();
    found + (24 - seen.len()) as f64 * expected
}

/// What the sort opens: destinations, shuffled. They are uniform whatever the bits are, over rows and
/// over the fresh seeds of each trio. 23 degrees of freedom: 100 is exceeded once in 10^11.
#[test]
fn opened_destinations_are_uniform() {
    let ring = position_ring(4);
    for pattern in [[0, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0]] {
        let mut opened = Vec::new();
        for _ in 0..12 {
            let bits = pattern.repeat(500);
            let ran = run(1, |runtime| {
                let bits = replicate(runtime, ring, &bits)?;
                let destinations = bit_destinations(runtime, &bits, 4)?;
                let shuffled = shuffle(runtime, vec![destinations], 4)?;
                reveal(runtime, &shuffled[0])
            });
            opened.extend_from_slice(&ran.outputs[0]);
        }
        let chi = chi_square_of_orders(&opened);
        assert!(chi < 100.0, "bits {pattern:?}: chi-square {chi}");
    }
}

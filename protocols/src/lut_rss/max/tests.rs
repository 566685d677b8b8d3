//! Both protocols against the true maxima, and what the radix sort is made of.

use super::radix_sort::position_ring;
use crate::lut::store::Store;
use crate::lut_rss::{Knowledge, LutRss, Plan};
use crate::model::config::{ActivationFunction, Head, ModelConfig};
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::{Additive, Replicated};
use crate::system::{MaxProtocol, Phase, VarianceProtocol};
use crate::{Result, trio};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

fn plan() -> Plan {
    Plan {
        config: ModelConfig {
            name: "test".into(),
            layers: 1,
            hidden: 16,
            heads: 1,
            feed_forward: 64,
            max_positions: 64,
            activation: ActivationFunction::Gelu,
            head: Head::Hidden,
            layer_norm_epsilon: 1e-12,
        },
        seq_len: 4,
        index_bits: 4,
        max_protocol: MaxProtocol::RadixSort,
        variance_protocol: VarianceProtocol::SquareTable,
    }
}

/// Runs `body` offline and online at each party; what each returns online, party 0 first.
fn run<T: Send>(threads: usize, body: impl Fn(Runtime<'_>) -> Result<T> + Sync) -> [T; 3] {
    trio::run(threads, |session| {
        let mut store = Store::default();
        session.begin_phase(Phase::Offline);
        body(Runtime::party(session, &mut store, None))?;
        session.end_phase();
        session.begin_phase(Phase::Online);
        let out = body(Runtime::party(session, &mut store, None))?;
        session.end_phase();
        store.expect_empty()?;
        Ok(out)
    })
    .unwrap()
}

/// A sharing of known values: P2's share is a fixed pattern.
fn share<W: Word>(runtime: &Runtime<'_>, ring: Ring, values: &[u64]) -> Additive<W> {
    if runtime.phase() != Phase::Online || runtime.me() == Some(Party::P0) {
        return Additive::absent(ring, values.len());
    }
    let mut pattern = Xoshiro256PlusPlus::seed_from_u64(9);
    let mine = values.iter().map(|value| {
        let theirs = W::from_u64(pattern.next_u64() & ring.mask());
        match runtime.me() {
            Some(Party::P1) => ring.reduce(W::from_u64(*value).sub(theirs)),
            _ => theirs,
        }
    });
    Additive::held(ring, mine.collect())
}

fn replicate(runtime: &mut Runtime<'_>, ring: Ring, values: &[u64]) -> Result<Replicated<u16>> {
    let shared = share(runtime, ring, values);
    Ok(runtime.reshare(&[&shared])?.remove(0))
}

/// Rows of random signed values, the first two rows constant.
fn rows_of(ring: Ring, rows: usize, row: usize, seed: u64) -> Vec<u64> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..rows * row)
        .map(|i| match i / row {
            0 => ring.mask(),
            1 => 3 & ring.mask(),
            _ => random.next_u64() & ring.mask(),
        })
        .collect()
}

fn maxima_are_true(bits: u32, row: usize, threads: usize, protocol: MaxProtocol) {
    let (ring, rows) = (Ring::new(bits), 29);
    let values = rows_of(ring, rows, row, row as u64);
    let plan = plan();
    let shares = run(threads, |runtime| {
        let x = share::<u8>(&runtime, ring, &values);
        let mut engine = LutRss::new(runtime, &plan, Knowledge::default());
        match protocol {
            MaxProtocol::Tournament => engine.tournament_max(&x, row),
            MaxProtocol::RadixSort => engine.radix_sort_max(&x, row),
        }
    });
    assert!(shares[0].values().is_empty(), "P0 holds no additive share");
    let sums = shares[1].values().iter().zip(shares[2].values());
    let got: Vec<i64> = sums
        .map(|(a, b)| ring.signed(ring.reduce(a.add(*b))))
        .collect();
    let expected: Vec<i64> = values
        .chunks_exact(row)
        .map(|row| row.iter().map(|v| ring.signed(*v)).max().unwrap())
        .collect();
    assert_eq!(got, expected, "{protocol:?}, {bits} bits, rows of {row}");
}

#[test]
fn maxima_are_true_for_every_row_length() {
    for row in [1, 2, 3, 7, 16, 33] {
        maxima_are_true(4, row, 1, MaxProtocol::RadixSort);
        maxima_are_true(4, row, 1, MaxProtocol::Tournament);
    }
    maxima_are_true(1, 5, 1, MaxProtocol::RadixSort);
    maxima_are_true(6, 9, 1, MaxProtocol::RadixSort);
    maxima_are_true(4, 300, 3, MaxProtocol::RadixSort);
}

/// The payload is each element's position, so what comes out is the sorting permutation itself.
#[test]
fn the_sort_is_stable() {
    for row in [1, 2, 3, 8, 33] {
        let (key, positions, rows) = (Ring::new(3), position_ring(row), 17);
        let keys = rows_of(key, rows, row, 40);
        let places: Vec<u64> = (0..keys.len()).map(|i| (i % row) as u64).collect();
        let opened = run(1, |mut runtime| {
            let mut bits = Vec::new();
            for bit in (0..key.bits()).rev() {
                let column: Vec<u64> = keys.iter().map(|key| key >> bit & 1).collect();
                bits.push(replicate(&mut runtime, positions, &column)?);
            }
            let places = replicate(&mut runtime, positions, &places)?;
            let sorted = runtime.sort_rows(bits, places, row)?;
            runtime.reveal(&sorted)
        });
        for (r, keys) in keys.chunks_exact(row).enumerate() {
            let mut expected: Vec<u16> = (0..row as u16).collect();
            expected.sort_by_key(|i| keys[usize::from(*i)]);
            for opened in &opened {
                assert_eq!(opened[r * row..][..row], expected, "row {r} of {keys:?}");
            }
        }
    }
}

#[test]
fn products_are_exact_and_stay_consistent() {
    let ring = Ring::new(11);
    let (a, b) = (rows_of(ring, 9, 31, 1), rows_of(ring, 9, 31, 2));
    let opened = run(2, |mut runtime| {
        let x = replicate(&mut runtime, ring, &a)?;
        let y = replicate(&mut runtime, ring, &b)?;
        let product = runtime.multiply(&x, &y)?;
        // A second product needs both copies of each component to be equal.
        let square = runtime.multiply(&product, &product)?;
        runtime.reveal(&square)
    });
    for opened in &opened {
        for ((a, b), got) in a.iter().zip(&b).zip(opened) {
            assert_eq!(u64::from(*got), ((a * b) * (a * b)) & ring.mask());
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
            let [p0, ..] = run(1, |mut runtime| {
                let bits = replicate(&mut runtime, ring, &bits)?;
                let destinations = runtime.bit_destinations(&bits, 4)?;
                let shuffled = runtime.shuffle(vec![destinations], 4)?;
                runtime.reveal(&shuffled[0])
            });
            opened.extend(p0);
        }
        let chi = chi_square_of_orders(&opened);
        assert!(chi < 100.0, "bits {pattern:?}: chi-square {chi}");
    }
}

/// All vectors are permuted alike, within their rows, and all components change.
#[test]
fn a_shuffle_moves_vectors_alike_and_refreshes_components() {
    let (ring, row, rows) = (Ring::new(13), 40, 25);
    let values: Vec<u64> = (0..(row * rows) as u64).collect();
    let out = run(2, |mut runtime| {
        let x = replicate(&mut runtime, ring, &values)?;
        let shuffled = runtime.shuffle(vec![x.clone(), x.clone()], row)?;
        let opened = (runtime.reveal(&shuffled[0])?, runtime.reveal(&shuffled[1])?);
        let sorted = |component: &[u16]| {
            let mut component = component.to_vec();
            component.sort_unstable();
            component
        };
        let unchanged = [(&x.previous, 0), (&x.next, 1)]
            .iter()
            .any(|(before, side)| {
                shuffled.iter().any(|after| {
                    let after = if *side == 0 {
                        &after.previous
                    } else {
                        &after.next
                    };
                    !after.is_empty() && sorted(before) == sorted(after)
                })
            });
        Ok((opened, unchanged))
    });
    for ((first, second), unchanged) in out {
        assert_eq!(first, second);
        assert!(!unchanged, "a component came out as it went in");
        for (r, opened) in first.chunks_exact(row).enumerate() {
            let mut sorted = opened.to_vec();
            sorted.sort_unstable();
            let expected: Vec<u16> = (r * row..(r + 1) * row).map(|v| v as u16).collect();
            assert_eq!(sorted, expected);
            assert_ne!(opened, expected, "a row of {row} left in order");
        }
    }
}

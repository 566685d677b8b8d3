//! Each gate of `sigma` alone against its function: at every input of a small ring, at borders and chance inputs of large ones, at
//! several widths, by one thread and two; and at its declared bits.

use qbench_baselines::fixed_point::Fixed;
use qbench_baselines::fixed_point::bilinear::{Bilinear, MatmulShape};
use qbench_baselines::sigma::functions::{
    gelu, inverse_sqrt, layer_norm, max, negative_exp, normal_distribution, softmax, tanh,
};
use qbench_baselines::sigma::gates::{
    Bit, Exchanges, Line, Wire, at_least, faithful_shift, gap_shift_to, mux, product, relu, select,
    sign_and_interval, square_sums, table,
};
use qbench_baselines::sigma::settings::{GeluForm, Mean};
use qbench_baselines::sigma::{Choices, FRACTION_BITS};
use qbench_protocols::Result;
use qbench_protocols::ring::{Ring, Word};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Masked, open_masked, uncover};
use qbench_protocols::testing::functionality::{Ran, elements, run, share, unmasked};

/// A wire of known values.
fn wire<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    clear: &[W],
    seed: u64,
) -> Result<Masked<W>> {
    let share = share(runtime, ring, clear, seed);
    open_masked(runtime, &share)
}

/// Runs a gate on wires of known values; what comes of it, and how many exchanges it takes.
fn ran<W: Word>(
    inputs: &[(Ring, Vec<u64>)],
    threads: usize,
    gate: impl Fn(&mut Runtime<'_>, &[Wire]) -> Result<Masked<W>> + Sync,
) -> (Vec<W>, u64, Ran<Masked<W>>) {
    let ran = run(threads, |runtime| {
        let wires: Result<Vec<_>> = inputs
            .iter()
            .zip(1..)
            .map(|((ring, clear), seed)| wire(runtime, *ring, clear, seed))
            .collect();
        gate(runtime, &wires?)
    });
    let out = unmasked(&ran.dealt[0], &ran.outputs);
    let rounds = ran.rounds()[1] - inputs.len() as u64;
    (out, rounds, ran)
}

/// Every element of a small ring, several times; else borders and chance elements.
fn inputs(ring: Ring) -> Vec<u64> {
    if ring.bits() <= 10 {
        return (0..3 << ring.bits()).map(|x| ring.reduce(x)).collect();
    }
    let mut values: Vec<u64> = elements(ring, 200, 9);
    let half = 1u64 << (ring.bits() - 1);
    let borders = [
        0,
        1,
        half - 1,
        half,
        half + 1,
        ring.mask(),
        half / 2,
        half / 2 - 1,
    ];
    values.extend(borders);
    // Small values of either sign.
    values.extend((0..200u64).map(|i| ring.reduce((i * 37).wrapping_sub(3700))));
    values
}

#[test]
fn signs_and_relu() {
    for bits in [4, 9, 10, 39, 50] {
        let ring = Ring::new(bits);
        let clear = inputs(ring);
        for (number, flipped) in [(0, false), (0, true), (3, false)] {
            let (out, rounds, _) = ran(&[(ring, clear.clone())], 2, |r, x| {
                let sign = at_least(r, &x[0], bits, number, flipped)?;
                uncover(r, sign)
            });
            for (x, bit) in clear.iter().zip(out) {
                let difference = ring.signed(*x) - number as i64;
                if ring.signed(ring.encode::<u64>(difference)) == difference {
                    let expected = (difference >= 0) != flipped;
                    assert_eq!(bit, u8::from(expected), "{x} less {number}, {bits} bits");
                }
            }
            assert_eq!(rounds, 1);
        }
        let (out, rounds, ran) = ran(&[(ring, clear.clone())], 1, |r, x| relu(r, &x[0], bits));
        let expected: Vec<u64> = clear
            .iter()
            .map(|x| if ring.signed(*x) >= 0 { *x } else { 0 })
            .collect();
        assert_eq!(out, expected, "{bits} bits");
        assert_eq!(rounds, 2);
        let key = |bits: u64| {
            if bits > 7 {
                129 * (bits - 7) + 256
            } else {
                1 << bits
            }
        };
        let bits = u64::from(bits);
        let closed = (key(bits - 1) + 1 + 5 * bits) * clear.len() as u64;
        let dealt = 8 * ran.material_bytes[2];
        assert!(
            (closed..closed + 32).contains(&dealt),
            "{dealt} bits, {closed} in closed form"
        );
    }
}

#[test]
fn intervals() {
    for (bits, bound) in [(6, 7), (9, 100), (33, 255), (50, 255)] {
        let ring = Ring::new(bits);
        let clear = inputs(ring);
        for second in [false, true] {
            let (out, rounds, _) = ran(&[(ring, clear.clone())], 2, |r, x| {
                let [sign, near] = sign_and_interval(r, &x[0], bits, bound)?;
                uncover(r, if second { near } else { sign })
            });
            for (x, bit) in clear.iter().zip(out) {
                let (signed, bound) = (ring.signed(*x), bound as i64);
                // Near the ends of the ring differences wrap.
                let room = (1i64 << (bits - 1)) - bound - 1;
                if (-room..room).contains(&signed) {
                    let near = (-bound..bound).contains(&signed);
                    let expected = if second { near } else { signed >= 0 };
                    assert_eq!(bit, u8::from(expected), "{signed}, {bits} bits");
                }
            }
            assert_eq!(rounds, 1);
        }
    }
}

#[test]
fn shifts() {
    for (bits, shift) in [
        (8, 3),
        (10, 1),
        (10, 6),
        (10, 8),
        (37, 12),
        (50, 12),
        (50, 15),
        (60, 24),
    ] {
        let ring = Ring::new(bits);
        let clear = inputs(ring);
        let (out, rounds, _) = ran(&[(ring, clear.clone())], 2, |r, x| {
            faithful_shift(r, &x[0], shift)
        });
        let expected = |x: u64| ring.encode::<u64>(ring.signed(x) >> shift);
        for (x, out) in clear.iter().zip(out) {
            assert_eq!(out, expected(*x), "{x} >> {shift}, {bits} bits");
        }
        assert_eq!(rounds, 4);
        if shift + 2 > bits {
            continue;
        }
        // Into a ring as wide, where there is a gap; into a narrow one always.
        for to in [bits, bits - shift, (bits - shift).min(5)] {
            let to = Ring::new(to);
            let (out, rounds, _) = ran(&[(ring, clear.clone())], 1, |r, x| {
                gap_shift_to(r, &x[0], bits, shift, to)
            });
            let quarter = 1i64 << (bits - 2);
            for (x, out) in clear.iter().zip(out) {
                let signed = ring.signed(*x);
                if to.bits() + shift <= bits || (-quarter..quarter).contains(&signed) {
                    let expected = to.encode::<u64>(signed >> shift);
                    assert_eq!(out, expected, "{signed} >> {shift} in {to:?}");
                }
            }
            assert_eq!(rounds, 2);
        }
    }
}

#[test]
fn shifts_of_the_low_bits() {
    // The low 16 bits of a wider wire, as the inverse of softmax takes them.
    let (wide, to) = (Ring::new(50), Ring::new(10));
    let clear = inputs(wide);
    let (out, _, _) = ran(&[(wide, clear.clone())], 2, |r, x| {
        gap_shift_to(r, &x[0], 16, 6, to)
    });
    let expected: Vec<u64> = clear.iter().map(|x| (x & 0xffff) >> 6).collect();
    assert_eq!(out, expected);
}

#[test]
fn products_and_square_sums() {
    for bits in [7, 37, 50, 64] {
        let ring = Ring::new(bits);
        let [x, y]: [Vec<u64>; 2] = [1, 2].map(|seed| elements(ring, 3 * 4 * 5, seed));
        let shape = MatmulShape {
            batch: 3,
            rows: 4,
            inner: 5,
            columns: 4,
            right_is_transposed: true,
        };
        let per_row: Vec<u64> = elements(ring, 12, 3);
        let pairs = ring;
        for (map, right) in [
            (Bilinear::Matmul(shape), y.clone()),
            (Bilinear::Columns { rows: 1, width: 60 }, y.clone()),
            (Bilinear::Rows { rows: 12, width: 5 }, per_row),
        ] {
            let [_, _, len] = map.lengths();
            let mut expected = vec![0; len];
            let threads = qbench_protocols::threads::Threads::new(1).unwrap();
            map.accumulate(&threads, &x, &right, &mut expected);
            let (out, rounds, _) = ran(&[(ring, x.clone()), (pairs, right)], 2, |r, wires| {
                let product = product(r, map, &wires[0], &wires[1])?;
                uncover(r, product)
            });
            let expected: Vec<u64> = expected.iter().map(|x| ring.reduce(*x)).collect();
            assert_eq!(out, expected, "{map:?}, {bits} bits");
            assert_eq!(rounds, 1);
        }
        let (out, _, _) = ran(&[(ring, x.clone())], 2, |r, wires| {
            let sums = square_sums(r, &wires[0], 5)?;
            uncover(r, sums)
        });
        let square_sum = |row: &[u64]| {
            row.iter()
                .fold(0u64, |sum, x| sum.wrapping_add(x.wrapping_mul(*x)))
        };
        let expected: Vec<u64> = x
            .chunks(5)
            .map(|row| ring.reduce(square_sum(row)))
            .collect();
        assert_eq!(out, expected, "{bits} bits");
    }
}

#[test]
fn selections_and_lines() {
    for (bits, to) in [(5, 5), (9, 4), (40, 16), (50, 50)] {
        let (ring, out_ring) = (Ring::new(bits), Ring::new(to));
        let clear = inputs(ring);
        let bits_of = |seed| -> Vec<u64> { elements(Ring::new(1), clear.len(), seed) };
        let (first, second) = (bits_of(21), bits_of(22));
        let all = [
            (ring, clear.clone()),
            (Ring::new(1), first.clone()),
            (Ring::new(1), second.clone()),
        ];
        let as_bit = |x: &Wire| -> Bit { x.reduce_to(Ring::new(1)) };
        let (out, rounds, _) = ran(&all, 2, |r, x| {
            let selected = select(r, &as_bit(&x[1]), &x[0], out_ring, 3, 7)?;
            uncover(r, selected)
        });
        for (i, out) in out.iter().enumerate() {
            let expected = first[i]
                .wrapping_mul(clear[i].wrapping_sub(3))
                .wrapping_add(7);
            assert_eq!(*out, out_ring.reduce(expected));
        }
        assert_eq!(rounds, 1);
        let line = |constant, slope| Line { constant, slope };
        let lines = [line(5, 0), line(1, 1), line(0, u64::MAX), line(2, 3)];
        let (out, _, _) = ran(&all, 1, |r, x| {
            let chosen = mux(r, &as_bit(&x[1]), &as_bit(&x[2]), &x[0], out_ring, lines)?;
            uncover(r, chosen)
        });
        for (i, out) in out.iter().enumerate() {
            let line = lines[(2 * second[i] + first[i]) as usize];
            let expected = line
                .slope
                .wrapping_mul(clear[i])
                .wrapping_add(line.constant);
            assert_eq!(*out, out_ring.reduce(expected));
        }
    }
}

#[test]
fn tables() {
    for bits in [6, 7, 8, 13] {
        let (ring, wide) = (Ring::new(bits), Ring::new(50));
        let entries: Vec<u64> = elements(wide, 1 << bits, 3);
        let clear = match bits {
            13 => elements(ring, 100, 8),
            _ => inputs(ring),
        };
        for (exchanges, expected_rounds) in [(Exchanges::Original, 3), (Exchanges::Merged, 2)] {
            let (out, rounds, ran) = ran(&[(ring, clear.clone())], 2, |r, x| {
                let entry = table(r, &x[0], &entries, wide, exchanges)?;
                uncover(r, entry)
            });
            let expected: Vec<u64> = clear.iter().map(|x| entries[*x as usize]).collect();
            assert_eq!(out, expected, "{bits} bits");
            assert_eq!(rounds, expected_rounds);
            let key = if bits > 7 {
                129 * (u64::from(bits) - 7) + 256
            } else {
                1 << bits
            };
            let closed = (key + 1 + 5 * 50) * clear.len() as u64;
            assert!((closed..closed + 32).contains(&(8 * ran.material_bytes[2])));
        }
    }
}

fn choices() -> Choices {
    Choices {
        fixed: Fixed::new(50, FRACTION_BITS),
        exchanges: Exchanges::Original,
        mean: Mean::Exact,
        gelu: GeluForm::Gpu,
    }
}

/// A function of real numbers on three parties.
fn real(
    inputs: &[&[f64]],
    function: impl Fn(&mut Runtime<'_>, &[Wire]) -> Result<Wire> + Sync,
) -> (Vec<f64>, u64) {
    let fixed = choices().fixed;
    let encoded: Vec<_> = inputs
        .iter()
        .map(|values| {
            (
                fixed.ring,
                values.iter().map(|x| fixed.encode(*x)).collect(),
            )
        })
        .collect();
    let (out, rounds, _) = ran(&encoded, 2, function);
    (out.iter().map(|x| fixed.decode(*x)).collect(), rounds)
}

fn reals(count: usize, low: f64, high: f64) -> Vec<f64> {
    crate::support::uniform(count, low, high, 4)
}

#[test]
fn functions_of_real_numbers() {
    let choices = choices();
    let x = [
        reals(500, -6.0, 6.0),
        vec![0.0, 3.99, 4.0, -4.0, 100.0, -100.0, 3e4, -3e4],
    ]
    .concat();
    for (form, expected_rounds) in [(GeluForm::Gpu, 7), (GeluForm::Cpu, 9)] {
        let choices = Choices {
            gelu: form,
            ..choices
        };
        let (out, rounds) = real(&[&x], |r, x| gelu(r, &choices, &x[0]));
        for (x, y) in x.iter().zip(out) {
            let expected = x * normal_distribution(*x);
            assert!(
                (y - expected).abs() < 0.01,
                "gelu({x}) is {expected}, not {y}"
            );
        }
        assert_eq!(rounds, expected_rounds);
    }
    let (out, rounds) = real(&[&x], |r, x| tanh(r, &choices, &x[0]));
    for (x, y) in x.iter().zip(out) {
        assert!(
            (y - x.tanh()).abs() < 0.003,
            "tanh({x}) is {}, not {y}",
            x.tanh()
        );
    }
    assert_eq!(rounds, 7);
    let x = [reals(300, 0.0, 20.0), vec![0.0, 15.99, 16.0, 1000.0]].concat();
    let (out, rounds) = real(&[&x], |r, x| negative_exp(r, &choices, &x[0]));
    for (x, y) in x.iter().zip(out) {
        assert!(
            (y - (-x).exp()).abs() < 0.001,
            "exp(-{x}) is {}, not {y}",
            (-x).exp()
        );
    }
    assert_eq!(rounds, 2 + 3 + 2 + 3 + 3);
    let x = [reals(100, 0.001, 2.0), reals(100, 2.0, 3000.0)].concat();
    let fixed = Fixed::new(50, 2 * FRACTION_BITS);
    let clear: Vec<u64> = x.iter().map(|x| fixed.encode(24.0 * x)).collect();
    let (out, rounds, _) = ran(&[(fixed.ring, clear)], 2, |r, x| inverse_sqrt(r, &x[0], 24));
    for (x, y) in x.iter().zip(out) {
        let (y, expected) = (choices.fixed.decode(y), 1.0 / x.sqrt());
        let error = (y - expected).abs() - 1.0 / 4096.0;
        assert!(
            error < 0.0041 * expected,
            "1/sqrt({x}) is {expected}, not {y}"
        );
    }
    assert_eq!(rounds, 5);
}

/// Rows of any length: an odd element is carried from level to level.
#[test]
fn rows_of_any_length() {
    let choices = choices();
    for width in [1, 2, 3, 5, 6, 7, 8, 13, 33] {
        let x = reals(4 * width, -5.0, 5.0);
        let levels = u64::from(width.next_power_of_two().ilog2());
        let (out, rounds) = real(&[&x], |r, x| max(r, &x[0], width, 39));
        for (row, max) in x.chunks(width).zip(out) {
            let expected = row.iter().copied().fold(f64::MIN, f64::max);
            assert!((max - expected).abs() < 0.001);
        }
        assert_eq!(rounds, 2 * levels);
        let (out, rounds) = real(&[&x], |r, x| softmax(r, &choices, &x[0], width));
        for (row, out) in x.chunks(width).zip(out.chunks(width)) {
            let powers: Vec<f64> = row.iter().map(|x| x.exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (power, p) in powers.iter().zip(out) {
                // The denominator is cut to a 64th.
                assert!((p - power / sum).abs() < 0.017, "{p}, not {}", power / sum);
            }
        }
        assert_eq!(rounds, 2 * levels + 21, "rows of {width}");
    }
    // All equal: the sum is the length itself.
    let (out, _) = real(&[&[0.5; 16]], |r, x| softmax(r, &choices, &x[0], 8));
    assert!(out.iter().all(|p| (p - 0.125).abs() < 0.001), "{out:?}");
}

#[test]
fn layer_norms() {
    for (mean, width) in [
        (Mean::Exact, 24),
        (Mean::Original, 24),
        (Mean::Original, 16),
        (Mean::Exact, 1),
    ] {
        let choices = Choices { mean, ..choices() };
        let x = reals(5 * width, -1.0, 3.0);
        let (gamma, beta) = (reals(width, 0.5, 1.5), reals(width, -1.0, 1.0));
        let (out, rounds) = real(&[&x, &gamma, &beta], |r, x| {
            layer_norm(r, &choices, &x[0], &x[1], &x[2], 1e-5)
        });
        use qbench_baselines::fixed_point::clear::Approximations;
        let clear = qbench_baselines::sigma::clear::SigmaApproximations { mean };
        let [gamma, beta] =
            [&gamma, &beta].map(|v| v.iter().map(|x| *x as f32).collect::<Vec<_>>());
        for (row, out) in x.chunks(width).zip(out.chunks(width)) {
            for (expected, y) in clear.layer_norm(row, &gamma, &beta, 1e-5).iter().zip(out) {
                assert!((y - expected).abs() < 0.02, "{y}, not {expected}");
            }
        }
        assert_eq!(rounds, if width == 1 { 12 } else { 16 });
    }
}

/// Against LayerNorm itself, far from zero: the original's mean of 36 elements is 0.7 % too little, the exact one is right.
#[test]
fn means_far_from_zero() {
    let width = 36;
    let x = reals(5 * width, 9.0, 11.0);
    let (gamma, beta) = (vec![1.0; width], vec![0.0; width]);
    for mean in [Mean::Original, Mean::Exact] {
        let choices = Choices { mean, ..choices() };
        let (out, _) = real(&[&x, &gamma, &beta], |r, x| {
            layer_norm(r, &choices, &x[0], &x[1], &x[2], 1e-5)
        });
        for (row, out) in x.chunks(width).zip(out.chunks(width)) {
            let average = row.iter().sum::<f64>() / width as f64;
            let variance = row.iter().map(|x| (x - average).powi(2)).sum::<f64>() / width as f64;
            let shift = match mean {
                Mean::Original => average * (1.0 - 113.0 * width as f64 / 4096.0),
                Mean::Exact => 0.0,
            };
            let deviation = (variance + shift * shift).sqrt();
            for (x, y) in row.iter().zip(out) {
                let expected = (x - average + shift) / deviation;
                assert!((y - expected).abs() < 0.02, "{mean:?}: {y}, not {expected}");
            }
        }
    }
}

//! Every operation of CrypTen 0.4.1 that BERT needs, against the measurement of the original: rounds,
//! bytes, elements opened in every round, and the error.

use crate::support::{Body, Input, compute, decode, encode, real, uniform};
use qbench_baselines::crypten;
use qbench_baselines::crypten::{
    MatmulShape, add, add_public, add_words, and_words, bit_to_additive, divide_public,
    equals_zero, exp, gelu, greater, inverse_sqrt, less_than_zero, max_and_argmax_rows, max_rows,
    multiply, random, reciprocal, relu, scale_public, sigmoid, sign, softmax_rows, square, tanh,
    to_binary,
};
use qbench_baselines::fixed_point::Share;
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::reveal_to_both;
use qbench_protocols::testing::functionality::{Ran, reconstruct, reconstruct_bits};
use serde_json::Value;
use std::collections::BTreeMap;

/// Rows of the measurement that no BERT of ours calls for: other models' activations, and products
/// with public matrices (weights are secret here).
const NOT_NEEDED: [&str; 8] = [
    "matmul 32x768 . 768x768 (secret.public)",
    "hardtanh",
    "log",
    "sqrt",
    "gelu MPCFormer newGeLU (hardtanh)",
    "gelu tanh",
    "gelu quad 0.125x^2+0.25x+0.5",
    "softmax 2RELU",
];

/// Elements of the element-wise operations.
const N: usize = 32 * 768;
/// Rows and width of the others.
const ROWS: usize = 12 * 32;
const WIDTH: usize = 32;

/// How the shares of a result give its value.
#[derive(Clone, Copy)]
enum Output {
    /// Real numbers.
    Real,
    /// Additive, without fractional bits.
    Integer,
    /// Words shared by exclusive or.
    Words,
    /// Random.
    Random,
}

type Run = Box<dyn Fn(&mut Runtime<'_>, &[Share]) -> Result<Share> + Sync>;
type Reference = fn(&[Vec<f64>]) -> Vec<f64>;

struct Case {
    operation: &'static str,
    inputs: Vec<Vec<f64>>,
    run: Run,
    output: Output,
    reference: Reference,
    /// The largest error; the measurement's where there is none here.
    tolerance: Option<f64>,
    /// Whether rounds within one power come in another order.
    reordered: bool,
    /// Whether the inputs are shared by exclusive or.
    binary: bool,
}

fn case(
    operation: &'static str,
    inputs: Vec<Vec<f64>>,
    run: impl Fn(&mut Runtime<'_>, &[Share]) -> Result<Share> + Sync + 'static,
    output: Output,
    reference: Reference,
) -> Case {
    Case {
        operation,
        inputs,
        run: Box::new(run),
        output,
        reference,
        tolerance: None,
        reordered: false,
        binary: false,
    }
}

fn each(x: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    x.iter().map(|x| f(*x)).collect()
}

fn both(x: &[Vec<f64>], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    x[0].iter().zip(&x[1]).map(|(x, y)| f(*x, *y)).collect()
}

fn erf(x: f64) -> f64 {
    // The series to the last bit, for |x| <= 1.
    let (mut sum, mut term) = (0.0, x);
    for n in 0..40 {
        sum += term / f64::from(2 * n + 1);
        term *= -x * x / f64::from(n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn softmax(x: &[f64]) -> Vec<f64> {
    x.chunks(WIDTH)
        .flat_map(|row| {
            let max = row.iter().copied().fold(f64::MIN, f64::max);
            let e: Vec<f64> = row.iter().map(|x| (x - max).exp()).collect();
            let sum: f64 = e.iter().sum();
            e.into_iter().map(move |e| e / sum)
        })
        .collect()
}

fn layer_norm(x: &[Vec<f64>]) -> Vec<f64> {
    let width = x[1].len();
    x[0].chunks(width)
        .flat_map(|row| {
            let mean = row.iter().sum::<f64>() / width as f64;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
            let scale = 1.0 / (variance + 1e-12).sqrt();
            let affine = x[1].iter().zip(&x[2]);
            let normal = row.iter().zip(affine);
            normal.map(move |(x, (gamma, beta))| (x - mean) * scale * gamma + beta)
        })
        .collect()
}

fn matmul(x: &[Vec<f64>]) -> Vec<f64> {
    let mut product = vec![0.0; 32 * 768];
    for (row, product) in x[0].chunks(768).zip(product.chunks_mut(768)) {
        for (x, y) in row.iter().zip(x[1].chunks(768)) {
            for (p, y) in product.iter_mut().zip(y) {
                *p += x * y;
            }
        }
    }
    product
}

const MATMUL: MatmulShape = MatmulShape {
    batch: 1,
    rows: 32,
    inner: 768,
    columns: 768,
    right_is_transposed: false,
};

fn cases() -> Vec<Case> {
    use Output::{Integer, Random, Real, Words};
    let x = || uniform(N, -2.0, 2.0, 1);
    let y = || uniform(N, -2.0, 2.0, 2);
    let unit = || uniform(N, -1.0, 1.0, 3);
    let scores = || uniform(ROWS * WIDTH, -4.0, 4.0, 4);
    let normals = || {
        let parts: Vec<Vec<f64>> = (0..12).map(|i| uniform(N, -0.5, 0.5, 10 + i)).collect();
        (0..N).map(|i| parts.iter().map(|p| p[i]).sum()).collect()
    };
    let affine = || {
        vec![
            normals(),
            uniform(768, 0.5, 1.5, 5),
            uniform(768, -0.2, 0.2, 6),
        ]
    };
    let mut cases = vec![
        case(
            "reveal",
            vec![x()],
            |r, x| {
                let opened = reveal_to_both(r, &x[0])?;
                assert!(opened.is_empty() || opened.len() == N);
                Ok(x[0].clone())
            },
            Real,
            |x| x[0].clone(),
        ),
        case(
            "add",
            vec![x(), y()],
            |r, x| Ok(add(r, x[0].clone(), &x[1])),
            Real,
            |x| both(x, |x, y| x + y),
        ),
        case(
            "matmul 32x768 . 768x768 (secret.secret)",
            vec![x(), uniform(768 * 768, -0.1, 0.1, 8)],
            |r, x| crypten::matmul(r, MATMUL, &x[0], &x[1]),
            Real,
            matmul,
        ),
        case(
            "mul (secret.secret)",
            vec![x(), y()],
            |r, x| multiply(r, &x[0], &x[1]),
            Real,
            |x| both(x, |x, y| x * y),
        ),
        case(
            "mul (secret.public float)",
            vec![x()],
            |r, x| Ok(scale_public(r, x[0].clone(), 1.7)),
            Real,
            |x| each(&x[0], |x| 1.7 * x),
        ),
        case(
            "square",
            vec![x()],
            |r, x| square(r, &x[0]),
            Real,
            |x| each(&x[0], |x| x * x),
        ),
        case(
            "truncation: div by 2^16 of share (public int)",
            vec![uniform(N, -1000.0, 1000.0, 9)],
            |r, x| Ok(divide_public(r, x[0].clone(), 1 << 16)),
            Real,
            |x| each(&x[0], |x| x / 65536.0),
        ),
        case(
            "div by public int 8",
            vec![x()],
            |r, x| Ok(divide_public(r, x[0].clone(), 8)),
            Real,
            |x| each(&x[0], |x| x / 8.0),
        ),
        case(
            "div by public float 3.3",
            vec![x()],
            |r, x| Ok(scale_public(r, x[0].clone(), 1.0 / 3.3)),
            Real,
            |x| each(&x[0], |x| x / 3.3),
        ),
        case(
            "A2B",
            vec![x()],
            |r, x| to_binary(r, &x[0]),
            Words,
            |x| x[0].clone(),
        ),
        Case {
            binary: true,
            ..case(
                "AND (64-bit words)",
                vec![x(), y()],
                |r, x| and_words(r, &x[0], &x[1]),
                Words,
                |x| both(x, |x, y| decode(encode(x) & encode(y))),
            )
        },
        Case {
            binary: true,
            ..case(
                "binary add (64-bit Kogge/SPK)",
                vec![x(), y()],
                |r, x| add_words(r, &x[0], &x[1]),
                Words,
                |x| both(x, |x, y| decode(encode(x).wrapping_add(encode(y)))),
            )
        },
        Case {
            // The lowest bit of words.
            binary: true,
            ..case(
                "B2A one bit",
                vec![x()],
                |r, x| bit_to_additive(r, x[0].clone()),
                Integer,
                |x| each(&x[0], |x| (encode(x) & 1) as f64),
            )
        },
        case(
            "ltz (compare with 0)",
            vec![x()],
            |r, x| less_than_zero(r, &x[0]),
            Integer,
            |x| each(&x[0], |x| f64::from(decode(encode(x)) < 0.0)),
        ),
        case(
            "gt (secret > secret)",
            vec![x(), y()],
            |r, x| greater(r, &x[0], &x[1]),
            Integer,
            |x| both(x, |x, y| f64::from(encode(x) as i64 > encode(y) as i64)),
        ),
        case(
            "eq (2PC)",
            vec![uniform(N, 0.0, 4.0, 1).iter().map(|x| x.floor()).collect()],
            |r, x| {
                let one = add_public(r, x[0].clone(), -1.0);
                equals_zero(r, &one)
            },
            Integer,
            |x| each(&x[0], |x| f64::from(x == 1.0)),
        ),
        case(
            "sign",
            vec![x()],
            |r, x| sign(r, &x[0]),
            Integer,
            |x| each(&x[0], |x| if decode(encode(x)) < 0.0 { -1.0 } else { 1.0 }),
        ),
        case(
            "relu",
            vec![x()],
            |r, x| relu(r, &x[0]),
            Real,
            |x| each(&x[0], |x| x.max(0.0)),
        ),
        case(
            "exp (x in [-8,0])",
            vec![uniform(N, -8.0, 0.0, 1)],
            |r, x| exp(r, &x[0]),
            Real,
            |x| each(&x[0], f64::exp),
        ),
        case(
            "reciprocal (default: sign first)",
            vec![x().into_iter().map(|x| x + x.signum()).collect()],
            |r, x| reciprocal(r, &x[0], false),
            Real,
            |x| each(&x[0], |x| 1.0 / x),
        ),
        case(
            "reciprocal (all_pos=True)",
            vec![uniform(N, 1.0, 8.0, 1)],
            |r, x| reciprocal(r, &x[0], true),
            Real,
            |x| each(&x[0], |x| 1.0 / x),
        ),
        case(
            "inv_sqrt",
            vec![uniform(N, 0.5, 4.0, 1)],
            |r, x| inverse_sqrt(r, &x[0]),
            Real,
            |x| each(&x[0], |x| 1.0 / x.sqrt()),
        ),
        case(
            "sigmoid",
            vec![uniform(N, -4.0, 4.0, 1)],
            |r, x| sigmoid(r, &x[0]),
            Real,
            |x| each(&x[0], |x| 1.0 / (1.0 + (-x).exp())),
        ),
        case(
            "tanh",
            vec![x()],
            |r, x| tanh(r, &x[0]),
            Real,
            |x| each(&x[0], f64::tanh),
        ),
        Case {
            // The original's odd powers are wrong; ours are right, and their squarings come first.
            tolerance: Some(1e-3),
            reordered: true,
            ..case(
                "erf (|x|<=1)",
                vec![unit()],
                |r, x| crypten::erf(r, &x[0]),
                Real,
                |x| each(&x[0], erf),
            )
        },
        Case {
            tolerance: Some(1e-3),
            reordered: true,
            ..case(
                "gelu = x*0.5*(1+erf(x/sqrt2)) (|x|<=1)",
                vec![unit()],
                |r, x| gelu(r, &x[0]),
                Real,
                |x| each(&x[0], |x| x * 0.5 * (1.0 + erf(x / 2f64.sqrt()))),
            )
        },
        case(
            "layernorm",
            affine(),
            |r, x| crypten::layer_norm(r, &x[0], 768, &x[1].clone().into(), &x[2], 1e-12),
            Real,
            layer_norm,
        ),
        case(
            "max+argmax dim=-1",
            vec![scores()],
            |r, x| {
                let (_, argmax) = max_and_argmax_rows(r, &x[0], WIDTH)?;
                Ok(argmax)
            },
            Integer,
            |x| {
                x[0].chunks(WIDTH)
                    .flat_map(|row| {
                        let max = row.iter().copied().fold(f64::MIN, f64::max);
                        row.iter().map(move |x| f64::from(*x == max))
                    })
                    .collect()
            },
        ),
        case(
            "max value only, log_reduction helper",
            vec![scores()],
            |r, x| max_rows(r, &x[0], WIDTH),
            Real,
            |x| {
                x[0].chunks(WIDTH)
                    .map(|row| row.iter().copied().fold(f64::MIN, f64::max))
                    .collect()
            },
        ),
        case(
            "softmax dim=-1",
            vec![scores()],
            |r, x| softmax_rows(r, &x[0], WIDTH),
            Real,
            |x| softmax(&x[0]),
        ),
        case(
            "rand",
            vec![],
            |r, _| random(r, ROWS),
            Random,
            |_| Vec::new(),
        ),
    ];
    for case in &mut cases {
        if case.operation == "truncation: div by 2^16 of share (public int)" {
            case.tolerance = Some(1.5 / 65536.0);
        }
    }
    cases
}

/// What was measured of the original.
struct Measured {
    rounds: u64,
    bytes: u64,
    error: Option<f64>,
    /// Elements each party opened, a round each.
    opened: Vec<usize>,
}

fn measured() -> BTreeMap<String, Measured> {
    let trace: Value = serde_json::from_str(include_str!("../data/crypten_trace.json")).unwrap();
    let traced: BTreeMap<&str, &Value> = trace["ops"]
        .as_array()
        .unwrap()
        .iter()
        .map(|op| (op["op"].as_str().unwrap(), op))
        .collect();
    let mut rows = csv::Reader::from_reader(include_bytes!("../data/crypten_ops.csv").as_slice());
    rows.records()
        .map(|row| {
            let row = row.unwrap();
            let name = if traced.contains_key(&row[0]) {
                row[0].to_owned()
            } else {
                format!("{} {}", &row[0], &row[1])
            };
            let measured = Measured {
                rounds: row[2].parse().unwrap(),
                bytes: row[3].parse().unwrap(),
                error: row[4].parse().ok(),
                opened: lengths(&traced[name.as_str()]["opened"]),
            };
            (row[0].to_owned(), measured)
        })
        .collect()
}

fn lengths(opened: &Value) -> Vec<usize> {
    let opened = opened.as_array().unwrap().iter();
    opened.map(|n| n.as_u64().unwrap() as usize).collect()
}

/// Declared and counted alike, as [`compute`] sees to: (rounds, bytes of both parties, elements P1 opened in each round).
fn cost(inputs: &[Input], run: &Body) -> (u64, u64, Vec<usize>, Ran<Share>) {
    let ran = compute(inputs, 2, run);
    let [dealt, bytes] = ran.declared.each_ref().map(|phase| phase.bytes());
    let [dealt_in_all, in_all] = ran.total_bytes();
    assert_eq!(dealt[0][2], dealt_in_all, "P0 deals to P2 alone");
    assert_eq!(bytes[1][2], bytes[2][1], "as much each way");
    assert_eq!(bytes[1][2] + bytes[2][1], in_all, "P1 and P2 alone");
    let [from_p2, from_p1] = [1, 2].map(|party| -> Vec<usize> {
        let received = ran.received[1][party].iter();
        received.map(|message| message.payload.len() / 8).collect()
    });
    assert_eq!(from_p1, from_p2);
    (ran.rounds()[1], in_all, from_p1, ran)
}

/// The result of both computing parties' shares, as real numbers.
fn result(ran: &Ran<Share>, output: Output) -> Vec<f64> {
    match output {
        Output::Words => each_word(&reconstruct_bits(&ran.outputs), decode),
        Output::Integer => each_word(&reconstruct(&ran.outputs), |word| word as i64 as f64),
        Output::Real | Output::Random => each_word(&reconstruct(&ran.outputs), decode),
    }
}

fn each_word(words: &[u64], f: impl Fn(u64) -> f64) -> Vec<f64> {
    words.iter().map(|word| f(*word)).collect()
}

#[test]
fn every_operation_costs_what_the_original_does() {
    let measured = measured();
    let cases = cases();
    let known: Vec<&str> = cases
        .iter()
        .map(|case| case.operation)
        .chain(NOT_NEEDED)
        .collect();
    for operation in measured.keys() {
        let count = known.iter().filter(|known| *known == operation).count();
        assert_eq!(count, 1, "`{operation}` is tested or said not to be needed");
    }
    assert_eq!(known.len(), measured.len());
    println!(
        "{:<48} {:>6} {:>6} {:>10} {:>10} {:>9} {:>9}",
        "operation", "rounds", "oracle", "bytes", "oracle", "error", "oracle"
    );
    let mut wrong = Vec::new();
    for case in cases {
        let oracle = &measured[case.operation];
        let inputs: Vec<Input> = case
            .inputs
            .iter()
            .map(|values| Input {
                binary: case.binary,
                ..real(values)
            })
            .collect();
        let (rounds, bytes, mut opened, ran) = cost(&inputs, &case.run);
        let result = result(&ran, case.output);
        let error = match case.output {
            Output::Random => {
                assert!(result.iter().all(|x| (0.0..1.0).contains(x)));
                let mean = result.iter().sum::<f64>() / result.len() as f64;
                // Seven standard deviations of the mean of that many uniform numbers.
                assert!((mean - 0.5).abs() < 7.0 * (1.0 / 12.0 / ROWS as f64).sqrt());
                None
            }
            _ => {
                let expected = (case.reference)(&case.inputs);
                assert_eq!(result.len(), expected.len(), "{}", case.operation);
                let errors = result.iter().zip(&expected).map(|(a, b)| (a - b).abs());
                Some(errors.fold(0.0, f64::max))
            }
        };
        let show = |error: Option<f64>| error.map_or(String::new(), |error| format!("{error:.2e}"));
        println!(
            "{:<48} {rounds:>6} {:>6} {bytes:>10} {:>10} {:>9} {:>9}",
            case.operation,
            oracle.rounds,
            oracle.bytes,
            show(error),
            show(oracle.error)
        );
        let mut expected = oracle.opened.clone();
        if case.reordered {
            opened.sort_unstable();
            expected.sort_unstable();
        }
        // The measurement's inputs are known by their range at most, and the largest of so many random
        // errors varies: half as much again is the same. Where it has no error, the result is exact up
        // to the encoding of the inputs.
        let as_measured = oracle.error.map(|error| 1.5 * error);
        let tolerance = case.tolerance.or(as_measured).unwrap_or(0.5 / 65536.0);
        let fine = (rounds, bytes) == (oracle.rounds, oracle.bytes)
            && opened == expected
            && error.is_none_or(|error| error <= tolerance);
        if !fine {
            wrong.push(case.operation);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The non-linear parts of one encoder layer of BERT-base at 8, 32 and 128 tokens, round by round.
#[test]
fn sections_of_a_layer_open_what_the_original_opens() {
    let trace: Value = serde_json::from_str(include_str!("../data/crypten_trace.json")).unwrap();
    for tokens in [8usize, 32, 128] {
        let sections = trace["layer"][tokens.to_string()]["trace"]
            .as_array()
            .unwrap();
        let traced = |name: &str| {
            let section = sections.iter().find(|section| section[0] == name).unwrap();
            lengths(&section[1])
        };
        let scores = real(&uniform(12 * tokens * tokens, -3.0, 3.0, 1));
        let (_, _, opened, _) = cost(&[scores], &move |r, x| softmax_rows(r, &x[0], tokens));
        assert_eq!(opened, traced("softmax"), "softmax at {tokens} tokens");
        let inputs = [
            real(&uniform(tokens * 768, -2.0, 2.0, 2)),
            real(&vec![1.0; 768]),
            real(&vec![0.0; 768]),
        ];
        let (_, _, opened, _) = cost(&inputs, &|r, x| {
            crypten::layer_norm(r, &x[0], 768, &x[1].clone().into(), &x[2], 1e-12)
        });
        assert_eq!(opened, traced("layernorm"), "LayerNorm at {tokens} tokens");
        let hidden = real(&uniform(tokens * 3072, -1.0, 1.0, 3));
        let (_, _, mut opened, _) = cost(&[hidden], &|r, x| gelu(r, &x[0]));
        let mut expected = traced("gelu");
        opened.sort_unstable();
        expected.sort_unstable();
        assert_eq!(opened, expected, "GELU at {tokens} tokens");
    }
}

/// Batches of products and both layouts of the right operand.
#[test]
fn products_of_every_layout() {
    for (batch, rows, inner, columns) in [(1, 1, 1, 1), (1, 5, 17, 9), (3, 4, 6, 5), (12, 8, 64, 8)]
    {
        for right_is_transposed in [false, true] {
            let shape = MatmulShape {
                batch,
                rows,
                inner,
                columns,
                right_is_transposed,
            };
            let x = uniform(batch * rows * inner, -2.0, 2.0, 1);
            let y = uniform(batch * inner * columns, -2.0, 2.0, 2);
            let run: Run = Box::new(move |r, x| crypten::matmul(r, shape, &x[0], &x[1]));
            let (rounds, bytes, _, ran) = cost(&[real(&x), real(&y)], &run);
            assert_eq!((rounds, bytes), (1, 16 * (x.len() + y.len()) as u64));
            let product = result(&ran, Output::Real);
            for b in 0..batch {
                for r in 0..rows {
                    for c in 0..columns {
                        let terms = (0..inner).map(|i| {
                            let at = match right_is_transposed {
                                true => c * inner + i,
                                false => i * columns + c,
                            };
                            x[(b * rows + r) * inner + i] * y[b * inner * columns + at]
                        });
                        let expected: f64 = terms.sum();
                        let got = product[(b * rows + r) * columns + c];
                        assert!(
                            (got - expected).abs() < 1e-3,
                            "{shape:?}: {got} for {expected}"
                        );
                    }
                }
            }
        }
    }
}

/// Of several largest elements one is picked, and not always the same one.
#[test]
fn ties_are_broken_at_random() {
    let (rows, width) = (64, 7);
    let row = [1.0, 3.0, -2.0, 3.0, 0.0, 3.0, 2.5];
    let x = real(&row.repeat(rows));
    let ran = compute(&[x], 1, &move |r, x| {
        Ok(max_and_argmax_rows(r, &x[0], width)?.1)
    });
    let argmax = result(&ran, Output::Integer);
    let mut picked = BTreeMap::new();
    for row in argmax.chunks(width) {
        let ones: Vec<usize> = (0..width).filter(|i| row[*i] == 1.0).collect();
        assert!(row.iter().filter(|x| **x == 0.0).count() == width - 1 && ones.len() == 1);
        *picked.entry(ones[0]).or_insert(0) += 1;
    }
    // One of the three is never picked with probability 3 (2/3)^64 < 2^-35.
    assert_eq!(picked.keys().copied().collect::<Vec<_>>(), [1, 3, 5]);
}

/// Rows of every small length, odd remainders among them.
#[test]
fn softmax_of_every_short_row() {
    for width in 1..=20 {
        let x = uniform(3 * width, -3.0, 3.0, width as u64);
        let (_, _, _, ran) = cost(&[real(&x)], &move |r, x| softmax_rows(r, &x[0], width));
        let softmax = result(&ran, Output::Real);
        for (row, got) in x.chunks(width).zip(softmax.chunks(width)) {
            let sum: f64 = row.iter().map(|x| x.exp()).sum();
            for (x, got) in row.iter().zip(got) {
                assert!((got - x.exp() / sum).abs() < 0.006, "{width}: {got}");
            }
        }
    }
}

//! What crosses the wire looks uniform and independent of the inputs, masks are used once, and
//! correlated randomness that is missing, left over or dealt for something else is an error.

#![allow(clippy::unwrap_used)]

mod support;

use qbench_baselines::crypten::{Arithmetic, MatmulShape, Share, Triples};
use qbench_protocols::net::Party;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::Phase;
use qbench_protocols::{Error, Result, trio};
use support::{Body, Seen, compute, real, uniform, words};

/// Elements of an input.
const N: usize = 8192;

/// How the parties' messages of one round give what is opened.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Opened {
    Sum,
    ExclusiveOr,
    /// One bit a word, by exclusive or.
    Bit,
}

/// What was opened in each round.
fn opened(seen: &[Seen; 3], kinds: &[Opened]) -> Vec<Vec<u64>> {
    assert_eq!(seen[1].sent.len(), kinds.len());
    let rounds = seen[1].sent.iter().zip(&seen[2].sent).zip(kinds);
    rounds
        .map(|((one, two), kind)| {
            let pairs = words(one).into_iter().zip(words(two));
            match kind {
                Opened::Sum => pairs.map(|(a, b)| a.wrapping_add(b)).collect(),
                _ => pairs.map(|(a, b)| a ^ b).collect(),
            }
        })
        .collect()
}

/// Pearson's statistic of the bytes against the uniform distribution, in standard deviations above its
/// mean; 7 of them have a probability of about 10^-9.
fn bytes_off(words: &[u64]) -> f64 {
    let mut seen = [0f64; 256];
    for byte in words.iter().flat_map(|word| word.to_le_bytes()) {
        seen[usize::from(byte)] += 1.0;
    }
    let expected = (words.len() * 8) as f64 / 256.0;
    let statistic: f64 = seen.iter().map(|n| (n - expected).powi(2) / expected).sum();
    (statistic - 255.0) / 510f64.sqrt()
}

/// The largest departure from one half, in standard deviations, of how often a bit is set.
fn bits_off(words: &[u64], bits: u32) -> f64 {
    let count = words.len() as f64;
    (0..bits)
        .map(|bit| {
            let set = words.iter().filter(|word| *word >> bit & 1 == 1).count() as f64;
            (set - count / 2.0).abs() / (count / 4.0).sqrt()
        })
        .fold(0.0, f64::max)
}

/// Whether words are far from uniform.
fn suspicious(words: &[u64], kind: Opened) -> bool {
    match kind {
        Opened::Bit => words.iter().any(|word| *word > 1) || bits_off(words, 1) > 7.0,
        _ => bytes_off(words) > 7.0 || bits_off(words, 64) > 7.0,
    }
}

/// Runs `body` on two inputs, one all zero and one of large and small numbers, and looks at each
/// message, at what each round opens, and at how that goes with the input.
fn check(name: &str, kinds: &[Opened], body: &Body) {
    let zero = vec![0.0; N];
    let mut other = uniform(N, -3.0, 3.0, 1);
    other[N / 2..].fill(2.5);
    let mut runs = Vec::new();
    for input in [&zero, &other] {
        let seen = compute(&[real(input), real(input)], 1, body).unwrap();
        let opened = opened(&seen, kinds);
        for (round, kind) in kinds.iter().enumerate() {
            for party in [1, 2] {
                let message = words(&seen[party].sent[round]);
                assert!(
                    !suspicious(&message, *kind),
                    "{name}: P{party}, round {round}"
                );
            }
            assert!(!suspicious(&opened[round], *kind), "{name}: round {round}");
        }
        runs.push(opened);
    }
    // Fresh masks in each run: the difference of what two runs open is uniform too, as is that of what
    // the same run opens in two rounds of the same length.
    for (round, kind) in kinds.iter().enumerate() {
        let differences: Vec<u64> = match kind {
            Opened::Sum => difference(&runs[0][round], &runs[1][round], u64::wrapping_sub),
            _ => difference(&runs[0][round], &runs[1][round], |a, b| a ^ b),
        };
        assert!(
            !suspicious(&differences, *kind),
            "{name}: round {round}, two inputs"
        );
        for earlier in 0..round {
            if kinds[earlier] == *kind && runs[0][earlier].len() == runs[0][round].len() {
                let xor = difference(&runs[0][earlier], &runs[0][round], |a, b| a ^ b);
                assert!(
                    !suspicious(&xor, *kind),
                    "{name}: rounds {earlier} and {round}"
                );
            }
        }
    }
}

fn difference(a: &[u64], b: &[u64], f: impl Fn(u64, u64) -> u64) -> Vec<u64> {
    a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
}

#[test]
fn the_check_finds_what_is_not_uniform() {
    let encoded = real(&uniform(N, -3.0, 3.0, 1)).words;
    assert!(suspicious(&encoded, Opened::Sum));
    assert!(suspicious(&vec![7; N], Opened::ExclusiveOr));
    assert!(suspicious(&vec![1; N], Opened::Bit));
    assert!(suspicious(&vec![2; N], Opened::Bit));
}

#[test]
fn openings_are_uniform_whatever_the_input() {
    use Opened::{Bit, ExclusiveOr, Sum};
    check("multiply", &[Sum], &|a, x| a.multiply(&x[0], &x[1]));
    check("square", &[Sum], &|a, x| a.square(&x[0]));
    check("exp", &[Sum; 8], &|a, x| a.exp(&x[0]));
    check("rows", &[Sum], &|a, x| {
        let sums = a.sum_rows(&x[1], 64);
        a.multiply_rows(&x[0], &sums)
    });
    let shape = MatmulShape {
        batch: 2,
        rows: 64,
        inner: 64,
        columns: 64,
        right_is_transposed: false,
    };
    check("matmul", &[Sum], &move |a, x| a.matmul(shape, &x[0], &x[1]));
    let mut relu = vec![ExclusiveOr; 7];
    relu.extend([Bit, Sum]);
    check("relu", &relu, &|a, x| a.relu(&x[0]));
    let mut equals = vec![ExclusiveOr; 6];
    equals.push(Bit);
    check("equals zero", &equals, &|a, x| a.equals_zero(&x[0]));
    check("random", &[Bit], &|a, _| a.random(N));
}

/// What P0 deals is less what P2 does not have, and so uniform.
#[test]
fn corrections_are_uniform() {
    let seen = compute(&[real(&vec![0.0; N])], 1, &|a, x| {
        let relu = a.relu(&x[0])?;
        a.square(&relu)
    })
    .unwrap();
    assert_eq!(seen[0].dealt.len(), 7 + 1 + 1 + 1);
    for (i, message) in seen[0].dealt.iter().enumerate() {
        assert!(!suspicious(&words(message), Opened::Sum), "message {i}");
    }
}

#[test]
fn the_same_operation_twice_has_masks_of_its_own() {
    let seen = compute(&[real(&vec![1.5; N])], 1, &|a, x| {
        a.square(&x[0])?;
        a.square(&x[0])
    })
    .unwrap();
    let opened = opened(&seen, &[Opened::Sum; 2]);
    let differences = difference(&opened[0], &opened[1], u64::wrapping_sub);
    assert!(!suspicious(&differences, Opened::Sum));
}

/// (step, expected, actual) of the refusal at each party, dealing by `dealt` and computing by `used`.
fn refusals(dealt: &Body, used: &Body) -> [Option<(String, String, String)>; 3] {
    trio::run(1, |session| {
        let mut triples = Triples::default();
        let absent = Share::absent(qbench_baselines::crypten::fixed::RING, 4);
        session.begin_phase(Phase::Offline);
        let mut arithmetic = Arithmetic::new(Runtime::in_session(session), Some(&mut triples));
        dealt(&mut arithmetic, std::slice::from_ref(&absent))?;
        session.begin_phase(Phase::Online);
        let mut arithmetic = Arithmetic::new(Runtime::in_session(session), Some(&mut triples));
        let x = arithmetic.share_from_p1(Some(&[1, 2, 3, 4]), 4)?;
        let used = used(&mut arithmetic, &[x]);
        match used.and_then(|_| triples.expect_empty()) {
            Ok(()) => Ok(None),
            Err(Error::Material {
                step,
                expected,
                actual,
            }) => Ok(Some((step, expected, actual))),
            Err(other) => Err(other),
        }
    })
    .unwrap()
}

fn nothing(_: &mut Arithmetic<'_>, x: &[Share]) -> Result<Share> {
    Ok(x[0].clone())
}

fn squared(a: &mut Arithmetic<'_>, x: &[Share]) -> Result<Share> {
    a.square(&x[0])
}

#[track_caller]
fn refused(dealt: &Body, used: &Body, step: &str, expected: &str, actual: &str) {
    let [p0, p1, p2] = refusals(dealt, used);
    assert_eq!(p0, None);
    let error = Some((step.to_owned(), expected.to_owned(), actual.to_owned()));
    assert_eq!((&p1, &p2), (&error, &error));
}

#[test]
fn material_must_be_what_the_step_asks_for() {
    assert_eq!(refusals(&squared, &squared), [None, None, None]);
    let square = "4 correlations of kind Square";
    refused(
        &nothing,
        &squared,
        "",
        square,
        "nothing: the store is empty",
    );
    refused(
        &squared,
        &nothing,
        "",
        "an empty store at the end of the online phase",
        "1 pieces left, the first 4 correlations of kind Square",
    );
    refused(
        &|a, x| a.multiply(&x[0], &x[0]),
        &squared,
        "",
        square,
        "4 correlations of kind Product dealt for step ``",
    );
    refused(
        &|a, x| a.square(&x[0].slice(0..3)),
        &squared,
        "",
        square,
        "3 correlations of kind Square dealt for step ``",
    );
    refused(
        &|a, x| {
            a.runtime.enter("earlier");
            let square = a.square(&x[0]);
            a.runtime.leave();
            square
        },
        &squared,
        "",
        square,
        "4 correlations of kind Square dealt for step `earlier`",
    );
}

/// Operands that do not fit are one clear error, in the cost walk too.
#[test]
fn operands_must_fit() {
    let error = trio::run(1, |session| {
        let mut triples = Triples::default();
        session.begin_phase(Phase::Online);
        session.enter("somewhere");
        let mut arithmetic = Arithmetic::new(Runtime::in_session(session), Some(&mut triples));
        let x = arithmetic.share_from_p1(Some(&[1, 2, 3]), 3)?;
        let y = arithmetic.share_from_p1(Some(&[1, 2]), 2)?;
        arithmetic.multiply(&x, &y).map(|_| ())
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "step `somewhere`: 3 elements times 2");
}

#[test]
fn inputs_and_outputs_are_p1s_alone() {
    let values = [5u64, u64::MAX, 0, 1 << 40];
    let seen = trio::run(1, |session| {
        let mut triples = Triples::default();
        session.begin_phase(Phase::Online);
        let p1 = session.me() == Party::P1;
        let mut arithmetic = Arithmetic::new(Runtime::in_session(session), Some(&mut triples));
        let x = arithmetic.share_from_p1(Some(&values).filter(|_| p1).map(|v| &v[..]), 4)?;
        let share = x.values().to_vec();
        let output = arithmetic.reveal_to_p1(&x)?;
        let record = session.end_phase();
        Ok((share, output, record))
    })
    .unwrap();
    let [(none, no0, r0), (_, output, r1), (_, no2, r2)] = seen;
    assert!(none.is_empty() && no0.is_none() && no2.is_none());
    assert_eq!(output.as_deref(), Some(&values[..]));
    assert_eq!((r0.sent_bytes, r1.sent_bytes), ([0; 3], [0; 3]));
    assert_eq!((r2.sent_bytes, r1.rounds), ([0, 32, 0], 1));
}

/// Nothing that a log could show has a share or a mask in it.
#[test]
fn nothing_secret_is_printed() {
    let share = Share::held(qbench_baselines::crypten::fixed::RING, vec![123_456_789; 2]);
    assert_eq!(format!("{share:?}"), "Additive(Z_2^64 x 2)");
    assert_eq!(
        format!("{:?}", Triples::default()),
        "Triples(0 pieces, 0 bytes)"
    );
}

//! The integer reference with random carries is the ideal functionality: its outputs have the
//! distribution of the secure run's.

use qbench_protocols::lut_rss::system::{LutRssSystem, Secret};
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::model::walk::{Engine, walk};
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::quantized::carries::Carries;
use qbench_protocols::quantized::evidence::Evidence;
use qbench_protocols::quantized::integer::IntegerModel;
use qbench_protocols::quantized::reference::{Clear, IntegerReference};
use qbench_protocols::ring::{Ring, Word};
use qbench_protocols::system::{PartyProgram, WalkedParty, Workload};
use qbench_protocols::testing::trio;

/// Runs of each.
const RUNS: usize = 1000;
/// Standard errors between two means: past it once in 10^8 pairs of equal distributions.
const SIGMAS: f64 = 5.8;

fn workload() -> Workload {
    let model = ModelConfig {
        name: "test".into(),
        layers: 1,
        hidden: 8,
        heads: 2,
        feed_forward: 16,
        max_positions: 64,
        activation: ActivationFunction::Gelu,
        head: Head::Classifier { labels: 6 },
        layer_norm_epsilon: 1e-12,
        relative_positions: false,
        bit_plan: None,
    };
    Workload {
        verify: false,
        ..Workload::new(model, 3)
    }
}

/// Outputs of `RUNS` secure runs on one sharing of the weights, as signed integers.
fn secure(workload: &Workload, source: &QuantizedModel, input: &[u8]) -> Vec<Vec<f64>> {
    let [_, p1, _] = trio::run(1, |session| {
        let secret = match session.me() {
            Party::P0 => Secret::Model(Box::new(source.clone())),
            Party::P1 => Secret::Input(input.to_vec().into()),
            Party::P2 => Secret::Nothing,
        };
        let mut party = WalkedParty::new(&LutRssSystem, workload, secret, 0)?;
        party.setup(session)?;
        let mut outputs = Vec::new();
        for _ in 0..RUNS {
            session.begin_phase(Phase::Offline);
            party.offline(session)?;
            session.begin_phase(Phase::Online);
            party.online(session)?;
            outputs.push(signed(&Evidence::from_bytes(&party.evidence())?.output));
        }
        Ok(outputs)
    })
    .unwrap();
    p1
}

/// Outputs of the reference with carries drawn from `RUNS` seeds.
fn ideal(workload: &Workload, source: &QuantizedModel, input: &[u8]) -> Vec<Vec<f64>> {
    let model = IntegerModel::new(source, 4, workload.seq_len).unwrap();
    (0..RUNS as u64)
        .map(|seed| {
            let carries = Carries::random(seed);
            let mut reference =
                IntegerReference::new(&model, workload.seq_len, input.to_vec(), carries);
            walk(&mut reference, &workload.model).unwrap();
            signed(&reference.output)
        })
        .collect()
}

fn signed<W: Word>(output: &[W]) -> Vec<f64> {
    output
        .iter()
        .map(|x| Ring::new(16).signed(*x) as f64)
        .collect()
}

/// Mean and its squared standard error.
fn mean(samples: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = RUNS as f64;
    let mean = samples.clone().sum::<f64>() / count;
    let variance = samples.map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

/// Standard errors between the means of f(output) over two lots of runs, the largest over all outputs.
fn distance(a: &[Vec<f64>], b: &[Vec<f64>], f: impl Fn(f64) -> f64) -> f64 {
    (0..a[0].len())
        .map(|i| {
            let (first, error) = mean(a.iter().map(|run| f(run[i])));
            let (second, other) = mean(b.iter().map(|run| f(run[i])));
            assert!(error > 0.0, "output {i} depends on the carries");
            (first - second).abs() / (error + other).sqrt()
        })
        .fold(0.0, f64::max)
}

#[test]
fn random_carries_give_the_secure_runs_distribution() {
    for variance in ["square-table", "inner-product"] {
        let workload = workload().with("variance_protocol", variance);
        let source = synthetic(&workload.model, 31).unwrap();
        let input = synthetic_input(&workload.model, workload.seq_len, 32);
        let input = IntegerModel::quantize_input(source.input_range, 4, &input);
        let secure = secure(&workload, &source, &input);
        let ideal = ideal(&workload, &source, &input);
        assert_eq!(secure[0].len(), 6);
        let means = distance(&secure, &ideal, |x| x);
        let squares = distance(&secure, &ideal, |x| x * x);
        assert!(means < SIGMAS && squares < SIGMAS, "{means}, {squares}");

        // The same measure tells another input apart.
        let other: Vec<u8> = input.iter().map(|x| (x + 5) & 15).collect();
        let other = self::ideal(&workload, &source, &other);
        let apart = distance(&secure, &other, |x| x);
        assert!(apart > SIGMAS, "{apart}");
    }
}

/// What a cut of the secure run does (see the tests of the cut), one random carry does: up with the probability of
/// the fraction, never at an integer. Means over whole runs are too coarse to show this.
#[test]
fn a_random_carry_rounds_up_as_often_as_the_fraction_says() {
    let workload = workload();
    let source = synthetic(&workload.model, 31).unwrap();
    for index_bits in 4..=8 {
        let model = IntegerModel::new(&source, index_bits, workload.seq_len).unwrap();
        let carries = Carries::random(u64::from(index_bits));
        let mut reference = IntegerReference::new(&model, workload.seq_len, Vec::new(), carries);
        // -2 and -1 and eighths, 2 and eighths.
        let unit = 1i64 << (16 - index_bits);
        for whole in [-2, -1, 2] {
            let y: Vec<i64> = (0..8)
                .map(|eighths| whole * unit + eighths * unit / 8)
                .collect();
            let mut up = [0i64; 8];
            let count = 4000;
            for _ in 0..count {
                let Clear::Index(cut) = reference.first_token(Clear::Product(y.clone())).unwrap()
                else {
                    panic!("the first token's index");
                };
                for (up, cut) in up.iter_mut().zip(cut) {
                    assert!((whole..=whole + 1).contains(&cut));
                    *up += cut - whole;
                }
            }
            for (eighths, up) in up.into_iter().enumerate() {
                let fraction = eighths as f64 / 8.0;
                let error = (fraction * (1.0 - fraction) / f64::from(count)).sqrt();
                let off = (up as f64 / f64::from(count) - fraction).abs();
                assert!(
                    off <= SIGMAS * error,
                    "{index_bits} bits: {eighths}/8 is off by {off}"
                );
            }
        }
    }
}

//! Weights whose masks are reused: opened once a model, right in every inference after it, and what crosses the wire tells no
//! more than with fresh masks.

use crate::support::{decode, encode, uniform};
use qbench_baselines::crypten::system::CrypTenSystem;
use qbench_baselines::crypten::{MatmulShape, WEIGHT_MASKS, Weight, WeightMasks, matmul_by_weight};
use qbench_baselines::fixed_point::RING64;
use qbench_protocols::material::Store;
use qbench_protocols::model::config::{Head, ModelConfig};
use qbench_protocols::model::walk::Linear;
use qbench_protocols::phase::Phase;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::system::{DeclaredPhase, System, Workload};
use qbench_protocols::testing::examine::{Examined, Test, examine};
use qbench_protocols::testing::functionality::share;
use qbench_protocols::testing::transcript::{Received, recorded};
use qbench_protocols::testing::view::{Seen, View, unpack};
use qbench_protocols::testing::{Fault, trio};

const SHAPE: MatmulShape = MatmulShape {
    batch: 1,
    rows: 32,
    inner: 64,
    columns: 48,
    right_is_transposed: true,
};
const LEFT: usize = SHAPE.rows * SHAPE.inner;
const RIGHT: usize = SHAPE.inner * SHAPE.columns;
const INFERENCES: usize = 3;
const SESSIONS: usize = 3;

/// What P1 or P2 received in a session: its messages of setup, and of each online phase.
struct Session {
    setup: Vec<Received>,
    online: Vec<Vec<Received>>,
}

/// What P2 saw: P0's message, P1's, and what P1 and P2 opened, in setup and in each inference.
struct AtP2 {
    share: Vec<u64>,
    weight: [Vec<u64>; 2],
    x: Vec<[Vec<u64>; 2]>,
}

/// P1's message to P2, and the sum with P2's to P1.
fn opened(one: &Received, two: &Received, len: usize) -> [Vec<u64>; 2] {
    let [one, two] = [one, two].map(|received| unpack(RING64, &received.payload));
    assert_eq!((one.len(), two.len()), (len, len), "nothing else is opened");
    let sum = one
        .iter()
        .zip(&two)
        .map(|(a, b)| a.wrapping_add(*b))
        .collect();
    [one, sum]
}

/// `INFERENCES` products of the same x and the same weights after one setup; each is right.
fn session(fault: Option<Fault>, x: &[f64], weights: &[f64]) -> AtP2 {
    let words: Vec<u64> = x.iter().map(|x| encode(*x)).collect();
    let encoded: Vec<u64> = weights.iter().map(|w| encode(*w)).collect();
    let (networks, transcripts) = recorded();
    let outcomes = trio::run_over(networks, 1, |session| {
        let transcript = &transcripts[session.me().index()];
        let mut store = Store::default();
        transcript.take();
        let values = |first: usize, out: &mut [u64]| {
            out.copy_from_slice(&encoded[first..][..out.len()]);
        };
        let mut runtime = Runtime::party(session, &mut store);
        let weight = Weight::share(&mut runtime, WeightMasks::Reused, RIGHT, &values)?;
        let setup = transcript.take();
        let (mut online, mut outputs) = (Vec::new(), Vec::new());
        if let Some(fault) = fault {
            session.plant(fault);
        }
        for inference in 0..INFERENCES as u64 {
            for phase in [Phase::Offline, Phase::Online] {
                session.begin_phase(phase);
                transcript.take();
                let mut runtime = Runtime::party(session, &mut store);
                let x = share(&runtime, RING64, &words, inference);
                let product = matmul_by_weight(&mut runtime, SHAPE, &x, &weight)?;
                if phase == Phase::Online {
                    online.push(transcript.take());
                    outputs.push(product.into_values());
                }
            }
        }
        Ok((Session { setup, online }, outputs))
    });
    let [_, (by_one, one), (by_two, two)] = outcomes.unwrap();
    for (one, two) in one.iter().zip(&two) {
        for (i, (a, b)) in one.iter().zip(two).enumerate() {
            let (row, column) = (i / SHAPE.columns, i % SHAPE.columns);
            let terms = (0..SHAPE.inner)
                .map(|k| x[row * SHAPE.inner + k] * weights[column * SHAPE.inner + k]);
            let off = decode(a.wrapping_add(*b)) - terms.sum::<f64>();
            assert!(off.abs() < 0.01, "element {i}: {off}");
        }
    }
    assert_eq!((by_one.setup.len(), by_two.setup.len()), (1, 2));
    let exchanges = by_two.online.iter().zip(&by_one.online);
    AtP2 {
        share: unpack(RING64, &by_two.setup[0].payload),
        weight: opened(&by_two.setup[1], &by_one.setup[0], RIGHT),
        x: exchanges
            .map(|(two, one)| {
                assert_eq!((one.len(), two.len()), (1, 1), "x is opened, and no weight");
                opened(&two[0], &one[0], LEFT)
            })
            .collect(),
    }
}

/// P2's view of sessions on two models and inputs: one of zeros, one of large and small numbers.
fn examined(fault: Option<Fault>) -> Examined {
    let view = |x: &[f64], weights: &[f64]| -> View {
        let sessions: Vec<AtP2> = (0..SESSIONS).map(|_| session(fault, x, weights)).collect();
        let of_setup = |place: &dyn Fn(&AtP2) -> &Vec<u64>| {
            let sessions = sessions.iter().map(|seen| vec![place(seen).clone()]);
            Seen::additive(RING64, sessions.collect())
        };
        let of_inferences = |part: usize| {
            let inferences = |seen: &AtP2| seen.x.iter().map(|x| x[part].clone()).collect();
            Seen::additive(RING64, sessions.iter().map(inferences).collect())
        };
        View::from([
            ("weight's share".to_owned(), of_setup(&|seen| &seen.share)),
            (
                "weight from P1".to_owned(),
                of_setup(&|seen| &seen.weight[0]),
            ),
            (
                "weight opened".to_owned(),
                of_setup(&|seen| &seen.weight[1]),
            ),
            ("x from P1".to_owned(), of_inferences(0)),
            ("x opened".to_owned(), of_inferences(1)),
        ])
    };
    let (zero, zeros) = (vec![0.0; LEFT], vec![0.0; RIGHT]);
    let mut large = uniform(RIGHT, -3.0, 3.0, 5);
    large[RIGHT / 2..].fill(2.5);
    let other = uniform(LEFT, -3.0, 3.0, 6);
    examine(&view(&zero, &zeros), &view(&other, &large))
}

#[test]
fn reused_masks_hide_weights_and_inputs_over_many_inferences() {
    let examined = examined(None);
    assert_eq!(examined.findings, []);
    assert!(examined.tests > 10, "{examined:?}");
    // The weight's mask is the weight's alone; were x's the same in every inference, it would be seen.
    let repeated = self::examined(Some(Fault::RepeatedPhases));
    assert!(
        repeated.finds(Test::BetweenInferences, "x opened"),
        "{repeated:?}"
    );
}

fn workload(masks: &str, seq_len: usize) -> Workload {
    let model = ModelConfig {
        head: Head::Hidden,
        ..ModelConfig::preset("bert-base").unwrap()
    };
    Workload::new(model, seq_len).with(WEIGHT_MASKS.key, masks)
}

/// What moves from every inference to the setup is each weight's words, both ways; nothing else changes.
#[test]
fn reused_masks_move_the_weights_openings_to_the_setup() {
    for seq_len in [1, 8, 32] {
        let [fresh, reused] = ["fresh", "reused"].map(|masks| workload(masks, seq_len));
        let model = &fresh.model;
        let matrices = Linear::all(model)
            .into_iter()
            .map(|linear| linear.shape(model));
        let words = matrices
            .map(|(outputs, inputs)| outputs * inputs)
            .sum::<usize>()
            + 2 * model.layers * model.hidden;
        let moved = 2 * 8 * words as u64;
        let [fresh, reused] = [fresh, reused].map(|w| CrypTenSystem.cost(&w).unwrap());
        let bytes = DeclaredPhase::total_bytes;
        assert_eq!(bytes(&fresh.online) - bytes(&reused.online), moved);
        assert_eq!(bytes(&reused.setup) - bytes(&fresh.setup), moved);
        assert_eq!(fresh.offline, reused.offline);
        assert_eq!(fresh.online.rounds(), reused.online.rounds());
    }
}

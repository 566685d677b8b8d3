//! What each party receives in an inference of `lut-fine`: uniform whatever the input, also where all that the receiver knows of the masks
//! is taken away; and each of the tests is shown to fail where the protocol is broken on purpose.

use qbench_protocols::Result;
use qbench_protocols::fine::engine::{Fine, Knowledge};
use qbench_protocols::fine::integer::FineModel;
use qbench_protocols::fine::plan::{Choices, FinePlan};
use qbench_protocols::fine::weights::FineWeights;
use qbench_protocols::model::bit_plan::{BitPlan, Widths};
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::synthetic::synthetic;
use qbench_protocols::model::walk::walk;
use qbench_protocols::net::Party;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::testing::Fault;
use qbench_protocols::testing::examine::{Examined, MOST_TESTS, Test, examine};
use qbench_protocols::testing::functionality::{Ran, elements, try_run};
use qbench_protocols::testing::view::{Seen, View, unpack};

/// Every message of these shapes fills its bytes, but for factors that stand alone.
const TOKENS: usize = 8;
const HIDDEN: usize = 16;
/// So many that the shortest other message has enough bytes to test.
const RUNS: usize = 60;
const BYTE: Ring = Ring::new(8);

fn plan(head: Head) -> FinePlan {
    FinePlan {
        config: ModelConfig {
            name: "test".into(),
            layers: 1,
            hidden: HIDDEN,
            heads: 2,
            feed_forward: 2 * HIDDEN,
            max_positions: 64,
            activation: ActivationFunction::Gelu,
            head,
            layer_norm_epsilon: 1e-12,
            relative_positions: true,
            bit_plan: None,
        },
        seq_len: TOKENS,
        widths: BitPlan::uniform(Widths::default(), 1),
        choices: Choices {
            direct_activation: head != Head::Hidden,
            maximum_by_differences: head != Head::Hidden,
        },
    }
}

/// One inference, weights and all.
fn infer(
    runtime: &mut Runtime<'_>,
    plan: &FinePlan,
    source: &QuantizedModel,
    input: &[u16],
) -> Result<()> {
    let model = match runtime.me() {
        Some(Party::P0) => Some(FineModel::new(
            source,
            plan.widths.clone(),
            plan.choices,
            plan.seq_len,
        )?),
        _ => None,
    };
    let weights = runtime.step("weights", |runtime| {
        FineWeights::share(runtime, plan, model.as_ref())
    })?;
    let known = Knowledge {
        model: model.as_ref(),
        weights: &weights,
        input: (runtime.me() == Some(Party::P1)).then_some(input),
        record: false,
    };
    walk(&mut Fine::new(runtime.lend(), plan, known), &plan.config)
}

/// Every message that a party receives, byte by byte; each run counts as an inference of one session.
fn received(runs: &[Ran<()>], party: Party) -> View {
    let mut view = View::new();
    for (phase, name) in ["offline", "online"].into_iter().enumerate() {
        let messages = &runs[0].received[phase][party.index()];
        for (number, message) in messages.iter().enumerate() {
            // A factor of its own does not fill its bytes.
            if message.payload.len() < 8 {
                continue;
            }
            let bytes =
                |ran: &Ran<()>| unpack(BYTE, &ran.received[phase][party.index()][number].payload);
            let seen = Seen::additive(BYTE, vec![runs.iter().map(bytes).collect()]);
            let place = format!("{name} {} #{number} from {}", message.step, message.from);
            view.insert(place, seen);
        }
    }
    view
}

/// What each party sees with two inputs as different as can be, examined.
fn examined(head: Head, fault: Option<Fault>) -> [Examined; 3] {
    let plan = plan(head);
    let source = synthetic(&plan.config, 41).unwrap();
    let ring = plan.widths.first().product();
    let small = Ring::new(6);
    let varied: Vec<u16> = elements(small, TOKENS * HIDDEN, 42);
    let varied = varied
        .iter()
        .map(|x| ring.encode(small.signed(*x)))
        .collect();
    let runs = [vec![0; TOKENS * HIDDEN], varied].map(|input: Vec<u16>| -> Vec<Ran<()>> {
        let run = |_| try_run(1, fault, |runtime| infer(runtime, &plan, &source, &input)).unwrap();
        (0..RUNS).map(run).collect()
    });
    Party::ALL.map(|party| {
        let [zero, varied] = runs.each_ref().map(|runs| received(runs, party));
        examine(&zero, &varied)
    })
}

const P01: (Party, Party) = (Party::P0, Party::P1);
const P02: (Party, Party) = (Party::P0, Party::P2);
const P12: (Party, Party) = (Party::P1, Party::P2);

#[test]
fn messages_are_uniform_whatever_the_input() {
    let mut tests = 0;
    for head in [Head::Classifier { labels: 8 }, Head::Hidden] {
        for (party, examined) in examined(head, None).iter().enumerate() {
            assert_eq!(examined.findings, [], "P{party}");
            // P0 receives nothing at all.
            assert_eq!(examined.tests > 0, party > 0, "P{party}");
            tests += examined.tests;
        }
    }
    assert!(tests > 1000 && tests < MOST_TESTS, "{tests} tests");
}

/// With what a party knows of the masks taken away, what it receives is uniform still: but for P1's output.
#[test]
fn messages_are_hidden_by_what_the_receiver_does_not_know() {
    for (party, known) in [
        (Party::P1, Fault::ZerosOfPairs(&[P01, P12])),
        (Party::P2, Fault::ZerosOfPairs(&[P02, P12])),
    ] {
        let examined = &examined(Head::Classifier { labels: 8 }, Some(known))[party.index()];
        let mut findings = examined.findings.iter();
        let but_output = |place: &str| !place.contains("head/output");
        let found = findings.find(|finding| but_output(&finding.place));
        assert_eq!(found, None, "{party}");
    }
}

#[test]
fn masks_that_are_missing_are_seen() {
    let missing = Fault::ZerosOfPairs(&[P01, P02, P12]);
    // Without seeds P1's shares are zero: what P2 sends is everything.
    let [_, p1, _] = examined(Head::Hidden, Some(missing));
    for place in [
        "attention/convert",
        "softmax/exponential",
        "attention/context",
        "add-and-norm/residual",
        "in/convert",
        "feed-forward/activation",
    ] {
        assert!(p1.finds(Test::BetweenInputs, place), "{place}: {p1:?}");
    }
    // Against offsets of P0's alone it is still hidden what is opened there.
    assert!(!p1.finds(Test::BetweenInputs, "max/scores"), "{p1:?}");
}

#[test]
fn offsets_that_are_zero_are_seen() {
    let zeros = Fault::ZerosOfPairs(&[(Party::P0, Party::P0), P01, P02, P12]);
    let [_, p1, _] = examined(Head::Hidden, Some(zeros));
    for place in ["max/scores", "max/reached", "max/maxima", "normalize"] {
        assert!(p1.finds(Test::Uniform, place), "{place}: {p1:?}");
    }
}

/// A dealt bit for two widenings, an upper mask that is opened twice.
#[test]
fn what_is_used_twice_is_seen() {
    let [_, _, p2] = examined(Head::Hidden, Some(Fault::RepeatedDraws));
    let dealt = |place: &str| place.contains("offline") && place.contains("attention/convert");
    let mut twice = p2.findings.iter().filter(|f| f.test == Test::BetweenPlaces);
    assert!(twice.any(|finding| dealt(&finding.place)), "{p2:?}");
}

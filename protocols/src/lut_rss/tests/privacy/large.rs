//! The same at a shape that does not fit one message, one block or one thread: tables of one step go out in several messages,
//! each packed in blocks and by several threads, vectors are drawn in parts, and one set-up serves several inferences.

use super::*;
use crate::testing::view::View;
use crate::threads::GRAIN;

const RUNS: Runs = Runs {
    sessions: 1,
    inferences: 2,
    threads: 3,
};
/// The step whose tables are the largest.
const LARGEST: &str = "offline layer0/feed-forward/add-and-norm/affine";
/// Fewer elements than this a message are for the small shape's many sessions.
const LEAST: usize = 1000;
/// Entries that [`crate::lut::deal::Rotor::pack`] makes at a time are at most so many.
const BLOCK_ENTRIES: usize = 32_768;

fn large() -> Plan {
    plan(config(128, 1, ActivationFunction::Relu), 52, 5)
}

/// Every party's view of one input, of messages of many elements alone.
fn seen(plan: &Plan, input: &[u8], fault: Option<Fault>) -> [View; 3] {
    let source = skewed_model(&plan.config);
    let mut views = observe(plan, &source, input, RUNS, fault);
    for view in &mut views {
        view.retain(|_, seen| {
            let mut runs = seen.sessions.iter().flatten();
            runs.all(|run| run.len() >= LEAST)
        });
    }
    views
}

/// Elements of each message of tables of the largest step.
fn messages(view: &View) -> Vec<usize> {
    let of_step = |(place, seen): (&String, &crate::testing::view::Seen)| {
        let tables = place.starts_with(LARGEST) && !place.contains("#0.");
        tables.then(|| seen.sessions[0][0].len())
    };
    view.iter().filter_map(of_step).collect()
}

#[test]
fn tables_of_many_messages_and_threads_are_uniform_and_independent_of_the_input() {
    let plan = large();
    let [least, random] = inputs(&plan).map(|input| seen(&plan, &input, None));

    // It is a shape of the kind that is meant.
    let messages = messages(&least[2]);
    assert!(messages.len() > 2, "{messages:?}");
    assert_eq!(messages[0], messages[1], "compared with each other");
    assert!(messages[0] / RUNS.threads > 4 * BLOCK_ENTRIES);
    assert!(plan.seq_len * plan.config.hidden > GRAIN);

    let mut tests = 0;
    for (one, other) in least.iter().zip(&random) {
        let examined = examine(one, other);
        assert_eq!(examined.findings, []);
        tests += examined.tests;
    }
    assert!(tests > 500 && tests < MOST_TESTS, "{tests} tests");
}

/// What P1 and P2 see on one input, held against itself.
fn examine_fault(fault: Fault) -> [Examined; 2] {
    let plan = large();
    let [least, _] = inputs(&plan);
    let [_, p1, p2] = seen(&plan, &least, Some(fault));
    [p1, p2].map(|view| examine(&view, &view))
}

#[test]
fn phases_repeated_at_a_large_shape_are_seen_in_every_message() {
    let [p1, p2] = examine_fault(Fault::RepeatedPhases);
    let repeated = Test::BetweenInferences;
    assert!(p1.finds(repeated, "opened"), "{p1:?}");
    for message in 1..=3 {
        let place = format!("{LARGEST} #{message}.0 from P0");
        assert!(p2.finds(repeated, &place), "{place}: {p2:?}");
    }
}

#[test]
fn draws_repeated_at_a_large_shape_are_seen() {
    let [p1, p2] = examine_fault(Fault::RepeatedDraws);
    let openings = "scores/convert #0.0 opened, online layer0/attention/scores/convert #0.1 opened";
    assert!(p1.finds(Test::BetweenPlaces, openings), "{p1:?}");
    let tables = "scores/convert #1.0 from P0, offline layer0/attention/scores/convert #2.0";
    assert!(p2.finds(Test::BetweenPlaces, tables), "{p2:?}");
}

#[test]
fn tables_without_a_mask_are_seen_in_every_message_of_their_step_alone() {
    let [p1, p2] = examine_fault(Fault::Zeros {
        of: (Party::P0, Party::P1),
        step: "feed-forward/add-and-norm/affine",
    });
    assert_eq!(p1.findings, []);
    for message in 1..=3 {
        let place = format!("{LARGEST} #{message}.0 from P0");
        assert!(p2.finds(Test::Uniform, &place), "{place}: {p2:?}");
    }
    assert!(!p2.finds(Test::Uniform, "attention"), "{p2:?}");
}

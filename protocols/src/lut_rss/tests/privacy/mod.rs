//! Privacy on real transcripts: what a party receives, and what it opens, is uniform and independent of
//! the input. And each of the tests is shown to fail where the protocol is broken on purpose.

mod large;
mod product;
mod views;

use super::*;
use crate::testing::Fault;
use crate::testing::examine::{Examined, MOST_TESTS, Test, examine};
use views::{Runs, observe};

/// Sessions of two inferences each.
const SESSIONS: usize = 200;
const FEWER_SESSIONS: usize = 100;

/// 1-bit weights that are all +1 but for every 16th: nothing random hides behind them.
fn skewed_model(config: &ModelConfig) -> QuantizedModel {
    let mut source = synthetic(config, 41).unwrap();
    for layer in &mut source.layers {
        for linear in [
            &mut layer.query,
            &mut layer.key,
            &mut layer.value,
            &mut layer.attention_output,
            &mut layer.feed_forward_in,
            &mut layer.feed_forward_out,
        ] {
            for (i, signs) in linear.planes.iter_mut().enumerate() {
                *signs = if i % 2 == 0 { 0xff } else { 0x7f };
            }
        }
    }
    source
}

/// Two inputs as different as can be: the least index everywhere, and random ones.
fn inputs(plan: &Plan) -> [Vec<u8>; 2] {
    let (ring, len) = (plan.index_ring(), plan.seq_len * plan.config.hidden);
    [
        vec![ring.encode(-(1 << (ring.bits() - 1))); len],
        elements(ring, len, 42),
    ]
}

/// Every party's view over both inputs, examined. Without a radix sort there is nothing in P0's.
fn examine_runs(plan: &Plan, sessions: usize, fault: Option<Fault>) -> [Examined; 3] {
    let source = skewed_model(&plan.config);
    let runs = Runs {
        sessions,
        inferences: 2,
        threads: 1,
    };
    let [least, random] = inputs(plan).map(|input| observe(plan, &source, &input, runs, fault));
    let alone = plan.max_protocol != MaxProtocol::RadixSort;
    assert_eq!(
        least[0].is_empty() && random[0].is_empty(),
        alone,
        "P0's view"
    );
    Party::ALL.map(|party| examine(&least[party.index()], &random[party.index()]))
}

#[test]
fn what_a_party_sees_is_uniform_and_independent_of_the_input() {
    let config = config(8, 2, ActivationFunction::Relu);
    let mut paper = plan(config.clone(), 2, 4);
    paper.variance_protocol = VarianceProtocol::InnerProduct;
    let mut counted = plan(config.clone(), 2, 4);
    counted.max_protocol = MaxProtocol::Histogram;
    let mut tests = 0;
    for plan in [paper, counted, plan(config, 2, 5)] {
        for examined in examine_runs(&plan, SESSIONS, None) {
            assert_eq!(examined.findings, [], "{plan:?}");
            tests += examined.tests;
        }
    }
    // The bound of each test is set for this many.
    assert!(tests > 1000 && tests < MOST_TESTS, "{tests} tests");
}

#[test]
fn what_a_party_sees_of_a_radix_sort_is_uniform_and_independent_of_the_input() {
    let mut plan = plan(config(8, 2, ActivationFunction::Relu), 2, 4);
    plan.max_protocol = MaxProtocol::RadixSort;
    let examined = examine_runs(&plan, SESSIONS, None);
    for party in &examined {
        assert_eq!(party.findings, []);
        assert!(party.tests > 0);
    }
    let tests: usize = examined.iter().map(|party| party.tests).sum();
    assert!(tests < MOST_TESTS, "{tests} tests");
}

#[test]
fn a_second_inference_with_the_same_tables_and_masks_is_seen() {
    let plan = plan(config(8, 2, ActivationFunction::Relu), 2, 4);
    let [_, p1, p2] = examine_runs(&plan, FEWER_SESSIONS, Some(Fault::RepeatedPhases));
    let repeated = Test::BetweenInferences;
    assert!(p1.finds(repeated, "opened"), "{p1:?}");
    assert!(p1.finds(repeated, "query #0.0 from P0"), "{p1:?}");
    assert!(p2.finds(repeated, "opened"), "{p2:?}");
    assert!(p2.finds(repeated, "offline"), "{p2:?}");
}

#[test]
fn two_vectors_under_the_same_mask_are_seen() {
    let plan = plan(config(8, 2, ActivationFunction::Relu), 2, 4);
    let [_, p1, p2] = examine_runs(&plan, FEWER_SESSIONS, Some(Fault::RepeatedDraws));
    // The differences of queries and of keys from one offset; their tables under one mask.
    let openings = "scores/convert #0.0 opened, online layer0/attention/scores/convert #0.1 opened";
    assert!(p1.finds(Test::BetweenPlaces, openings), "{p1:?}");
    assert!(p2.finds(Test::BetweenPlaces, openings), "{p2:?}");
    let tables = "scores/convert #1.0 from P0, offline layer0/attention/scores/convert #2.0";
    assert!(p2.finds(Test::BetweenPlaces, tables), "{p2:?}");
}

#[test]
fn offsets_that_are_zero_are_seen() {
    let plan = plan(config(8, 2, ActivationFunction::Relu), 2, 4);
    let zeros = Fault::Zeros {
        of: (Party::P0, Party::P0),
        step: "",
    };
    let [_, p1, p2] = examine_runs(&plan, FEWER_SESSIONS, Some(zeros));
    for examined in [p1, p2] {
        for test in [Test::Uniform, Test::BetweenInputs] {
            assert!(examined.finds(test, "query/convert #0.0 opened"));
        }
        // The other party's share of an opening is uniform all the same: the sum has to be tested.
        assert!(!examined.finds(Test::Uniform, "from"), "{examined:?}");
    }
}

#[test]
fn what_p1_can_compute_of_a_products_summand_is_uniform() {
    let [same, random] = [0, 1].map(|input| product::parities(input, None));
    let examined = examine(&same, &random);
    assert_eq!(examined.findings, []);
    assert!(examined.tests > 0);
}

#[test]
fn a_summand_without_a_mask_is_seen() {
    let unmasked = Fault::Zeros {
        of: (Party::P0, Party::P2),
        step: "",
    };
    let [same, random] = [0, 1].map(|input| product::parities(input, Some(unmasked)));
    let examined = examine(&same, &random);
    assert!(examined.finds(Test::Uniform, "parity"), "{examined:?}");
}

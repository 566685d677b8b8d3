//! What P1 and P2 receive in `lut-mul` looks uniform whatever input and weights are, and masks that are missing or used twice are
//! seen: in tables, and in openings.

use qbench_baselines::lut_mul::dots::Dots;
use qbench_baselines::lut_mul::operand::{Contents, Operand};
use qbench_baselines::lut_mul::product::sums_of_products;
use qbench_protocols::lut::open_all;
use qbench_protocols::lut_rss::linear::HeadShape;
use qbench_protocols::net::Party;
use qbench_protocols::quantized::integer::PRODUCT;
use qbench_protocols::ring::Ring;
use qbench_protocols::share::Additive;
use qbench_protocols::testing::Fault;
use qbench_protocols::testing::examine::{Examined, MOST_TESTS, Test, examine};
use qbench_protocols::testing::functionality::{Ran, elements, share, try_run};
use qbench_protocols::testing::view::{Opening, Seen, Sharing, View, openings, unpack};

/// A head of 64 queries and keys. Its scores are 4096 dot products, in tables of several pieces.
const SHAPE: HeadShape = HeadShape {
    tokens: 64,
    hidden: 8,
    heads: 2,
    width: 4,
};
/// A layer on them.
const OUTPUTS: usize = 16;
const INDEX: Ring = Ring::new(4);
/// Of each party, in the first inference and the second.
const THREADS: [usize; 2] = [1, 3];

/// A layer on the queries, twice (as key and value layers take one input), and their products with the keys.
fn run(input: &[u8], weights: &[u16], fault: Option<Fault>, threads: usize) -> Ran<Additive<u16>> {
    let levels: Vec<i64> = (0..16).map(|index| INDEX.signed(index as u16)).collect();
    let ran = try_run(threads, fault, |runtime| {
        let [q, k] = [1, 2].map(|seed| share(runtime, INDEX, input, seed));
        let mut opened = open_all(runtime, &[&q, &k])?;
        let (k, q) = (opened.pop().unwrap(), opened.pop().unwrap());
        let layer = Dots::Layer {
            rows: SHAPE.tokens,
            outputs: OUTPUTS,
            inputs: SHAPE.hidden,
        };
        let mut sum = Additive::absent(PRODUCT, SHAPE.tokens * OUTPUTS);
        for _ in 0..2 {
            sum = sums_of_products(runtime, layer, None, &q, || {
                Ok(Contents {
                    left: Operand::known(weights.to_vec().into()),
                    right: Operand::opened(&q, &levels),
                    bias: vec![0; OUTPUTS].into(),
                })
            })?;
        }
        sums_of_products(runtime, Dots::Scores(SHAPE), Some(&q), &k, || {
            Ok(Contents {
                left: Operand::opened(&q, &levels),
                right: Operand::opened(&k, &levels),
                bias: Vec::new().into(),
            })
        })?;
        Ok(sum)
    });
    ran.unwrap()
}

/// All that P1 and P2 receive: offsets and tables at P2, openings at both.
fn view(runs: &[Ran<Additive<u16>>]) -> View {
    let exchange = Opening::Elements(INDEX, Sharing::Additive);
    let mut view = openings(runs, &[exchange]);
    assert!(
        runs.iter().all(|ran| ran.received[0][1].is_empty()),
        "nothing is dealt to P1"
    );
    assert!(
        runs.iter().all(|ran| ran.received[1][0].is_empty()),
        "P0 is told nothing"
    );
    let messages = runs[0].received[0][2].len();
    assert!(messages > 4, "{messages} messages");
    for message in 0..messages {
        let (ring, name) = match message {
            0 => (INDEX, "offsets".to_owned()),
            _ => (PRODUCT, format!("tables {message}")),
        };
        let of = |ran: &Ran<_>| unpack(ring, &ran.received[0][2][message].payload);
        let runs = runs.iter().map(of).collect();
        view.insert(name, Seen::additive(ring, vec![runs]));
    }
    view
}

/// Two inputs with two models: all the least level and all weights one, and random ones.
fn examined(fault: Option<Fault>) -> Examined {
    let len = SHAPE.tokens * SHAPE.hidden;
    let weights = OUTPUTS * SHAPE.hidden;
    let one = (vec![8; len], vec![1; weights]);
    let other = (elements(INDEX, len, 3), elements(PRODUCT, weights, 4));
    let [one, other] = [one, other].map(|(input, weights)| {
        view(&THREADS.map(|threads| run(&input, &weights, fault, threads)))
    });
    examine(&one, &other)
}

#[test]
fn tables_and_openings_are_uniform_whatever_input_and_weights() {
    let examined = examined(None);
    assert_eq!(examined.findings, []);
    assert!(
        examined.tests > 100 && examined.tests < MOST_TESTS,
        "{}",
        examined.tests
    );
}

#[test]
fn tables_without_a_mask_are_seen() {
    let leaking = examined(Some(Fault::Zeros {
        of: (Party::P0, Party::P1),
        step: "",
    }));
    for tables in 1..=4 {
        assert!(
            leaking.finds(Test::Uniform, &format!("tables {tables}")),
            "{leaking:?}"
        );
    }
}

#[test]
fn offsets_that_are_missing_are_seen() {
    let leaking = examined(Some(Fault::Zeros {
        of: (Party::P0, Party::P0),
        step: "",
    }));
    assert!(leaking.finds(Test::Uniform, "opened"), "{leaking:?}");
    // The tables keep their masks.
    assert!(!leaking.finds(Test::Uniform, "tables"), "{leaking:?}");
}

/// One stream for two layers' tables, and one offset for two inputs.
#[test]
fn masks_that_are_used_twice_are_seen() {
    let leaking = examined(Some(Fault::RepeatedDraws));
    let of_layers = leaking.finds(Test::BetweenPlaces, "tables 1, tables 2");
    assert!(of_layers, "{leaking:?}");
}

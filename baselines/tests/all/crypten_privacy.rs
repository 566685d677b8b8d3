//! What crosses the wire looks uniform and independent of the inputs, masks are used once and not left out, and
//! correlated randomness that is missing, left over or dealt for something else is an error.

use crate::support::{Body, compute_with, real, uniform};
use qbench_baselines::crypten::{
    MatmulShape, equals_zero, exp, matmul, multiply, multiply_rows, random, relu, square,
};
use qbench_baselines::fixed_point::{RING64, Share};
use qbench_protocols::cost::CostBook;
use qbench_protocols::material::Store;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::testing::examine::{Examined, MOST_TESTS, Test, examine};
use qbench_protocols::testing::functionality::{Ran, mismatch, share};
use qbench_protocols::testing::view::{
    Opening, Seen, Sharing, View, openings, under_the_others_mask, unpack,
};
use qbench_protocols::testing::{Fault, trio};
use qbench_protocols::{Error, Result};

/// Elements of an input.
const N: usize = 8192;
/// Of each party, in the first inference and the second: gates are made in many blocks, by one thread or by several.
const THREADS: [usize; 2] = [1, 3];

const SUM: Opening = Opening::Elements(RING64, Sharing::Additive);
const XOR: Opening = Opening::Elements(RING64, Sharing::Binary);

/// Runs `body` on two inputs, one all zero and one of large and small numbers, twice each, and looks at what `view` makes
/// of it.
fn examined(fault: Option<Fault>, body: &Body, view: impl Fn(&[Ran<Share>]) -> View) -> Examined {
    let zero = vec![0.0; N];
    let mut other = uniform(N, -3.0, 3.0, 1);
    other[N / 2..].fill(2.5);
    let [zero, other] = [zero, other].map(|input| {
        let inputs = [real(&input), real(&input)];
        view(&THREADS.map(|threads| compute_with(fault, &inputs, threads, body)))
    });
    examine(&zero, &other)
}

#[test]
fn openings_are_uniform_whatever_the_input() {
    let mut tests = 0;
    let mut check = |name: &str, exchanges: &[Opening], body: &Body| {
        let examined = examined(None, body, |runs| openings(runs, exchanges));
        assert_eq!(examined.findings, [], "{name}");
        tests += examined.tests;
    };
    check("multiply", &[SUM], &|r, x| multiply(r, &x[0], &x[1]));
    check("square", &[SUM], &|r, x| square(r, &x[0]));
    check("exp", &[SUM; 8], &|r, x| exp(r, &x[0]));
    check("rows", &[SUM], &|r, x| {
        multiply_rows(r, &x[0], &x[1].sum_rows(64, 1))
    });
    let shape = MatmulShape {
        batch: 2,
        rows: 64,
        inner: 64,
        columns: 64,
        right_is_transposed: false,
    };
    check("matmul", &[SUM], &move |r, x| {
        matmul(r, shape, &x[0], &x[1])
    });
    let rounds = [&[XOR; 7][..], &[Opening::Bits, SUM]].concat();
    check("relu", &rounds, &|r, x| relu(r, &x[0]));
    let rounds = [&[XOR; 6][..], &[Opening::Bits]].concat();
    check("equals zero", &rounds, &|r, x| equals_zero(r, &x[0]));
    check("random", &[Opening::Bits], &|r, _| random(r, N));
    check("twice", &[SUM; 2], &square_twice);
    // The bound of each test is set for this many.
    assert!(tests > 1000 && tests < MOST_TESTS, "{tests} tests");
}

fn square_twice(runtime: &mut Runtime<'_>, x: &[Share]) -> Result<Share> {
    square(runtime, &x[0])?;
    square(runtime, &x[0])
}

/// What P0 deals is less what P2 does not have, and so uniform.
#[test]
fn corrections_are_uniform() {
    let body: &Body = &|r, x| {
        let relu = relu(r, &x[0])?;
        square(r, &relu)
    };
    let examined = examined(None, body, |runs| {
        let messages = |ran: &Ran<Share>| ran.received[0][2].len();
        assert_eq!(
            runs.iter().map(messages).collect::<Vec<_>>(),
            [7 + 1 + 1 + 1; 2]
        );
        let seen = (0..10).map(|i| {
            let message = |ran: &Ran<Share>| unpack(RING64, &ran.received[0][2][i].payload);
            let inferences = runs.iter().map(message).collect();
            (format!("#{i}"), Seen::additive(RING64, vec![inferences]))
        });
        seen.collect()
    });
    assert_eq!(examined.findings, []);
    assert!(examined.tests > 0);
}

/// The same operation twice, with masks that are not its own.
#[test]
fn two_squares_under_the_same_mask_are_seen() {
    let repeated = Some(Fault::RepeatedDraws);
    let examined = examined(repeated, &square_twice, |runs| openings(runs, &[SUM; 2]));
    let places = "#0 opened, #1 opened";
    assert!(examined.finds(Test::BetweenPlaces, places), "{examined:?}");
    assert!(!examined.finds(Test::Uniform, "opened"), "{examined:?}");
}

/// Of P1 the mask is missing, so P2 sees what is squared, and P1 sees nothing; or the other way round.
#[test]
fn a_square_without_a_mask_is_seen() {
    let body: &Body = &|r, x| {
        square(r, &x[0])?;
        Ok(x[0].clone())
    };
    let examined = |fault| examined(fault, body, under_the_others_mask);
    assert_eq!(examined(None).findings, []);
    for (missing, seen_by, not_by) in [(Party::P1, "P2", "P1"), (Party::P2, "P1", "P2")] {
        let leaking = examined(Some(Fault::Zeros {
            of: (Party::P0, missing),
            step: "",
        }));
        for test in [Test::Uniform, Test::BetweenInputs, Test::BetweenInferences] {
            assert!(leaking.finds(test, seen_by), "{test:?}, {leaking:?}");
            assert!(!leaking.finds(test, not_by), "{test:?}, {leaking:?}");
        }
    }
}

/// P0 holds no material; P1 and P2 refuse alike.
#[track_caller]
fn refused(dealt: &Body, used: &Body, error: Option<(&str, &str)>) {
    let walk = |runtime: &mut Runtime<'_>, body: &Body| {
        let x = share(runtime, RING64, &[1, 2, 3, 4], 1);
        body(runtime, &[x]).map(|_| ())
    };
    let refusals = mismatch(
        |runtime| walk(runtime, dealt),
        |runtime| walk(runtime, used),
    );
    let text = error.map(|(expected, actual)| {
        format!("step ``: correlated randomness: expected {expected}, have {actual}")
    });
    assert_eq!(refusals, [None, text.clone(), text]);
}

#[test]
fn material_must_be_what_the_step_asks_for() {
    let nothing: &Body = &|_, x| Ok(x[0].clone());
    let squared: &Body = &|r, x| square(r, &x[0]);
    let multiplied: &Body = &|r, x| multiply(r, &x[0], &x[0]);
    let fewer: &Body = &|r, x| square(r, &x[0].slice(0..3));
    let earlier: &Body = &|r, x| r.step("earlier", |r| square(r, &x[0]));
    refused(squared, squared, None);
    let empty = "an empty store at the end of the online phase";
    let left = "1 pieces left, the first 4 correlations of kind Square";
    refused(squared, nothing, Some((empty, left)));
    for (dealt, actual) in [
        (nothing, "nothing: the store is empty"),
        (
            multiplied,
            "4 correlations of kind Product dealt for step ``",
        ),
        (fewer, "3 correlations of kind Square dealt for step ``"),
        (
            earlier,
            "4 correlations of kind Square dealt for step `earlier`",
        ),
    ] {
        refused(
            dealt,
            squared,
            Some(("4 correlations of kind Square", actual)),
        );
    }
}

/// Operands that do not fit are one clear error, in the cost walk too.
#[test]
fn operands_must_fit() {
    let misfit = |mut runtime: Runtime<'_>| -> Result<()> {
        runtime.enter("somewhere");
        let x = share(&runtime, RING64, &[1, 2, 3], 1);
        let y = share(&runtime, RING64, &[1, 2], 2);
        multiply(&mut runtime, &x, &y).map(|_| ())
    };
    let computed = trio::run(1, |session| {
        session.begin_phase(Phase::Online);
        misfit(Runtime::party(session, &mut Store::default()))
    });
    let mut book = CostBook::default();
    let declared = misfit(Runtime::declared(&mut book, Phase::Online));
    for error in [computed.unwrap_err(), declared.unwrap_err()] {
        assert!(matches!(error, Error::Shape { .. }));
        assert_eq!(error.to_string(), "step `somewhere`: 3 elements times 2");
    }
}

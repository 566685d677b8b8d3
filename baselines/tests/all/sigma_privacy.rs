//! What crosses the wire in `sigma` looks uniform, whatever the input, and keys look uniform to who receives them; masks that are too
//! narrow, missing or used twice are seen; and keys that are missing, left over or dealt for something else are errors.

use qbench_baselines::fixed_point::Fixed;
use qbench_baselines::sigma::functions::{gelu, layer_norm, softmax};
use qbench_baselines::sigma::gates::{
    Exchanges, Wire, at_least, faithful_shift, gap_shift, relu, select, square_sums, table,
};
use qbench_baselines::sigma::settings::{GeluForm, Mean};
use qbench_baselines::sigma::{Choices, FRACTION_BITS};
use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{open_masked, uncover};
use qbench_protocols::testing::Fault;
use qbench_protocols::testing::examine::{Examined, MOST_TESTS, Test, examine};
use qbench_protocols::testing::functionality::{Ran, elements, mismatch, share, try_run};
use qbench_protocols::testing::view::{Opening, Seen, Sharing, View, openings, unpack};

/// Elements of an input.
const N: usize = 8192;
/// Of each party, in the first inference and the second.
const THREADS: [usize; 2] = [1, 3];
const RING: Ring = Ring::new(50);

type Body<'a> = dyn Fn(&mut Runtime<'_>, &Wire) -> Result<Wire> + Sync + 'a;

const fn opening(bits: u32) -> Opening {
    Opening::Elements(Ring::new(bits), Sharing::Additive)
}

fn choices() -> Choices {
    Choices {
        fixed: Fixed::new(RING.bits(), FRACTION_BITS),
        exchanges: Exchanges::Original,
        mean: Mean::Original,
        gelu: GeluForm::Gpu,
    }
}

/// Runs a gate on two inputs, all zero and large and small numbers of either sign, twice each.
fn examined(
    fault: Option<Fault>,
    body: &Body<'_>,
    view: impl Fn(&[Ran<Wire>]) -> View,
) -> Examined {
    let zero = vec![0u64; N];
    let mut other: Vec<u64> = elements(Ring::new(16), N, 5);
    for value in other.iter_mut().skip(N / 2) {
        *value = RING.encode(-(*value as i64) - 77);
    }
    let [zero, other] = [zero, other].map(|clear| {
        let runs = THREADS.map(|threads| {
            let ran = try_run(threads, fault, |runtime| {
                let x = share(runtime, RING, &clear, 2);
                let x = open_masked(runtime, &x)?;
                body(runtime, &x)
            });
            ran.unwrap()
        });
        view(&runs)
    });
    examine(&zero, &other)
}

#[test]
fn openings_are_uniform_whatever_the_input() {
    let choices = choices();
    let mut tests = 0;
    let mut check = |name: &str, exchanges: &[u32], body: &Body<'_>| {
        let exchanges: Vec<Opening> = [&[50], exchanges]
            .concat()
            .into_iter()
            .map(opening)
            .collect();
        let examined = examined(None, body, |runs| openings(runs, &exchanges));
        assert_eq!(examined.findings, [], "{name}");
        tests += examined.tests;
    };
    check("relu", &[1, 50], &|r, x| relu(r, x, 39));
    check("gap shift", &[1, 50], &|r, x| gap_shift(r, x, 12));
    check("faithful shift", &[1, 38, 1, 50], &|r, x| {
        faithful_shift(r, x, 12)
    });
    check("selection", &[1, 16], &|r, x| {
        let bit = at_least(r, x, 40, 65_535, true)?;
        let bit = uncover(r, bit)?;
        let selected = select(r, &bit, x, Ring::new(16), 65_535, 65_535)?;
        uncover(r, selected)
    });
    let entries: Vec<u64> = elements(RING, 256, 3);
    check("table", &[1, 50, 50], &|r, x| {
        let index = x.reduce_to(Ring::new(8));
        let entry = table(r, &index, &entries, RING, Exchanges::Original)?;
        uncover(r, entry)
    });
    check("square sums", &[50], &|r, x| {
        let sums = square_sums(r, x, 2)?;
        uncover(r, sums)
    });
    check("gelu", &[1, 33, 1, 8, 1, 50, 50], &|r, x| {
        gelu(r, &choices, x)
    });
    let row = [
        1, 40, 1, 16, 1, 50, 50, 1, 8, 1, 50, 50, 50, 1, 50, 1, 7, 1, 50, 50, 50, 1, 50,
    ];
    check("softmax", &row, &|r, x| softmax(r, &choices, x, 2));
    // The bound of each test is set for this many.
    assert!(tests > 1000 && tests < MOST_TESTS, "{tests} tests");
}

/// The exchanges of a LayerNorm but for the one of two widths.
#[test]
fn openings_of_a_row_are_uniform() {
    let choices = choices();
    let gamma: Vec<u64> = vec![1 << FRACTION_BITS; 8];
    let body: &Body<'_> = &|r, x| {
        let parameter = share(r, RING, &gamma, 4);
        let parameter = open_masked(r, &parameter)?;
        // A row of zeros has no reciprocal square root; with epsilon it has.
        layer_norm(r, &choices, x, &parameter, &parameter, 1.0)
    };
    // Value and sign of the table's entry are one message: its first 64 bits by the byte are of either.
    let kinds = [
        50, 50, 1, 47, 1, 50, 50, 50, 50, 13, 1, 50, 50, 1, 50, 50, 1, 50,
    ];
    let kinds: Vec<Opening> = kinds.map(opening).to_vec();
    let examined = examined(None, body, |runs| {
        let mut view = openings(runs, &kinds);
        // The message of bits and elements cannot be read as one kind.
        view.retain(|place, _| !place.starts_with("#10 ") && !place.starts_with("#1 "));
        view
    });
    assert_eq!(examined.findings, []);
}

/// Shifts opened under a mask of one bit, as the original's library for processors does: what is opened is the value, or one more.
#[test]
fn a_mask_of_one_bit_is_seen() {
    let body: &Body<'_> = &|r, x| faithful_shift(r, x, 12);
    let exchanges = [50, 1, 38, 1, 50].map(opening);
    for (step, place) in [("drop", "#2"), ("extend", "#4")] {
        let narrow = Fault::Narrow {
            of: Party::P0,
            step,
            bits: 1,
        };
        let leaking = examined(Some(narrow), body, |runs| openings(runs, &exchanges));
        let opened = format!("{place} opened");
        for test in [Test::Uniform, Test::BetweenInputs] {
            assert!(leaking.finds(test, &opened), "{test:?}, {leaking:?}");
        }
        // Each share alone hides it still, and what else is opened is masked.
        let others = |finding: &&qbench_protocols::testing::examine::Finding| {
            !finding.place.contains("opened") && !finding.place.starts_with(place)
        };
        assert_eq!(leaking.findings.iter().find(others), None);
    }
}

#[test]
fn masks_that_are_missing_or_used_twice_are_seen() {
    let body: &Body<'_> = &|r, x| gap_shift(r, x, 12);
    let exchanges = [50, 1, 50].map(opening);
    let missing = Fault::Zeros {
        of: (Party::P0, Party::P0),
        step: "",
    };
    let leaking = examined(Some(missing), body, |runs| openings(runs, &exchanges));
    assert!(leaking.finds(Test::Uniform, "#2 opened"), "{leaking:?}");
    let twice: &Body<'_> = &|r, x| {
        gap_shift(r, x, 12)?;
        gap_shift(r, x, 12)
    };
    let exchanges = [50, 1, 50, 1, 50].map(opening);
    let fresh = examined(None, twice, |runs| openings(runs, &exchanges));
    assert_eq!(fresh.findings, []);
    let repeated = examined(Some(Fault::RepeatedDraws), twice, |runs| {
        openings(runs, &exchanges)
    });
    assert!(
        repeated.finds(Test::BetweenPlaces, "#2 opened, #4 opened"),
        "{repeated:?}"
    );
}

/// What P0 sends: words less what P2 does not have, and trees of 10 bits, in which all blocks look uniform to either party.
#[test]
fn keys_are_uniform_to_who_receives_them() {
    let body: &Body<'_> = &|r, x| {
        let bit = at_least(r, x, 11, 0, false)?;
        let bit = uncover(r, bit)?;
        let selected = select(r, &bit, x, RING, 0, 0)?;
        uncover(r, selected)
    };
    let byte = Ring::new(8);
    let view = |runs: &[Ran<Wire>]| -> View {
        let mut view = View::new();
        for (party, roots, places) in [(Party::P1, 0, 1), (Party::P2, 1, 3)] {
            let received = |ran: &Ran<Wire>| ran.received[0][party.index()].len();
            assert!(runs.iter().all(|ran| received(ran) == places));
            let blocks = |ran: &Ran<Wire>| -> Vec<u64> {
                let message = &ran.received[0][party.index()][0].payload;
                // 64 keys: roots, three levels and a leaf more, and three words of bits, of which the last is not used.
                let batch = message.chunks((roots + 4) * 64 * 16 + 24);
                let read = |batch: &[u8]| unpack(byte, &batch[..batch.len() - 8]);
                batch.flat_map(read).collect()
            };
            let runs_of = runs.iter().map(blocks).collect();
            view.insert(
                format!("trees to {party}"),
                Seen::additive(byte, vec![runs_of]),
            );
        }
        for (place, ring) in [(1, Ring::new(1)), (2, RING)] {
            let words = |ran: &Ran<Wire>| unpack(ring, &ran.received[0][2][place].payload);
            let runs_of = runs.iter().map(words).collect();
            view.insert(
                format!("words {place}"),
                Seen::additive(ring, vec![runs_of]),
            );
        }
        view
    };
    let fine = examined(None, body, view);
    assert_eq!(fine.findings, []);
    assert!(fine.tests > 0);
    // Without P1's part the words are there to be read.
    let open = Fault::Zeros {
        of: (Party::P0, Party::P1),
        step: "",
    };
    let leaking = examined(Some(open), body, view);
    assert!(leaking.finds(Test::Uniform, "words 2"), "{leaking:?}");
}

/// P0 holds no keys; P1 and P2 refuse alike what is missing, left over, of another gate or another size.
#[test]
fn keys_of_something_else_are_refused() {
    let shift = |n: usize, by: u32| {
        move |r: &mut Runtime<'_>| {
            let x = share(r, RING, &vec![5u64; n], 2);
            let x = open_masked(r, &x)?;
            gap_shift(r, &x, by).map(|_| ())
        }
    };
    let relu = |r: &mut Runtime<'_>| {
        let x = share(r, RING, &[5u64; 100], 2);
        let x = open_masked(r, &x)?;
        relu(r, &x, 39).map(|_| ())
    };
    let nothing = |r: &mut Runtime<'_>| {
        let x = share(r, RING, &[5u64; 100], 2);
        open_masked(r, &x).map(|_| ())
    };
    type Walk<'a> = &'a (dyn Fn(&mut Runtime<'_>) -> Result<()> + Sync);
    let cases: [(Walk<'_>, Walk<'_>, &str); 5] = [
        (&shift(100, 12), &shift(100, 12), ""),
        (&shift(100, 12), &shift(100, 13), "100 keys of 12 bits"),
        (&shift(100, 12), &shift(99, 12), "100 masks"),
        (&shift(100, 12), &relu, "100 keys of 12 bits"),
        (&shift(100, 12), &nothing, "4 pieces left"),
    ];
    for (dealt, used, text) in cases {
        let [p0, p1, p2] = mismatch(dealt, used);
        assert_eq!(p0, None);
        for error in [p1, p2] {
            match error {
                None => assert_eq!(text, ""),
                Some(error) => assert!(!text.is_empty() && error.contains(text), "{error}"),
            }
        }
    }
}

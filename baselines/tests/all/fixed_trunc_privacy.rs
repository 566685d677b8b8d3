//! What each party receives in `fixed-trunc` looks uniform, whatever the input; masks that are missing or used twice are seen; and pairs that
//! are missing, left over or dealt for something else are errors.

use crate::fixed_trunc_support::{choices, compute};
use qbench_baselines::fixed_trunc::bits::{highest, negative, to_bits, to_number};
use qbench_baselines::fixed_trunc::functions::gelu;
use qbench_baselines::fixed_trunc::products::multiply;
use qbench_baselines::fixed_trunc::select::times_bit;
use qbench_baselines::fixed_trunc::truncate::truncate;
use qbench_baselines::fixed_trunc::{RING, Share};
use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::testing::Fault;
use qbench_protocols::testing::examine::{Examined, MOST_TESTS, Test, examine};
use qbench_protocols::testing::functionality::{Ran, elements, mismatch};
use qbench_protocols::testing::view::{Seen, View, unpack};

/// Elements of an input: so many that a third of them, a bit each, are enough bytes to test.
const N: usize = 6144;
const BYTE: Ring = Ring::new(8);

type Body<'a> = dyn Fn(&mut Runtime<'_>, &Share) -> Result<Share> + Sync + 'a;

/// Every message that a party receives, offline and online, byte by byte.
fn received(runs: &[Ran<Share>], party: Party) -> View {
    let mut view = View::new();
    for (phase, name) in ["offline", "online"].into_iter().enumerate() {
        let messages = &runs[0].received[phase][party.index()];
        for (number, message) in messages.iter().enumerate() {
            let bytes = |ran: &Ran<Share>| {
                unpack(BYTE, &ran.received[phase][party.index()][number].payload)
            };
            let seen = Seen::additive(BYTE, vec![runs.iter().map(bytes).collect()]);
            view.insert(format!("{name} #{number} from {}", message.from), seen);
        }
    }
    view
}

/// Runs a step on two inputs, all zero and large and small numbers of either sign, twice each: what a party sees.
fn examined(party: Party, fault: Option<Fault>, body: &Body<'_>) -> Examined {
    let zero = vec![0u64; N];
    let mut other: Vec<u64> = elements(Ring::new(24), N, 5);
    for value in other.iter_mut().skip(N / 2) {
        *value = (*value + 77).wrapping_neg();
    }
    let [zero, other] = [zero, other].map(|clear| {
        let runs = [1, 2].map(|threads| {
            compute(&[(clear.clone(), false)], threads, fault, |r, x| {
                body(r, &x[0])
            })
        });
        received(&runs, party)
    });
    examine(&zero, &other)
}

const P01: (Party, Party) = (Party::P0, Party::P1);
const P02: (Party, Party) = (Party::P0, Party::P2);
const P12: (Party, Party) = (Party::P1, Party::P2);

/// A party, and that it knows what the seeds gives that it shares.
const KNOWN: [(Party, Fault); 3] = [
    (Party::P0, Fault::ZerosOfPairs(&[P01, P02])),
    (Party::P1, Fault::ZerosOfPairs(&[P01, P12])),
    (Party::P2, Fault::ZerosOfPairs(&[P02, P12])),
];

/// Every protocol, by name.
fn with_all(mut check: impl FnMut(&str, &Body<'_>)) {
    for name in ["aby3-local", "pr", "pr2", "dealer"] {
        let choices = choices(&[("truncation", name)]);
        check(name, &|r, x| truncate(r, &choices, x, 18));
        check("product", &|r, x| multiply(r, &choices, x, x));
    }
    for packing in ["bytes", "bits"] {
        let choices = choices(&[("bit_packing", packing)]);
        check("signs", &|r, x| negative(r, &choices, x));
    }
    check("bit", &|r, x| times_bit(r, x, x));
    check("bits", &|r, x| to_bits(r, x));
    check("highest", &|r, x| highest(r, x));
    check("numbers", &|r, x| to_number(r, x));
}

#[test]
fn messages_are_uniform_whatever_the_input() {
    let mut tests = 0;
    let mut check = |name: &str, body: &Body<'_>| {
        for party in Party::ALL {
            let examined = examined(party, None, body);
            assert_eq!(examined.findings, [], "{name}, {party}");
            tests += examined.tests;
        }
    };
    with_all(&mut check);
    let spu = choices(&[]);
    check("gelu", &|r, x| gelu(r, &spu, x));
    // The bound of each test is set for this many.
    assert!(tests > 1000 && tests < MOST_TESTS, "{tests} tests");
}

/// With what a party knows of the masks taken away, what it receives is uniform still: the mask that it does not know hides it.
#[test]
fn messages_are_hidden_by_what_the_receiver_does_not_know() {
    with_all(|name, body| {
        for (party, known) in KNOWN {
            let examined = examined(party, Some(known), body);
            assert_eq!(examined.findings, [], "{name}, {party}");
        }
    });
}

/// Without the third seed each protocol tells somebody something.
#[test]
fn masks_that_are_missing_are_seen() {
    with_all(|name, body| {
        let missing = Fault::ZerosOfPairs(&[P01, P02, P12]);
        let seen =
            Party::ALL.map(|party| !examined(party, Some(missing), body).findings.is_empty());
        assert!(seen.contains(&true), "{name}");
    });
}

#[test]
fn masks_that_are_used_twice_are_seen() {
    let pr2 = choices(&[("truncation", "pr2")]);
    let dealer = choices(&[("truncation", "dealer")]);
    let twice: [(&str, &Body<'_>); 3] = [
        ("pr2", &|r, x| {
            truncate(r, &pr2, x, 18)?;
            truncate(r, &pr2, x, 18)
        }),
        ("dealer", &|r, x| {
            truncate(r, &dealer, x, 18)?;
            truncate(r, &dealer, x, 18)
        }),
        ("bit", &|r, x| {
            times_bit(r, x, x)?;
            times_bit(r, x, x)
        }),
    ];
    for (name, body) in twice {
        let seen = Party::ALL.map(|party| {
            let repeated = examined(party, Some(Fault::RepeatedDraws), body);
            repeated
                .findings
                .iter()
                .any(|f| f.test == Test::BetweenPlaces)
        });
        assert!(seen.contains(&true), "{name}");
    }
}

#[test]
fn pairs_of_something_else_are_refused() {
    let dealer = choices(&[("truncation", "dealer")]);
    let dealer = &dealer;
    let by = |len: usize, bits: u32| {
        move |r: &mut Runtime<'_>| {
            let x = match (r.me(), r.phase()) {
                (Some(_), qbench_protocols::phase::Phase::Online) => Share {
                    ring: RING,
                    len,
                    previous: vec![5; len].into(),
                    next: vec![7; len].into(),
                },
                _ => Share::absent(RING, len),
            };
            truncate(r, dealer, &x, bits).map(|_| ())
        }
    };
    for (used, text) in [
        (by(100, 12), ""),
        (by(100, 13), "100 truncation pairs of 12 bits"),
        (by(99, 12), "100 truncation pairs"),
        (by(0, 12), "100 truncation pairs"),
    ] {
        for error in mismatch(by(100, 12), used) {
            let error = error.unwrap_or_default();
            assert_eq!(error.is_empty(), text.is_empty(), "{error}");
            assert!(error.contains(text), "{error}");
        }
    }
}

//! The store of correlated randomness: what was not dealt, or was dealt for something else, is an error
//! that says what was expected and what was there.

#![allow(clippy::unwrap_used)]

use qbench_protocols::lut::store::Store;
use qbench_protocols::lut::{Contents, Input};
use qbench_protocols::net::Party;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Additive;
use qbench_protocols::system::Phase;
use qbench_protocols::{Error, Result, trio};

/// What one phase does, in step `step`: opens `count` elements of `input` bits and looks them up in
/// `tables` tables with an output of `output` bits.
#[derive(Clone, Copy)]
struct Use {
    step: &'static str,
    input: u32,
    count: usize,
    output: u32,
    tables: usize,
}

const DEALT: Use = Use {
    step: "a",
    input: 4,
    count: 5,
    output: 6,
    tables: 1,
};

fn walk(runtime: &mut Runtime<'_>, usage: Use) -> Result<()> {
    let (input, output) = (Ring::new(usage.input), Ring::new(usage.output));
    let holds = runtime.phase() == Phase::Online && runtime.me() != Some(Party::P0);
    let x: Additive<u8> = if holds {
        Additive::held(input, vec![1; usage.count])
    } else {
        Additive::absent(input, usage.count)
    };
    runtime.step(usage.step, |runtime| {
        let opened = runtime.open(&x)?;
        for _ in 0..usage.tables {
            runtime.lookup::<u8>(&[Input::each(&opened)], usage.count, output, || {
                Contents::same(vec![0; 1 << usage.input])
            })?;
        }
        Ok(())
    })
}

/// Deals for `dealt` (or nothing) and uses as `used`; (step, expected, actual) of the error.
fn refusal(dealt: Option<Use>, used: Option<Use>) -> [Option<(String, String, String)>; 3] {
    trio::run(1, |session| {
        let mut store = Store::default();
        session.begin_phase(Phase::Offline);
        if let Some(dealt) = dealt {
            walk(&mut Runtime::party(session, &mut store, None), dealt)?;
        }
        session.begin_phase(Phase::Online);
        let used = match used {
            Some(used) => walk(&mut Runtime::party(session, &mut store, None), used),
            None => Ok(()),
        };
        match used.and_then(|()| store.expect_empty()) {
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

/// P0 holds no material; P1 and P2 refuse alike.
fn check(dealt: Option<Use>, used: Option<Use>, step: &str, expected: &str, actual: &str) {
    let [p0, p1, p2] = refusal(dealt, used);
    assert_eq!(p0, None);
    let refusal = Some((step.to_owned(), expected.to_owned(), actual.to_owned()));
    assert_eq!(p1, refusal);
    assert_eq!(p2, refusal);
}

#[test]
fn what_was_dealt_is_used_up() {
    assert_eq!(refusal(Some(DEALT), Some(DEALT)), [None, None, None]);
}

#[test]
fn nothing_dealt() {
    check(
        None,
        Some(DEALT),
        "a",
        "5 offsets in Z_2^4",
        "nothing: the store is empty",
    );
}

#[test]
fn more_than_dealt() {
    let used = Use { count: 6, ..DEALT };
    check(
        Some(DEALT),
        Some(used),
        "a",
        "6 offsets in Z_2^4",
        "5 offsets in Z_2^4 dealt for step `a`",
    );
}

#[test]
fn a_table_more_than_dealt() {
    let used = Use { tables: 2, ..DEALT };
    check(
        Some(DEALT),
        Some(used),
        "a",
        "5 tables of 16 entries in Z_2^6",
        "nothing: the store is empty",
    );
}

#[test]
fn another_step() {
    let used = Use { step: "b", ..DEALT };
    check(
        Some(DEALT),
        Some(used),
        "b",
        "5 offsets in Z_2^4",
        "5 offsets in Z_2^4 dealt for step `a`",
    );
}

#[test]
fn another_ring() {
    let input = Use { input: 3, ..DEALT };
    check(
        Some(DEALT),
        Some(input),
        "a",
        "5 offsets in Z_2^3",
        "5 offsets in Z_2^4 dealt for step `a`",
    );
    let output = Use { output: 7, ..DEALT };
    check(
        Some(DEALT),
        Some(output),
        "a",
        "5 tables of 16 entries in Z_2^7",
        "5 tables of 16 entries in Z_2^6 dealt for step `a`",
    );
}

#[test]
fn left_over() {
    check(
        Some(DEALT),
        None,
        "a",
        "an empty store at the end of the online phase",
        "2 pieces left, the first 5 offsets in Z_2^4",
    );
    let dealt = Use { tables: 2, ..DEALT };
    check(
        Some(dealt),
        Some(DEALT),
        "a",
        "an empty store at the end of the online phase",
        "1 pieces left, the first 5 tables of 16 entries in Z_2^6",
    );
}

//! What was not dealt, or was dealt for something else, is an error that says what was expected and what was there; and
//! nothing that a party holds is printed.

use qbench_substrate::Result;
use qbench_substrate::lut::{Contents, Input, lookup, open};
use qbench_substrate::material::{Dealt, Store};
use qbench_substrate::ring::Ring;
use qbench_substrate::runtime::Runtime;
use qbench_substrate::share::{Additive, Masked, Replicated};
use qbench_substrate::testing::functionality::{mismatch, share};
use qbench_substrate::wipe::Wiped;

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

/// Nothing at all.
const NOTHING: Use = Use { count: 0, ..DEALT };

fn walk(runtime: &mut Runtime<'_>, usage: Use) -> Result<()> {
    if usage.count == 0 {
        return Ok(());
    }
    let (input, output) = (Ring::new(usage.input), Ring::new(usage.output));
    let x = share(runtime, input, &vec![1u8; usage.count], 1);
    runtime.step(usage.step, |runtime| {
        let opened = open(runtime, &x)?;
        for _ in 0..usage.tables {
            lookup::<u8>(
                runtime,
                &[Input::each(&opened)],
                usage.count,
                output,
                || Contents::same(Wiped::zeros(1 << usage.input)),
            )?;
        }
        Ok(())
    })
}

/// P0 holds no material; P1 and P2 refuse alike.
#[track_caller]
fn refused(dealt: Use, used: Use, step: &str, expected: &str, actual: &str) {
    let refusals = mismatch(
        |runtime| walk(runtime, dealt),
        |runtime| walk(runtime, used),
    );
    let text = format!("step `{step}`: correlated randomness: expected {expected}, have {actual}");
    assert_eq!(refusals, [None, Some(text.clone()), Some(text)]);
}

#[test]
fn what_was_dealt_is_used_up() {
    let refusals = mismatch(
        |runtime| walk(runtime, DEALT),
        |runtime| walk(runtime, DEALT),
    );
    assert_eq!(refusals, [None, None, None]);
}

#[test]
fn nothing_dealt() {
    let empty = "nothing: the store is empty";
    refused(NOTHING, DEALT, "a", "5 offsets in Z_2^4", empty);
}

#[test]
fn more_than_dealt() {
    let used = Use { count: 6, ..DEALT };
    let dealt = "5 offsets in Z_2^4 dealt for step `a`";
    refused(DEALT, used, "a", "6 offsets in Z_2^4", dealt);
}

#[test]
fn a_table_more_than_dealt() {
    let used = Use { tables: 2, ..DEALT };
    let tables = "5 tables of 16 entries in Z_2^6";
    refused(DEALT, used, "a", tables, "nothing: the store is empty");
}

#[test]
fn another_step() {
    let used = Use { step: "b", ..DEALT };
    let dealt = "5 offsets in Z_2^4 dealt for step `a`";
    refused(DEALT, used, "b", "5 offsets in Z_2^4", dealt);
}

#[test]
fn another_ring() {
    let input = Use { input: 3, ..DEALT };
    let dealt = "5 offsets in Z_2^4 dealt for step `a`";
    refused(DEALT, input, "a", "5 offsets in Z_2^3", dealt);
    let output = Use { output: 7, ..DEALT };
    let dealt = "5 tables of 16 entries in Z_2^6 dealt for step `a`";
    refused(DEALT, output, "a", "5 tables of 16 entries in Z_2^7", dealt);
}

#[test]
fn left_over() {
    let empty = "an empty store at the end of the online phase";
    let left = "2 pieces left, the first 5 offsets in Z_2^4";
    refused(DEALT, NOTHING, "a", empty, left);
    let dealt = Use { tables: 2, ..DEALT };
    let left = "1 pieces left, the first 5 tables of 16 entries in Z_2^6";
    refused(dealt, DEALT, "a", empty, left);
}

/// Nothing that a log could show has a share, a mask or what was dealt in it.
#[test]
fn nothing_secret_is_printed() {
    let (ring, secret) = (Ring::new(64), vec![123_456_789u64; 2]);
    let share = Additive::held(ring, secret.clone());
    assert_eq!(format!("{share:?}"), "Additive(Z_2^64 x 2)");
    let replicated = Replicated {
        previous: secret.clone().into(),
        next: secret.into(),
        ..Replicated::absent(ring, 2)
    };
    assert_eq!(format!("{replicated:?}"), "Replicated(Z_2^64 x 2)");
    let masked = Masked::<u64>::absent(ring, 2);
    assert_eq!(format!("{masked:?}"), "Masked(Z_2^64 x 2)");
    let mut store = Store::default();
    assert_eq!(format!("{store:?}"), "Store(0 pieces, 0 bytes)");
    store.put("a", 5u8, Dealt::bytes(vec![7; 3])).unwrap();
    assert_eq!(format!("{store:?}"), "Store(1 pieces, 3 bytes)");
    let dealt = store.take("a", &5u8).unwrap();
    assert_eq!(format!("{dealt:?}"), "Dealt(3 bytes)");
}

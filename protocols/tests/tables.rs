//! Tables alone: every input and output width gives exactly the table's entry, for each of the layouts.

#![allow(clippy::unwrap_used)]

use qbench_protocols::lut::store::Store;
use qbench_protocols::lut::{Contents, Input};
use qbench_protocols::net::Party;
use qbench_protocols::ring::{Ring, Word};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::session::Session;
use qbench_protocols::share::Additive;
use qbench_protocols::system::Phase;
use qbench_protocols::{Result, trio};

/// Runs `body` offline and online at each party and adds up what P1 and P2 hold at the end.
fn reconstruct<W: Word>(
    threads: usize,
    body: impl Fn(&mut Runtime<'_>) -> Result<Additive<W>> + Sync,
) -> Vec<u64> {
    let shares = trio::run(threads, |session: &mut Session| {
        let mut store = Store::default();
        session.begin_phase(Phase::Offline);
        body(&mut Runtime::party(session, &mut store, None))?;
        session.end_phase();
        session.begin_phase(Phase::Online);
        let out = body(&mut Runtime::party(session, &mut store, None))?;
        session.end_phase();
        store.expect_empty()?;
        Ok((out.ring(), out.values().to_vec()))
    })
    .unwrap();
    let ring = shares[1].0;
    assert!(shares[0].1.is_empty(), "P0 holds no additive share");
    shares[1]
        .1
        .iter()
        .zip(&shares[2].1)
        .map(|(a, b)| ring.reduce(a.add(*b)).to_u64())
        .collect()
}

/// A sharing of known values: P2's share is a fixed pattern.
fn share<W: Word>(runtime: &Runtime<'_>, ring: Ring, values: &[u64]) -> Additive<W> {
    if runtime.phase() != Phase::Online || runtime.me() == Some(Party::P0) {
        return Additive::absent(ring, values.len());
    }
    let pattern = |i: usize| {
        ring.reduce(W::from_u64(
            (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7,
        ))
    };
    let mine = values.iter().enumerate().map(|(i, v)| match runtime.me() {
        Some(Party::P1) => ring.reduce(W::from_u64(*v).sub(pattern(i))),
        _ => pattern(i),
    });
    Additive::held(ring, mine.collect())
}

fn single<W: Word>(input_bits: u32, output_bits: u32) {
    let (input, output) = (Ring::new(input_bits), Ring::new(output_bits));
    let values: Vec<u64> = (0..101u64).map(|i| (i * 37 + 5) & input.mask()).collect();
    let entry = |x: u64| x.wrapping_mul(0xd134_2543_de82_ef95).rotate_left(17) & output.mask();
    let got = reconstruct::<W>(1, |runtime| {
        let x: Additive<u16> = share(runtime, input, &values);
        let opened = runtime.open(&x)?;
        runtime.lookup(&[Input::each(&opened)], values.len(), output, || {
            Contents::same((0..=input.mask()).map(|x| W::from_u64(entry(x))).collect())
        })
    });
    let expected: Vec<u64> = values.iter().map(|x| entry(*x)).collect();
    assert_eq!(got, expected, "{input_bits} -> {output_bits}");
}

#[test]
fn one_input_at_every_width() {
    for input_bits in [1, 2, 3, 4, 5, 6, 7, 8, 11] {
        for output_bits in 1..=8 {
            single::<u8>(input_bits, output_bits);
        }
        for output_bits in 1..=16 {
            single::<u16>(input_bits, output_bits);
        }
        for output_bits in [17, 20, 21, 24, 31, 32] {
            single::<u32>(input_bits, output_bits);
        }
        for output_bits in [33, 48, 57, 58, 63, 64] {
            single::<u64>(input_bits, output_bits);
        }
    }
}

#[test]
fn several_inputs_shared_openings_and_a_table_a_feature() {
    let (a_ring, b_ring, c_ring) = (Ring::new(4), Ring::new(3), Ring::new(2));
    let output = Ring::new(5);
    let (row, rows) = (6, 21);
    let a: Vec<u64> = (0..row * rows)
        .map(|i| (i as u64 * 7) & a_ring.mask())
        .collect();
    let b: Vec<u64> = (0..row * rows)
        .map(|i| (i as u64 * 5 + 1) & b_ring.mask())
        .collect();
    let c: Vec<u64> = (0..rows)
        .map(|i| (i as u64 * 3 + 2) & c_ring.mask())
        .collect();
    let entry = |feature: usize, a: u64, b: u64, c: u64| {
        (a * 3 + b * 5 + c * 11 + feature as u64) & output.mask()
    };
    let tables = || Contents {
        tables: (0..row)
            .map(|feature| {
                let mut table = Vec::new();
                for a in 0..=a_ring.mask() {
                    for b in 0..=b_ring.mask() {
                        table.extend((0..=c_ring.mask()).map(|c| entry(feature, a, b, c) as u8));
                    }
                }
                table
            })
            .collect(),
    };
    for threads in [1, 3] {
        let got = reconstruct::<u8>(threads, |runtime| {
            let opened = runtime.open_all::<u8>(&[
                &share(runtime, a_ring, &a),
                &share(runtime, b_ring, &b),
                &share(runtime, c_ring, &c),
            ])?;
            // The first input serves two tables: one opening, two lookups.
            let alone =
                runtime.lookup::<u8>(&[Input::each(&opened[0])], a.len(), output, || {
                    Contents::same(
                        (0..=a_ring.mask())
                            .map(|a| ((a * 9) & output.mask()) as u8)
                            .collect(),
                    )
                })?;
            let inputs = [
                Input::each(&opened[0]),
                Input::each(&opened[1]),
                Input::per_row(&opened[2], row),
            ];
            let together = runtime.lookup::<u8>(&inputs, a.len(), output, tables)?;
            Ok(together.plus(&alone))
        });
        let expected: Vec<u64> = (0..row * rows)
            .map(|i| (entry(i % row, a[i], b[i], c[i / row]) + a[i] * 9) & output.mask())
            .collect();
        assert_eq!(got, expected);
    }
}

//! Tables alone: every input and output width gives exactly the table's entry, for each of the layouts.

use qbench_substrate::lut::{Contents, Input, lookup, open, open_all};
use qbench_substrate::ring::{Ring, Word};
use qbench_substrate::testing::functionality::{reconstruct, run, share};

/// A table of `input` bits with outputs in `output`, at 101 elements.
fn single<W: Word>(input: Ring, output: Ring) {
    let values: Vec<u16> = (0..101).map(|i| input.reduce(i * 37 + 5)).collect();
    let entry = |x: u16| {
        let scattered = u64::from(x).wrapping_mul(0xd134_2543_de82_ef95);
        W::from_u64(scattered.rotate_left(17) & output.mask())
    };
    let ran = run(1, |runtime| {
        let x = share(runtime, input, &values, 1);
        let opened = open(runtime, &x)?;
        lookup::<W>(
            runtime,
            &[Input::each(&opened)],
            values.len(),
            output,
            || Contents::same((0..1 << input.bits()).map(|x| entry(x as u16)).collect()),
        )
    });
    let expected: Vec<W> = values.iter().map(|x| entry(*x)).collect();
    assert_eq!(
        reconstruct(&ran.outputs),
        expected,
        "{input:?} -> {output:?}"
    );
    // The offsets, and 2^b entries an instance; then the opening alone.
    let table = (values.len() << input.bits()) as u64 * u64::from(output.bits());
    let opening = input.wire_bytes(values.len()) as u64;
    assert_eq!(
        ran.total_bytes(),
        [opening + table.div_ceil(8), 2 * opening]
    );
    assert_eq!(ran.rounds()[1], 1);
}

fn into<W: Word>(output: Ring) {
    for bits in [1, 2, 3, 4, 5, 6, 7, 8, 11] {
        single::<W>(Ring::new(bits), output);
    }
}

#[test]
fn one_input_at_every_width() {
    qbench_substrate::at_every_width!(into);
}

#[test]
fn several_inputs_shared_openings_and_a_table_a_feature() {
    let (a_ring, b_ring, c_ring) = (Ring::new(4), Ring::new(3), Ring::new(2));
    let output = Ring::new(5);
    let (row, rows) = (6, 21);
    let a: Vec<u8> = (0..126u16).map(|i| a_ring.reduce((i * 7) as u8)).collect();
    let b: Vec<u8> = (0..126u16)
        .map(|i| b_ring.reduce((i * 5 + 1) as u8))
        .collect();
    let c: Vec<u8> = (0..rows).map(|i| c_ring.reduce(i * 3 + 2)).collect();
    let entry = |feature: usize, a: u8, b: u8, c: u8| {
        let [a, b, c] = [a, b, c].map(usize::from);
        output.reduce((a * 3 + b * 5 + c * 11 + feature) as u8)
    };
    let tables = || Contents {
        tables: (0..row)
            .map(|feature| {
                let mut table = Vec::new();
                for a in 0..16 {
                    for b in 0..8 {
                        table.extend((0..4).map(|c| entry(feature, a, b, c)));
                    }
                }
                table.into()
            })
            .collect(),
    };
    let alone = |a: u8| output.reduce(a * 9);
    for threads in [1, 3] {
        let ran = run(threads, |runtime| {
            let shares = [(a_ring, &a), (b_ring, &b), (c_ring, &c)]
                .map(|(ring, clear)| share(runtime, ring, clear, 2));
            let opened = open_all(runtime, &shares.each_ref())?;
            // The first input serves two tables: one opening, two lookups.
            let each = Input::each(&opened[0]);
            let first = lookup(runtime, &[each], a.len(), output, || {
                Contents::same((0..16).map(alone).collect())
            })?;
            let inputs = [
                each,
                Input::each(&opened[1]),
                Input::per_row(&opened[2], row),
            ];
            let together = lookup(runtime, &inputs, a.len(), output, tables)?;
            Ok(together.plus(&first))
        });
        let expected: Vec<u8> = (0..a.len())
            .map(|i| output.reduce(entry(i % row, a[i], b[i], c[i / row]) + alone(a[i])))
            .collect();
        assert_eq!(reconstruct(&ran.outputs), expected);
        assert_eq!(ran.rounds()[1], 1, "one opening for all");
    }
}

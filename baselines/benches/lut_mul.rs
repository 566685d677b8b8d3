//! Products by tables: lookups a second of P1 and of P2, and tables a second of P0. One thread, and nothing else runs.
//!
//! The original's abstract claims 2^26 tables of 8-bit input and 8-bit output a second and core; two operands of 4 bits are an input of
//! 8 bits.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qbench_baselines::lut_mul::deal::{fill, table_bytes};
use qbench_baselines::lut_mul::dots::Dots;
use qbench_baselines::lut_mul::look_up::{Differences, sums};
use qbench_baselines::lut_mul::operand::{Contents, Operand};
use qbench_protocols::lut::Opened;
use qbench_protocols::lut::evaluate::Shares;
use qbench_protocols::lut_rss::linear::HeadShape;
use qbench_protocols::prg::Seed;
use qbench_protocols::ring::Ring;
use qbench_protocols::wipe::Wiped;
use std::hint::black_box;

/// Elements that look random.
fn elements(bits: u32, len: usize) -> Vec<u16> {
    let words = (1..=len as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits));
    words.map(|word| word as u16).collect()
}

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("products");
    // A piece of a layer of BERT-base, and scores of as many tokens as fit one.
    let layer = |inputs| Dots::Layer {
        rows: 2,
        outputs: 768,
        inputs,
    };
    let scores = Dots::Scores(HeadShape {
        tokens: 16,
        hidden: 512,
        heads: 8,
        width: 64,
    });
    for (name, dots, bits) in [
        ("weights of 4 bits, 768 inputs", layer(768), [0, 4]),
        ("weights of 4 bits, 3072 inputs", layer(3072), [0, 4]),
        ("weights of 6 bits, 768 inputs", layer(768), [0, 6]),
        ("two operands of 4 bits", scores, [4, 4]),
    ] {
        let (count, terms) = (dots.count(), dots.terms());
        group.throughput(Throughput::Elements((count * terms) as u64));
        let operand = |bits: u32| match bits {
            0 => Operand::known(elements(16, 768 * terms).into()),
            bits => {
                let values: Vec<i64> = (-8..1 << bits).collect();
                let offsets = elements(bits, 16 * 3072);
                Operand::opened(&Opened::from_elements(Ring::new(bits), offsets), &values)
            }
        };
        let contents = Contents {
            left: operand(bits[0]),
            right: operand(bits[1]),
            bias: Wiped::default(),
        };
        let stream = Seed::from_bytes([1; 16]).stream("bench");
        let mut tables = vec![0; count * terms * table_bytes(bits)];
        group.bench_function(format!("deal, {name}"), |b| {
            b.iter(|| fill(dots, &contents, &stream, 0, 0, black_box(&mut tables)));
        });
        group.bench_function(format!("generator alone, {name}"), |b| {
            b.iter(|| {
                for (i, block) in tables.chunks_mut(32 << 10).enumerate() {
                    stream.fill_bytes((i << 15) as u64, black_box(block));
                }
            });
        });
        let differences = elements(4, 16 * 3072);
        let differences = Differences {
            left: &differences,
            right: &differences,
            bits,
        };
        let mut out = vec![0; count];
        for (party, shares) in [
            ("P1", Shares::Stream(&stream)),
            ("P2", Shares::Packed(&tables)),
        ] {
            group.bench_function(format!("{party} looks up, {name}"), |b| {
                b.iter(|| sums(shares, dots, differences, 0, 0, black_box(&mut out)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, products);
criterion_main!(benches);

//! Function secret sharing by the gate: key generation and evaluation, beside the generator's peak.
//!
//! One thread, three parties one after the other's work in one process: a gate's time is that of P0's dealing and of both parties'
//! evaluation over an in-memory network, so it is more than a party's own.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qbench_protocols::prg::doubling::{Doubling, TREES};
use qbench_protocols::prg::{BLOCK, Seed};
use std::hint::black_box;

/// AES blocks: of the counter mode, of a level of 64 trees at a time, and of both children of nodes.
fn blocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("aes-blocks");
    let count = 1 << 12;
    group.throughput(Throughput::Elements(count as u64));
    let stream = Seed::from_bytes([1; 16]).stream("bench");
    let mut bytes = vec![0u8; count * BLOCK];
    group.bench_function("generator", |b| {
        b.iter(|| stream.fill_bytes(0, black_box(&mut bytes)));
    });
    let doubling = Doubling::default();
    let corrections = vec![[0x5a; BLOCK]; TREES];
    let mut nodes = vec![[7; BLOCK]; TREES];
    group.bench_function("descend", |b| {
        b.iter(|| {
            for i in 0..count / TREES {
                let right = 0x9e37_79b9_7f4a_7c15u64.rotate_left(i as u32);
                black_box(doubling.descend(&mut nodes, right, [&corrections; 2], right));
            }
        });
    });
    let (mut left, mut right) = (nodes.clone(), nodes.clone());
    group.bench_function("children", |b| {
        b.iter(|| {
            for _ in 0..count / TREES / 2 {
                doubling.children(black_box(&nodes), &mut left, &mut right);
            }
        });
    });
    group.finish();
}

criterion_group!(benches, blocks);
criterion_main!(benches);

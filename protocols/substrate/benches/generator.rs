//! The generator: bytes a second of long fills, elements a second of single positions.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qbench_substrate::prg::{Seed, Stream};
use qbench_substrate::ring::{Ring, Word};
use std::time::Duration;

fn stream() -> Stream {
    Seed::from_bytes([1; 16]).stream("bench")
}

fn fill_words<W: Word>(criterion: &mut Criterion, ring: Ring, first: u64, bytes: usize) {
    let mut group = criterion.benchmark_group("fill");
    let stream = stream();
    let mut out = vec![W::default(); bytes / size_of::<W>()];
    group.throughput(Throughput::Bytes(bytes as u64));
    let name = format!("{}-bit in u{} from {first}", ring.bits(), W::BITS);
    group.bench_function(BenchmarkId::new(name, bytes), |bencher| {
        bencher.iter(|| stream.fill(ring, first, &mut out));
    });
    group.finish();
}

fn fill(criterion: &mut Criterion) {
    for bytes in [256, 16 << 10, 16 << 20] {
        fill_words::<u8>(criterion, Ring::new(8), 0, bytes);
    }
    fill_words::<u8>(criterion, Ring::new(4), 0, 16 << 10);
    fill_words::<u16>(criterion, Ring::new(16), 0, 16 << 10);
    fill_words::<u16>(criterion, Ring::new(16), 3, 16 << 10);
    fill_words::<u32>(criterion, Ring::new(21), 0, 16 << 10);
}

fn gather(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gather");
    let stream = stream();
    let positions: Vec<u64> = (0..4096).map(|i| i * 16 + i * 7 % 16).collect();
    let mut out = vec![0u8; positions.len()];
    group.throughput(Throughput::Elements(positions.len() as u64));
    group.bench_function("4-bit in u8", |bencher| {
        bencher.iter(|| stream.gather(Ring::new(4), &positions, &mut out));
    });
    group.finish();
}

fn streams(criterion: &mut Criterion) {
    let seed = Seed::from_bytes([1; 16]);
    criterion.bench_function("stream of a domain", |bencher| {
        bencher.iter(|| seed.stream("online/layer3/attention/softmax/max"));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = fill, gather, streams
}
criterion_main!(benches);

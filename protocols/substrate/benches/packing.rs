//! Packing to the wire and back: bytes of message a second.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qbench_substrate::kernel::pack::{pack, unpack};
use qbench_substrate::ring::{Ring, Word};
use std::time::Duration;

/// Elements of one message: the hidden state of 128 tokens of BERT-base.
const ELEMENTS: usize = 128 * 768;

fn width<W: Word>(criterion: &mut Criterion, bits: u32) {
    let ring = Ring::new(bits);
    let mut words: Vec<W> = (0..ELEMENTS as u64)
        .map(|i| W::from_u64(i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7 & ring.mask()))
        .collect();
    let mut bytes = Vec::new();
    pack(ring, &words, &mut bytes);

    let mut group = criterion.benchmark_group(format!("{bits}-bit in u{}", W::BITS));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("unpack", |bencher| {
        bencher.iter(|| unpack(ring, &bytes, &mut words));
    });
    group.bench_function("pack", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            pack(ring, &words, &mut bytes);
        });
    });
    group.finish();
}

fn widths(criterion: &mut Criterion) {
    width::<u8>(criterion, 1);
    width::<u8>(criterion, 4);
    width::<u8>(criterion, 5);
    width::<u16>(criterion, 11);
    width::<u16>(criterion, 16);
    width::<u32>(criterion, 16);
    width::<u32>(criterion, 21);
    width::<u64>(criterion, 37);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = widths
}
criterion_main!(benches);

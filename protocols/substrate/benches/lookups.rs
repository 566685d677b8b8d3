//! Table lookups a second on one core, for each party's part: P0 deals (offline), P1 computes the
//! generator's output at one entry, P2 reads one entry of what it was sent (online).

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qbench_substrate::lut::deal::Rotor;
use qbench_substrate::lut::evaluate::{Shares, look_up};
use qbench_substrate::lut::{Contents, Input, Opened};
use qbench_substrate::prg::Seed;
use qbench_substrate::ring::{Ring, Word};
use std::hint::black_box;
use std::time::Duration;

/// Instances of one measured batch: P2's share of 8 -> 8 tables is then 64 MiB, beyond the caches.
const INSTANCES: usize = 1 << 18;

fn opened(bits: u32, seed: u8) -> Opened {
    let ring = Ring::new(bits);
    let mut elements = vec![0u16; INSTANCES];
    Seed::from_bytes([seed; 16])
        .stream("inputs")
        .fill(ring, 0, &mut elements);
    Opened::from_elements(ring, elements)
}

fn lookups<W: Word>(c: &mut Criterion, name: &str, inputs: &[u32], output_bits: u32) {
    let ring = Ring::new(output_bits);
    let opened: Vec<Opened> = inputs
        .iter()
        .zip(1..)
        .map(|(bits, seed)| opened(*bits, seed))
        .collect();
    let inputs: Vec<Input<'_>> = opened.iter().map(Input::each).collect();
    let entries: usize = opened.iter().map(|o| 1 << o.ring().bits()).product();
    let table = (0..entries)
        .map(|i| ring.reduce(W::from_u64(i as u64 * 7)))
        .collect();
    let stream = Seed::from_bytes([9; 16]).stream("tables");
    let rotor = match Rotor::new(&inputs, Contents::same(table), entries, "bench") {
        Ok(rotor) => rotor,
        Err(error) => return eprintln!("{name}: {error}"),
    };
    let packed = rotor.pack(0, INSTANCES, ring, &stream);
    let (first, second) = (Shares::Stream(&stream), Shares::Packed(&packed));
    let mut out = vec![W::default(); INSTANCES];

    let mut group = c.benchmark_group(format!("lookup {name}"));
    group.throughput(Throughput::Elements(INSTANCES as u64));
    group.bench_function("P0 deals", |b| {
        b.iter(|| black_box(rotor.pack(0, INSTANCES, ring, &stream)));
    });
    group.bench_function("P1 looks up", |b| {
        b.iter(|| look_up(first, &inputs, ring, 0, black_box(&mut out)));
    });
    group.bench_function("P2 looks up", |b| {
        b.iter(|| look_up(second, &inputs, ring, 0, black_box(&mut out)));
    });
    group.finish();
}

fn all(c: &mut Criterion) {
    lookups::<u8>(c, "4 -> 4", &[4], 4);
    lookups::<u16>(c, "4 -> 16", &[4], 16);
    lookups::<u8>(c, "8 -> 8", &[8], 8);
    lookups::<u8>(c, "(4, 4) -> 4", &[4, 4], 4);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = all
}
criterion_main!(benches);

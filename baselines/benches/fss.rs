//! Keys of function secret sharing: dealing and evaluating them, beside the generator's peak. One thread each, and nothing else runs
//! while a party is timed.
//!
//! What is counted are AES blocks: 4 a level and key to deal (both children of both parties' nodes), 1 to compare, and for a
//! table 2 for each node above a leaf.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qbench_baselines::fss::dpf;
use qbench_protocols::material::Store;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::prg::doubling::{Doubling, TREES};
use qbench_protocols::prg::{BLOCK, Seed};
use qbench_protocols::runtime::Runtime;
use qbench_protocols::testing::trio;
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Keys in one chunk.
const KEYS: usize = dpf::CHUNK;
/// How often a party does its part.
const ROUNDS: usize = 6;

/// The time of P0 offline and of P1 online: one party after the other, because they wait for each other's messages.
fn times(bits: u32, body: impl Fn(&mut Runtime<'_>, &[u64], &[u64]) + Sync) -> [Duration; 2] {
    let mask = (1u64 << bits) - 1;
    let points: Vec<u64> = (0..KEYS as u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7 & mask)
        .collect();
    let alone = Mutex::new(());
    let taken = trio::run(1, |session| {
        let me = session.me();
        let mut store = Store::default();
        let mut taken = [Duration::ZERO; 2];
        for (phase, taken) in [Phase::Offline, Phase::Online].into_iter().zip(&mut taken) {
            session.begin_phase(phase);
            let (p0, values) = match phase {
                Phase::Offline => (&points[..], &[][..]),
                _ => (&[][..], &points[..]),
            };
            // The best of several: the first ones also wait for memory from the system.
            let guard = (phase == Phase::Online).then(|| alone.lock());
            *taken = Duration::MAX;
            for _ in 0..ROUNDS {
                let start = Instant::now();
                body(&mut Runtime::party(session, &mut store), p0, values);
                *taken = start.elapsed().min(*taken);
            }
            drop(guard);
        }
        Ok((me, taken))
    });
    let taken = taken.unwrap_or_else(|error| panic!("a party failed: {error}"));
    let of = |party: Party| taken[party.index()].1;
    [of(Party::P0)[0], of(Party::P1)[1]]
}

fn keys(criterion: &mut Criterion) {
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
    let table: Vec<u64> = (0..256).collect();
    let compare = |runtime: &mut Runtime<'_>, points: &[u64], values: &[u64]| {
        let below = dpf::below(runtime, 38, KEYS, points, &[values]);
        black_box(below.unwrap_or_else(|error| panic!("{error}")));
    };
    let look_up = |runtime: &mut Runtime<'_>, points: &[u64], values: &[u64]| {
        let looked = dpf::look_up(runtime, 8, KEYS, points, values, &table);
        black_box(looked.unwrap_or_else(|error| panic!("{error}")));
    };
    type Gate<'a> = &'a (dyn Fn(&mut Runtime<'_>, &[u64], &[u64]) + Sync);
    let cases: [(&str, u32, Gate<'_>, [usize; 2]); 2] = [
        ("comparison of 38 bits", 38, &compare, [4 * 31, 31]),
        ("table of 8 bits", 8, &look_up, [4, 2]),
    ];
    for (name, bits, gate, blocks) in cases {
        for (place, what) in ["deal", "evaluate"].into_iter().enumerate() {
            group.throughput(Throughput::Elements((blocks[place] * KEYS) as u64));
            group.bench_function(format!("{what} {name}"), |b| {
                b.iter_custom(|rounds| (0..rounds).map(|_| times(bits, gate)[place]).sum());
            });
        }
    }
    group.finish();
}

criterion_group!(benches, keys);
criterion_main!(benches);

//! Matrix products: multiply-adds a second, for the shapes of BERT, by every form of the inner
//! loop that the machine can run, and what the machine does from registers alone.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use qbench_substrate::kernel::{gemm16, gemm64};
use std::time::Duration;

/// Rows, inner, columns: the hidden layers of BERT-base, then scores and contexts of one head.
const SHAPES: [[usize; 3]; 9] = [
    [8, 768, 768],
    [8, 768, 3072],
    [32, 768, 768],
    [128, 768, 768],
    [128, 768, 2304],
    [128, 768, 3072],
    [128, 3072, 768],
    [128, 64, 128],
    [128, 128, 64],
];

fn name([rows, inner, columns]: [usize; 3]) -> String {
    format!("{rows}x{inner}x{columns}")
}

fn multiply_adds(shape: [usize; 3]) -> Throughput {
    Throughput::Elements(shape.iter().map(|n| *n as u64).product())
}

fn products_16(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product-16");
    for shape @ [rows, inner, columns] in SHAPES {
        let a: Vec<u16> = (0..rows * inner).map(|i| (i * 40503) as u16).collect();
        let b: Vec<u16> = (0..columns * inner).map(|i| (i * 25717) as u16).collect();
        let b = gemm16::Packed16::from_rows(&b, columns, inner);
        let mut c = vec![0; rows * columns];
        group.throughput(multiply_adds(shape));
        for &kernel in gemm16::Kernel::available() {
            let id = BenchmarkId::new(kernel.name(), name(shape));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    gemm16::multiply_add_with(kernel, &a, inner, rows, &b, &mut c, columns);
                });
            });
        }
    }
    group.finish();
}

/// What a kernel would do if nothing had to be loaded.
macro_rules! peak {
    ($name:ident, $group:literal, $products:ident) => {
        fn $name(criterion: &mut Criterion) {
            const STEPS: u64 = 10_000;
            let mut group = criterion.benchmark_group($group);
            for &kernel in $products::Kernel::available() {
                if let Some(count) = $products::register_multiply_adds(kernel, STEPS) {
                    let id = BenchmarkId::new(kernel.name(), "registers");
                    group.throughput(Throughput::Elements(count));
                    group.bench_function(id, |bencher| {
                        bencher.iter(|| $products::register_multiply_adds(kernel, STEPS));
                    });
                }
            }
            group.finish();
        }
    };
}
peak!(peak_16, "product-16", gemm16);
peak!(peak_64, "product-64", gemm64);

fn products_64(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product-64");
    for shape @ [rows, inner, columns] in [[8, 768, 768], [128, 768, 768], [128, 64, 128]] {
        let a: Vec<u64> = (0..(rows * inner) as u64).map(|i| i << 40 | i).collect();
        let b: Vec<u64> = (0..(columns * inner) as u64).map(|i| i << 33 | i).collect();
        let b = gemm64::Packed64::from_rows(&b, columns, inner);
        let mut c = vec![0; rows * columns];
        group.throughput(multiply_adds(shape));
        for &kernel in gemm64::Kernel::available() {
            let id = BenchmarkId::new(kernel.name(), name(shape));
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    gemm64::multiply_add_with(kernel, &a, inner, rows, &b, &mut c, columns);
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20);
    targets = peak_16, products_16, peak_64, products_64
}
criterion_main!(benches);

//! Bits at true width.

use super::piece::Piece;
use super::step_names::step_of;
use super::{books, workload};
use qbench_baselines::sigma::system::SigmaSystem;
use qbench_protocols::system::System;

/// The closed forms of the design, gate by gate and whole models.
#[test]
fn bits_are_the_closed_forms() {
    let (n, f) = (50u64, 12u64);
    let m = n - f;
    let key = |bits: u64| {
        if bits > 7 {
            129 * (bits - 7) + 256
        } else {
            1 << bits
        }
    };
    let ars = |s: u64| key(s) + key(n - s) + 2 + 2 * (n - s) + 2 * n;
    for k in [8u64, 32, 64, 128] {
        let [offline, online] = books(&workload("bert-base", k as usize, n));
        let sent = |name: &str| -> u64 {
            let openings = online
                .openings()
                .iter()
                .filter(|o| o.step.starts_with("layer0/"));
            let openings = openings.filter(|o| step_of(&o.step).unwrap().starts_with(name));
            let parts = openings.flat_map(|o| &o.parts);
            2 * parts
                .map(|(count, bits)| *count as u64 * u64::from(*bits))
                .sum::<u64>()
        };
        let dealt = |name: &str| -> u64 {
            let keys = offline
                .keys()
                .iter()
                .filter(|k| k.step.starts_with("layer0/"));
            let keys = keys.filter(|k| step_of(&k.step).unwrap().starts_with(name));
            keys.map(|k| Piece::read(&k.kind).bits()).sum()
        };
        let (h, ff, heads) = (768u64, 3072u64, 12u64);
        // Products with a faithful shift.
        let matmul = |outputs: u64, s: u64| outputs * (6 * n - 2 * s + 4);
        assert_eq!(sent("qkv"), matmul(3 * k * h, f));
        assert_eq!(
            sent("qk"),
            matmul(3 * k * h, f) + matmul(heads * k * k, f + 3)
        );
        assert_eq!(
            dealt("qkv"),
            n * (k * h + 3 * h * h + 3 * k * h) + 3 * k * h * ars(f)
        );
        assert_eq!(
            dealt("ff1"),
            n * (k * h + h * ff + k * ff) + k * ff * ars(f)
        );
        assert_eq!(
            dealt("pv"),
            n * (heads * k * k + 2 * k * h) + k * h * ars(f)
        );
        // Softmax, a row.
        let levels = u64::from(k.ilog2());
        let q = f - 6 + levels;
        let row = (k - 1) * 2 * (m + 3) + k * (16 * n + 60) + 2 * q + 4 * n + 4;
        assert_eq!(sent("softmax"), heads * k * row);
        let table = |b: u64, l: u64| key(b) + 1 + 5 * l;
        let relu = |w: u64, v: u64| key(w - 1) + 1 + 5 * v;
        let gap = |s: u64, v: u64| key(s) + 1 + 3 * v;
        let element = relu(m + 2, 16) + 2 * table(8, n) + gap(8, 8) + 3 * n + gap(f, n);
        let row = (k - 1) * relu(m + 1, m + 2)
            + k * element
            + gap(6, q)
            + table(q, n)
            + k * (2 * n + gap(f, n))
            + n;
        assert_eq!(dealt("softmax"), heads * k * row);
        // GELU.
        assert_eq!(sent("gelu"), k * ff * (2 * (m - f) + 4 * n + 38));
        let x = m - f + 7;
        let gelu = 64 + 3 * x + key(x - 1) + 67 + key(8) + 1 + 10 * n;
        assert_eq!(dealt("gelu"), k * ff * gelu);
        // LayerNorm, a row.
        let row = 2 * (2 * n - f + 2) + 2 * n + (10 * n + 28) + h * (8 * n + 4);
        assert_eq!(sent("ln1"), k * row);
        assert_eq!(sent("ln2"), k * row);
    }
    // Twelve layers: bytes online, both directions, and keys.
    for (k, online_bytes) in [
        (32, Some(198_341_376u64)),
        (64, None),
        (128, Some(1_062_334_464)),
    ] {
        let declared = SigmaSystem.cost(&workload("bert-base", k, n)).unwrap();
        let bytes = declared.online.bytes();
        // But for P1's input.
        let input = (k * 768 * n as usize / 8) as u64;
        if let Some(expected) = online_bytes {
            assert_eq!(bytes[1][2] - input + bytes[2][1], expected, "n = {k}");
        }
        let keys = declared.material_bytes[2] as f64 / 2f64.powi(30);
        let expected = [3.470, 7.076, 16.180][[32, 64, 128].iter().position(|n| *n == k).unwrap()];
        // The sums that we know from elsewhere are less by a bit or two a comparison.
        assert!(
            (0.0..1e-3).contains(&(keys / expected - 1.0)),
            "{keys} GiB at n = {k}"
        );
        assert!(declared.material_bytes[1] < declared.material_bytes[2]);
        assert_eq!(declared.material_bytes[0], 0);
    }
}

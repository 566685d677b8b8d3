//! What `lut-fine` sends, counted once more by hand from the table of docs/FINE.md and apart from the walk, against what the walk declares.

use qbench_protocols::fine::system::FineSystem;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::system::{System, Workload};

/// Whole bytes of `count` elements of `bits` bits in a message.
fn bytes(count: u64, bits: u64) -> u64 {
    (count * bits).div_ceil(8)
}

/// Bits that hold 0 to `largest`.
fn bits_of(largest: u64) -> u64 {
    u64::from(largest.ilog2()) + 1
}

/// What P1 and P2 each send the other; what P0 sends P2 offline; rounds.
#[derive(Default)]
struct Count {
    exchanged: u64,
    dealt: u64,
    rounds: u64,
    /// Whether tables of the activation function give elements of the product ring.
    direct: bool,
    /// Whether maxima are found by differences.
    differences: bool,
}

impl Count {
    /// Opens under masks out of seeds.
    fn open(&mut self, parts: &[(u64, u64)]) {
        self.exchanged += parts.iter().map(|(n, bits)| bytes(*n, *bits)).sum::<u64>();
        self.rounds += 1;
    }

    /// Opens against offsets of P0's.
    fn open_index(&mut self, count: u64, bits: u64) {
        self.open(&[(count, bits)]);
        self.deal(count, bits);
    }

    fn deal(&mut self, count: u64, bits: u64) {
        self.dealt += bytes(count, bits);
    }

    /// Opens numbers with a spare bit, and widens them.
    fn widen(&mut self, parts: &[(u64, u64, u64)]) {
        let opened: Vec<_> = parts.iter().map(|(n, b, _)| (*n, b + 1)).collect();
        let above: Vec<_> = parts
            .iter()
            .map(|(n, b, ring)| (*n, ring - b - 1))
            .collect();
        self.open(&opened);
        self.open(&above);
        above.iter().for_each(|(n, bits)| self.deal(*n, *bits));
    }

    /// Branch and residual, and LayerNorm.
    fn norm(&mut self, n: u64, hidden: u64) {
        let elements = n * hidden;
        self.deal(elements + n, 16);
        self.deal(elements, 16);
        self.deal(n, 16);
        self.open(&[(elements, 13), (n, 16)]);
        (0..3).for_each(|_| self.deal(elements, 44));
        (0..5).for_each(|_| self.deal(n, 44));
        self.open_index(n, 12);
        self.deal(n << 12, 36);
        self.open(&[(n, 36)]);
        (0..5).for_each(|_| self.deal(elements, 36));
        (0..5).for_each(|_| self.deal(n, 36));
    }

    /// A table of `2^index` entries an element, and the widening of what it gives.
    fn activate(&mut self, count: u64, index: u64) {
        self.open_index(count, index);
        if self.direct {
            self.deal(count << index, 16);
            return self.open(&[(count, 16)]);
        }
        self.deal(count << index, 8);
        self.widen(&[(count, 7, 16)]);
    }

    /// Scores, and the maxima of their rows, opened.
    fn maxima(&mut self, n: u64, rows: u64) {
        let (scores, count) = (rows * n, bits_of(n));
        if self.differences {
            self.open_index(scores, 6);
            let mut width = n;
            while width > 1 {
                let pairs = width / 2 * rows;
                self.deal(pairs << 6, 6);
                self.open_index(pairs, 6);
                width = width.div_ceil(2);
            }
            return;
        }
        self.open_index(scores, 5);
        self.deal(scores << 5, count);
        self.open_index(31 * rows, count);
        self.deal((31 * rows) << count, 5);
        self.open_index(rows, 5);
    }

    fn layer(&mut self, layer: u64, n: u64, hidden: u64, inner: u64, heads: u64) {
        let elements = n * hidden;
        let (rows, scores) = (heads * n, heads * n * n);
        let sum = bits_of(15 * n);
        let values = sum + 7;
        if layer > 0 {
            self.open(&[(elements, 16)]);
        }
        (0..3).for_each(|_| self.deal(elements, 16));
        self.widen(&[(elements, 6, 16), (elements, 6, 16), (elements, 6, values)]);
        self.deal(elements, 16);
        self.deal(elements, 16);
        self.deal(scores, 16);
        self.maxima(n, rows);
        (0..heads).for_each(|_| self.deal((n * n) << 5, values));
        self.open(&[(scores, values)]);
        self.deal(rows << sum, 26);
        self.deal(elements, values);
        self.deal(elements, values);
        self.open(&[(elements, values), (rows, 26)]);
        (0..5).for_each(|_| self.deal(elements, 26));
        self.widen(&[(elements, 7, 16)]);
        self.norm(n, hidden);
        self.open(&[(elements, 16)]);
        self.deal(n * inner, 16);
        self.activate(n * inner, 5);
        self.norm(n, hidden);
    }
}

fn check(layers: u64, hidden: u64, heads: u64, n: u64, labels: Option<u64>) {
    let inner = 4 * hidden;
    let model = ModelConfig {
        name: "test".into(),
        layers: layers as usize,
        hidden: hidden as usize,
        heads: heads as usize,
        feed_forward: inner as usize,
        max_positions: 512,
        activation: ActivationFunction::Gelu,
        head: match labels {
            Some(labels) => Head::Classifier {
                labels: labels as usize,
            },
            None => Head::Hidden,
        },
        layer_norm_epsilon: 1e-12,
        relative_positions: false,
        bit_plan: None,
    };
    for direct in [false, true] {
        for differences in [false, true] {
            check_with(
                &model,
                [direct, differences],
                [layers, hidden, heads, n],
                labels,
            );
        }
    }
}

fn check_with(
    model: &ModelConfig,
    [direct, differences]: [bool; 2],
    sizes: [u64; 4],
    labels: Option<u64>,
) {
    let [layers, hidden, heads, n] = sizes;
    let inner = 4 * hidden;
    let table = ["widened", "direct"][usize::from(direct)];
    let maximum = ["histogram", "differences"][usize::from(differences)];
    let workload = Workload::new(model.clone(), n as usize)
        .with("activation_table", table)
        .with("row_maximum", maximum);
    let declared = FineSystem.cost(&workload).unwrap();
    let mut count = Count {
        direct,
        differences,
        ..Count::default()
    };
    (0..layers).for_each(|layer| count.layer(layer, n, hidden, inner, heads));
    let of_maxima = if differences { bits_of(n - 1) } else { 2 };
    assert_eq!(
        count.rounds,
        (18 + of_maxima - u64::from(direct)) * layers - 1
    );
    let output = match labels {
        Some(labels) => {
            count.open(&[(hidden, 16)]);
            count.deal(hidden, 16);
            count.activate(hidden, 6);
            count.deal(labels, 16);
            bytes(labels, 16)
        }
        None => {
            count.open(&[(n * hidden, 16)]);
            count.deal(n * hidden, 32);
            count.deal(n * hidden, 32);
            bytes(n * hidden, 32)
        }
    };
    // The input from P1 to P2 is one round more, and so is the output: but one of either party's chain is not of the other's.
    let input = bytes(n * hidden, 16);
    let at = format!(
        "{layers} layers of {hidden}, {heads} heads, n = {n}, {labels:?}, {table}, {maximum}"
    );
    let expected = [
        [0; 3],
        [0, 0, count.exchanged + input],
        [0, count.exchanged + output, 0],
    ];
    assert_eq!(declared.online.bytes(), expected, "{at}");
    let dealt = [[0, 0, count.dealt], [0; 3], [0; 3]];
    assert_eq!(declared.offline.bytes(), dealt, "{at}");
    let rounds = declared.online.rounds();
    assert!(
        (count.rounds + 1..=count.rounds + 2).contains(&rounds),
        "{at}: {rounds}"
    );
}

#[test]
fn the_walk_declares_what_a_count_by_hand_gives() {
    for n in [2, 7, 8, 16, 33, 64, 128] {
        check(12, 768, 12, n, Some(2));
        check(2, 384, 12, n, None);
    }
    // Shapes whose messages do not end on whole bytes.
    check(3, 15, 3, 5, Some(3));
    check(1, 15, 5, 3, None);
}

//! What `lut-rss` sends, counted once more by hand: sums of products of shapes and widths, written from the protocol's description
//! and apart from the walk, against what the walk declares. A step that is left out of the walk, or taken twice, shows here.

use qbench_protocols::lut_rss::system::LutRssSystem;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::system::{DeclaredPhase, System, Workload};

/// Public shapes and widths.
struct Shape {
    layers: u64,
    hidden: u64,
    inner: u64,
    heads: u64,
    tokens: u64,
    labels: Option<u64>,
    /// Width of an index.
    index: u64,
    max: &'static str,
    inner_product: bool,
}

/// Online and offline traffic: what P1 and P2 each send the other, what P0 sends P1 online and P2 offline; and rounds.
#[derive(Default)]
struct Count {
    exchanged: u64,
    summands: u64,
    dealt: u64,
    /// P2 to P1, at the end.
    output: u64,
    rounds: u64,
    /// By radix sort: all parties' bits together.
    sorted: u64,
    sort_dealt: u64,
}

/// Whole bytes of `count` elements of `bits` bits in a message.
fn bytes(count: u64, bits: u64) -> u64 {
    (count * bits).div_ceil(8)
}

fn ceil_log2(n: u64) -> u64 {
    u64::from(n.next_power_of_two().trailing_zeros())
}

impl Count {
    /// Opens `count` elements against fresh offsets.
    fn open(&mut self, count: u64, bits: u64) {
        self.exchanged += bytes(count, bits);
        self.dealt += bytes(count, bits);
    }

    /// Deals `count` tables of `2^index` entries.
    fn tables(&mut self, count: u64, index: u64, entry: u64) {
        self.dealt += bytes(count * (1 << index), entry);
    }

    /// From shares of P1 and P2 to replicated ones.
    fn reshare(&mut self, count: u64, bits: u64) {
        self.exchanged += bytes(count, bits);
    }

    /// Index to Z_{2^16}, replicated.
    fn convert(&mut self, count: u64, index: u64) {
        self.open(count, index);
        self.tables(count, index, 16);
        self.reshare(count, 16);
    }

    /// P0's summand of a product.
    fn product(&mut self, count: u64, bits: u64) {
        self.summands += bytes(count, bits);
    }

    fn softmax(&mut self, shape: &Shape) {
        let (n, rows) = (shape.tokens, shape.heads * shape.tokens);
        let scores = rows * n;
        if shape.index > 4 {
            self.open(scores, shape.index);
            self.tables(scores, shape.index, 4);
            self.rounds += 1;
        }
        if shape.max == "histogram" && n > 1 {
            let count = u64::from(n.ilog2()) + 1;
            self.open(scores, 4);
            self.tables(scores, 4, count);
            self.open(15 * rows, count);
            self.tables(15 * rows, count, 4);
            self.rounds += 2;
        } else if shape.max == "radix-sort" {
            // See `radix_sort_declares_its_documented_bits_and_rounds`; n is a power of two here.
            self.sorted += scores * (92 * ceil_log2(n) + 112) / 8;
            self.sort_dealt += scores * (4 + 64 * ceil_log2(n)) / 8;
            self.rounds += 19;
        } else if shape.max == "tournament" {
            let mut left = n;
            while left > 1 {
                let pairs = rows * (left / 2);
                self.open(pairs, 4);
                self.open(pairs, 4);
                self.tables(pairs, 8, 4);
                left = left.div_ceil(2);
                self.rounds += 1;
            }
        }
        let sum = 4 + ceil_log2(n);
        self.open(scores, 4);
        self.tables(scores, 4, sum);
        self.open(rows, sum);
        self.tables(rows, sum, 4);
        self.open(scores, 4);
        self.open(rows, 4);
        self.tables(scores, 8, 4);
        self.rounds += 3;
    }

    /// The residual's addend shares the opening of the layer that its input fed.
    fn norm(&mut self, shape: &Shape) {
        let (elements, index) = (shape.tokens * shape.hidden, shape.index);
        let wide = index + ceil_log2(shape.hidden) + 7;
        self.tables(elements, index, 16);
        self.open(elements, index);
        self.tables(elements, index, wide);
        self.open(elements, index);
        self.tables(elements, index, wide);
        if shape.inner_product {
            self.tables(elements, index, wide);
            self.reshare(elements, wide);
            self.reshare(elements, wide);
            self.product(shape.tokens, wide);
            self.rounds += 1;
        }
        self.open(shape.tokens, 4);
        self.tables(elements, index + 4, index);
        self.rounds += 3;
    }

    fn of(shape: &Shape) -> Self {
        let mut count = Self::default();
        let (n, index) = (shape.tokens, shape.index);
        let (hidden, inner) = (n * shape.hidden, n * shape.inner);
        let scores = shape.heads * n * n;
        for _ in 0..shape.layers {
            // The layer's input, for query, key and value.
            count.convert(hidden, index);
            (0..3).for_each(|_| count.product(hidden, 16));
            // Query and key, side by side.
            count.convert(hidden, index);
            count.convert(hidden, index);
            count.product(scores, 16);
            count.softmax(shape);
            // Probabilities and values, side by side.
            count.convert(scores, 4);
            count.convert(hidden, index);
            count.product(hidden, 16);
            // The context.
            count.convert(hidden, index);
            count.product(hidden, 16);
            count.norm(shape);
            // Feed-forward.
            count.convert(hidden, index);
            count.product(inner, 16);
            count.convert(inner, index);
            count.product(hidden, 16);
            count.norm(shape);
            // Two rounds for each of: input, query and key, probabilities and values, context, input, activation.
            count.rounds += 2 * 6;
        }
        match shape.labels {
            Some(labels) => {
                count.convert(shape.hidden, index);
                count.product(shape.hidden, 16);
                count.convert(shape.hidden, index);
                count.product(labels, 16);
                count.output += bytes(labels, 16);
                count.rounds += 5;
            }
            None => {
                count.output += bytes(hidden, index);
                count.rounds += 1;
            }
        }
        count
    }
}

fn check(shape: &Shape) {
    let model = ModelConfig {
        name: "test".into(),
        layers: shape.layers as usize,
        hidden: shape.hidden as usize,
        heads: shape.heads as usize,
        feed_forward: shape.inner as usize,
        max_positions: 512,
        activation: ActivationFunction::Gelu,
        head: match shape.labels {
            Some(labels) => Head::Classifier {
                labels: labels as usize,
            },
            None => Head::Hidden,
        },
        layer_norm_epsilon: 1e-12,
        relative_positions: false,
        bit_plan: None,
    };
    let max = shape.max;
    let variance = if shape.inner_product {
        "inner-product"
    } else {
        "square-table"
    };
    let workload = Workload::new(model, shape.tokens as usize)
        .with("index_bits", shape.index)
        .with("max_protocol", max)
        .with("variance_protocol", variance);
    let declared = LutRssSystem.cost(&workload).unwrap();
    let count = Count::of(shape);
    let at = format!(
        "{} layers of {} / {}, {} heads, n = {}, {} bits, {max}, {variance}, labels {:?}",
        shape.layers,
        shape.hidden,
        shape.inner,
        shape.heads,
        shape.tokens,
        shape.index,
        shape.labels
    );
    let total = DeclaredPhase::total_bytes;
    if max == "radix-sort" {
        let online = 2 * count.exchanged + count.summands + count.output + count.sorted;
        assert_eq!(total(&declared.online), online, "{at}");
        assert_eq!(
            total(&declared.offline),
            count.dealt + count.sort_dealt,
            "{at}"
        );
        assert_eq!(declared.online.rounds(), count.rounds, "{at}");
    } else {
        let (one, two) = (count.exchanged, count.exchanged + count.output);
        let expected = [[0, count.summands, 0], [0, 0, one], [0, two, 0]];
        assert_eq!(declared.online.bytes(), expected, "{at}");
        assert_eq!(
            declared.offline.bytes(),
            [[0, 0, count.dealt], [0; 3], [0; 3]],
            "{at}"
        );
        assert_eq!(declared.online.rounds(), count.rounds, "{at}");
    }
    // 16 bits a weight, once a model, and a seed for each pair.
    let (h, f) = (shape.hidden, shape.inner);
    let head = shape.labels.map_or(0, |labels| h * h + labels * h);
    let weights = shape.layers * (4 * h * h + 2 * h * f) + head;
    assert_eq!(total(&declared.setup), 2 * weights + 3 * 16, "{at}");
}

const BASE: Shape = Shape {
    layers: 12,
    hidden: 768,
    inner: 3072,
    heads: 12,
    tokens: 8,
    labels: Some(2),
    index: 4,
    max: "tournament",
    inner_product: false,
};

#[test]
fn the_walk_declares_what_a_count_by_hand_gives() {
    for tokens in [1, 2, 7, 8, 16, 31, 32, 33, 64, 100, 128, 256] {
        for inner_product in [false, true] {
            check(&Shape {
                tokens,
                inner_product,
                ..BASE
            });
            check(&Shape {
                tokens,
                max: "histogram",
                ..BASE
            });
            check(&Shape {
                tokens,
                inner_product,
                index: 8,
                labels: None,
                layers: 2,
                ..BASE
            });
        }
    }
    for index in 4..=8 {
        // Shapes whose messages do not end on whole bytes.
        let odd = Shape {
            layers: 2,
            hidden: 15,
            inner: 33,
            heads: 3,
            tokens: 5,
            labels: Some(3),
            index,
            ..BASE
        };
        check(&odd);
        check(&Shape {
            inner_product: true,
            labels: None,
            tokens: 3,
            ..odd
        });
    }
    for tokens in [8, 16, 64, 128] {
        check(&Shape {
            tokens,
            max: "radix-sort",
            ..BASE
        });
    }
}

//! Q K^T and P V against integer products in the clear, and softmax rows.

use super::*;
use crate::lut_rss::softmax::NIBBLE;
use crate::model::quantized::Range;
use crate::quantized::integer::PRODUCT;

/// (hidden, heads, tokens): widths of a head from 1 to 24, tokens odd and even.
const SHAPES: [(usize, usize, usize); 6] = [
    (4, 4, 3),
    (8, 2, 1),
    (10, 2, 5),
    (24, 3, 4),
    (24, 1, 2),
    (16, 2, 17),
];

#[test]
fn scores_are_the_integer_product() {
    for (i, (hidden, heads, tokens)) in SHAPES.into_iter().enumerate() {
        let index_bits = 4 + i as u32 % 5;
        let config = config(hidden, heads, ActivationFunction::Relu);
        let source = synthetic(&config, 9).unwrap();
        let plan = plan(config, tokens, index_bits);
        let ring = plan.index_ring();
        let q: Vec<u8> = elements(ring, tokens * hidden, 1);
        let k: Vec<u8> = elements(ring, tokens * hidden, 2);
        let out = run(&plan, &source, |engine| {
            let q = share(&engine.runtime, ring, &q, 1);
            let k = share(&engine.runtime, ring, &k, 2);
            engine.scores(0, Activation::of_index(q), Activation::of_index(k))
        });
        let Clear::Product(expected) = reference(&plan, &source, out.carries, |engine| {
            let (q, k) = (signed(ring, &q), signed(ring, &k));
            engine.scores(0, Clear::Index(q), Clear::Index(k))
        }) else {
            panic!("scores are products");
        };
        assert_eq!(out.product, encoded::<u16>(PRODUCT, &expected), "{plan:?}");
    }
}

#[test]
fn context_is_the_integer_product() {
    for (i, (hidden, heads, tokens)) in SHAPES.into_iter().enumerate() {
        let index_bits = 4 + i as u32 % 5;
        let config = config(hidden, heads, ActivationFunction::Relu);
        let source = synthetic(&config, 10).unwrap();
        let plan = plan(config, tokens, index_bits);
        let ring = plan.index_ring();
        let p: Vec<u8> = elements(NIBBLE, heads * tokens * tokens, 3);
        let v: Vec<u8> = elements(ring, tokens * hidden, 4);
        let out = run(&plan, &source, |engine| {
            let p = share(&engine.runtime, NIBBLE, &p, 1);
            let v = share(&engine.runtime, ring, &v, 2);
            engine.context(0, Activation::of_index(p), Activation::of_index(v))
        });
        let Clear::Product(expected) = reference(&plan, &source, out.carries, |engine| {
            let p = p.iter().map(|p| i64::from(*p)).collect();
            engine.context(0, Clear::Levels(p), Clear::Index(signed(ring, &v)))
        }) else {
            panic!("the context is a product");
        };
        assert_eq!(out.product, encoded::<u16>(PRODUCT, &expected), "{plan:?}");
    }
}

#[test]
fn softmax_rows_are_the_references() {
    for index_bits in 4..=8 {
        for (heads, tokens) in [(2, 1), (2, 2), (1, 5), (2, 16), (1, 18)] {
            let config = config(8, heads, ActivationFunction::Relu);
            let source = synthetic(&config, 11).unwrap();
            let plan = plan(config, tokens, index_bits);
            let count = heads * tokens * tokens;
            let scores: Vec<u16> = elements(Ring::new(16), count, u64::from(index_bits));
            let out = run(&plan, &source, |engine| {
                let scores = share(&engine.runtime, Ring::new(16), &scores, 1);
                engine.softmax(0, Activation::of_product(scores))
            });
            let Clear::Levels(expected) = reference(&plan, &source, out.carries, |engine| {
                engine.softmax(0, Clear::Product(signed(PRODUCT, &scores)))
            }) else {
                panic!("probabilities are levels");
            };
            let p: Vec<i64> = out.index.iter().map(|p| i64::from(*p)).collect();
            assert_eq!(p, expected, "{plan:?}");
        }
    }
}

/// 128 tokens: rows where all scores are equal and rows where one stands out, side by side in one head. The context of a flat
/// row is the mean of the values, of a peaky one the value that it picks.
#[test]
fn diffuse_and_peaky_rows_keep_their_context() {
    const TOKENS: usize = 128;
    const WIDTH: usize = 4;
    let range = Range { rms: 2.0, max: 7.0 };
    for variance in [
        VarianceProtocol::SquareTable,
        VarianceProtocol::InnerProduct,
    ] {
        for index_bits in [4, 6, 8] {
            let config = ModelConfig {
                max_positions: TOKENS,
                ..config(WIDTH, 1, ActivationFunction::Relu)
            };
            let mut source = synthetic(&config, 12).unwrap();
            let layer = &mut source.layers[0];
            (layer.score_range, layer.context_range) = (range, range);
            layer.qkv_range = [range; 3];
            let mut plan = plan(config, TOKENS, index_bits);
            plan.variance_protocol = variance;
            let model = IntegerModel::new(&source, index_bits, TOKENS).unwrap();
            let layer = &model.layers[0];
            let ring = plan.index_ring();

            let picked = |row: usize| (row * 37) % TOKENS;
            let unit = 1i64 << (16 - index_bits);
            let level = |level: i64| unit * (level << layer.softmax.scores.fraction_bits);
            let scores: Vec<i64> = (0..TOKENS * TOKENS)
                .map(|i| match (i / TOKENS, i % TOKENS) {
                    (row, _) if row % 2 == 0 => level(3),
                    (row, column) if column == picked(row) => level(7),
                    _ => level(-8),
                })
                .collect();
            let scores: Vec<u16> = encoded(PRODUCT, &scores);
            // Values of one sign, so that their mean is far from zero.
            let v: Vec<u8> = elements(ring, TOKENS * WIDTH, 4);
            let v: Vec<u8> = v.into_iter().map(|v| v >> 1).collect();
            let out = run(&plan, &source, |engine| {
                let scores = share(&engine.runtime, PRODUCT, &scores, 1);
                let v = share(&engine.runtime, ring, &v, 2);
                let p = engine.softmax(0, Activation::of_product(scores))?;
                engine.context(0, p, Activation::of_index(v))
            });

            let value = |token: usize, feature: usize| {
                let index = ring.signed(v[token * WIDTH + feature]);
                layer.qkv[2].level(index) as f64 * layer.qkv[2].level_step()
            };
            for (i, context) in out.product.iter().enumerate() {
                let (row, feature) = (i / WIDTH, i % WIDTH);
                let expected = match row % 2 {
                    0 => (0..TOKENS).map(|t| value(t, feature)).sum::<f64>() / TOKENS as f64,
                    _ => value(picked(row), feature),
                };
                let context = PRODUCT.signed(*context) as f64 / unit as f64 * layer.context.step;
                let off = (context - expected).abs() / layer.qkv[2].level_step();
                assert!(
                    off < 0.4,
                    "{variance:?}, {index_bits} bits, row {row}: {off} levels"
                );
            }
        }
    }
}

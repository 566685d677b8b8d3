//! Q K^T and P V against integer products in the clear, and softmax rows.

use super::*;
use crate::lut_rss::softmax::NIBBLE;

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
        assert_eq!(out.product, expected, "{plan:?}");
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
        assert_eq!(out.product, expected, "{plan:?}");
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
                engine.softmax(0, Clear::Product(scores.clone()))
            }) else {
                panic!("probabilities are levels");
            };
            let p: Vec<i64> = out.index.iter().map(|p| i64::from(*p)).collect();
            assert_eq!(p, expected, "{plan:?}");
        }
    }
}

//! Fully connected layers against the integer product in the clear.

use super::*;
use crate::model::walk::Linear;

/// `sum_i level(x_i) W'_oi + bias_o` modulo 2^16, one multiplication after the other.
fn in_the_clear(plan: &Plan, source: &QuantizedModel, linear: Linear, x: &[u8]) -> Vec<u16> {
    let model = IntegerModel::new(source, plan.index_bits, plan.seq_len).unwrap();
    let weights = model.linear(linear).unwrap();
    let (words, inputs) = (weights.weights(), weights.source.inputs);
    let scale = match linear {
        Linear::Query(_) => model.layers[0].input,
        Linear::AttentionOutput(_) => model.layers[0].context,
        _ => model.layers[0].attention_norm.output,
    };
    let levels: Vec<i64> = signed(plan.index_ring(), x)
        .into_iter()
        .map(|index| scale.level(index))
        .collect();
    let mut y = Vec::new();
    for row in levels.chunks(inputs) {
        for (output, bias) in weights.bias.iter().enumerate() {
            let mut sum = *bias;
            for (input, level) in row.iter().enumerate() {
                let weight = words[output * inputs + input];
                sum += level * i64::from(weight as i16);
            }
            y.push(sum as u16);
        }
    }
    y
}

fn check(hidden: usize, seq_len: usize, index_bits: u32, linear: Linear, bias: f32) {
    let config = config(hidden, 1, ActivationFunction::Gelu);
    let mut source = synthetic(&config, 5).unwrap();
    for layer in &mut source.layers {
        for linear in [
            &mut layer.query,
            &mut layer.attention_output,
            &mut layer.feed_forward_in,
        ] {
            for (output, value) in linear.bias.iter_mut().enumerate() {
                *value = bias * (output as f32 - 2.0);
            }
        }
    }
    let plan = plan(config, seq_len, index_bits);
    let ring = plan.index_ring();
    let x: Vec<u8> = elements(ring, seq_len * hidden, hidden as u64);
    let out = run(&plan, &source, |engine| {
        let x = share(&engine.runtime, ring, &x, 1);
        engine.linear(linear, &mut Activation::of_index(x))
    });
    let expected = in_the_clear(&plan, &source, linear, &x);
    assert!(expected.iter().any(|y| *y != 0));
    assert_eq!(out.product, expected, "{linear}, {plan:?}, bias {bias}");
}

#[test]
fn every_index_width() {
    for index_bits in 4..=8 {
        for linear in [
            Linear::Query(0),
            Linear::AttentionOutput(0),
            Linear::FeedForwardIn(0),
        ] {
            check(12, 3, index_bits, linear, 0.1);
        }
    }
}

#[test]
fn shapes_and_biases() {
    for (hidden, seq_len) in [(2, 1), (7, 5), (16, 2), (33, 1), (64, 9)] {
        for bias in [0.0, -0.3, 40.0] {
            check(hidden, seq_len, 4, Linear::FeedForwardIn(0), bias);
        }
    }
}

/// The conversion of an input is kept: a second layer on it opens nothing more.
#[test]
fn two_layers_share_one_conversion() {
    let config = config(8, 2, ActivationFunction::Relu);
    let source = synthetic(&config, 6).unwrap();
    let plan = plan(config, 2, 4);
    let ring = plan.index_ring();
    let x: Vec<u8> = elements(ring, 16, 3);
    let out = run(&plan, &source, |engine| {
        let mut x = Activation::of_index(share(&engine.runtime, ring, &x, 1));
        let query = engine.linear(Linear::Query(0), &mut x)?;
        let key = engine.linear(Linear::Key(0), &mut x)?;
        let both = query.product.zip(key.product).unwrap();
        Ok(Activation::of_product(both.0.plus(&both.1)))
    });
    let model = IntegerModel::new(&source, 4, 2).unwrap();
    let key = model.linear(Linear::Key(0)).unwrap();
    let words = key.weights();
    let levels = signed(ring, &x);
    let expected: Vec<u16> = in_the_clear(&plan, &source, Linear::Query(0), &x)
        .into_iter()
        .enumerate()
        .map(|(i, query)| {
            let (row, output) = (i / 8, i % 8);
            let dot: i64 = (0..8)
                .map(|f| levels[row * 8 + f] * i64::from(words[output * 8 + f] as i16))
                .sum();
            query.wrapping_add((dot + key.bias[output]) as u16)
        })
        .collect();
    assert_eq!(out.product, expected);
}

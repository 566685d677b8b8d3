//! Quantization, calibration and synthetic models.

use crate::support::{self, Checkpoint};
use qbench_protocols::model::calibrate::{Target, calibrate, targets};
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::float::{FloatLinear, FloatModel};
use qbench_protocols::model::quantize::{Quantization, quantize, to_levels};
use qbench_protocols::model::quantized::{QuantizedModel, Range};
use qbench_protocols::model::reference_float::{FloatReference, Matrix, Site, output_site};
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::model::walk::{Linear, Nonlinearity, Norm};
use std::collections::HashMap;

fn tiny_model(labels: Option<usize>) -> (FloatModel, Vec<Vec<f32>>) {
    let dir = tempfile::tempdir().unwrap();
    Checkpoint::new("", labels, "gelu").write(dir.path());
    let model = checkpoint::load(dir.path()).unwrap();
    let embeddings = model.embeddings.as_ref().unwrap();
    let texts: [&[u32]; 3] = [&[2, 10, 11, 13, 3], &[2, 5, 8, 9, 6, 3], &[2, 15, 3]];
    let inputs = texts.map(|text| embeddings.embed(text).unwrap());
    (model, inputs.to_vec())
}

/// Every tensor of a pass.
fn tensors(model: &QuantizedModel, inputs: &[Vec<f32>]) -> HashMap<Site, Vec<Matrix>> {
    let mut seen = HashMap::new();
    let mut observer = |site: Site, x: &mut [Matrix]| {
        assert!(seen.insert(site, x.to_vec()).is_none(), "{site:?} twice");
    };
    FloatReference::run_observed(model, inputs, &mut observer).unwrap();
    seen
}

fn assert_range(range: Range, values: &[f32], what: &str) {
    let max = values.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    let rms = (values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32).sqrt();
    assert!(
        (range.max - max).abs() <= 1e-4 * max,
        "{what}: {range:?}, max is {max}"
    );
    assert!(
        (range.rms - rms).abs() <= 1e-4 * rms,
        "{what}: {range:?}, rms is {rms}"
    );
}

#[test]
fn a_row_becomes_its_signs_and_mean_magnitude() {
    let linear = FloatLinear {
        outputs: 3,
        inputs: 9,
        weights: [
            [1.0, -2.0, 3.0, -4.0, 5.0, -6.0, 7.0, -8.0, 9.0],
            [0.0, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.5],
            [0.0; 9],
        ]
        .concat(),
        bias: vec![0.1, 0.2, 0.3],
    };
    let binary = to_levels(&linear, 1);
    assert_eq!(binary.row_bytes(), 2);
    assert_eq!(binary.planes, [0b0101_0101, 1, 0b1111_1101, 0, 0xff, 1]);
    assert_eq!(binary.row_scale[0], 5.0);
    assert_eq!(binary.row_scale[1], 4.0 / 9.0);
    assert!(binary.row_scale[2] > 0.0 && binary.row_scale[2] < 1e-30);
    assert_eq!(binary.bias, linear.bias);

    let back = FloatLinear::from(&binary);
    for output in 0..3 {
        for input in 0..9 {
            let level = 2.0 * f32::from(binary.codes(output)[input]) - 1.0;
            let expected = binary.row_scale[output] * level;
            assert_eq!(back.weights[output * 9 + input], expected);
        }
    }
}

/// Each weight gets the nearest level of its row's scale, and the more bits, the nearer.
#[test]
fn weights_of_any_bits_get_their_nearest_level() {
    let mut random = 1u64;
    let weights = (0..5 * 77).map(|_| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
        ((random >> 40) as f32 / (1 << 24) as f32 - 0.5).powi(3)
    });
    let linear = FloatLinear {
        outputs: 5,
        inputs: 77,
        weights: weights.collect(),
        bias: vec![0.0; 5],
    };
    let mut before = f32::INFINITY;
    for bits in 1..=8 {
        let quantized = to_levels(&linear, bits);
        assert_eq!(quantized.bits(), bits as usize);
        let back = FloatLinear::from(&quantized);
        let mut error = 0.0;
        for (i, (was, is)) in linear.weights.iter().zip(&back.weights).enumerate() {
            let scale = quantized.row_scale[i / 77];
            let all = quantized.levels().map(|level| scale * level as f32);
            let nearest = all
                .map(|value| (was - value).abs())
                .fold(f32::INFINITY, f32::min);
            assert!(
                (was - is).abs() <= nearest + 1e-6,
                "{bits} bits: {was} became {is}"
            );
            error += (was - is).powi(2);
        }
        assert!(error < 0.6 * before, "{bits} bits: {error} after {before}");
        before = error;
    }
}

#[test]
fn calibration_records_what_the_pass_computes() {
    for labels in [Some(3), None] {
        let (float, inputs) = tiny_model(labels);
        let model = quantize(&float, &Quantization::of_bits(1), &inputs).unwrap();
        let seen = tensors(&model, &inputs);
        let all =
            |site: Site| -> Vec<f32> { seen[&site].iter().flat_map(|x| x.data.clone()).collect() };
        let check = |range, site: Site| assert_range(range, &all(site), &format!("{site:?}"));
        check(model.input_range, Site::Input);
        for (l, layer) in model.layers.iter().enumerate() {
            let qkv = [Linear::Query(l), Linear::Key(l), Linear::Value(l)];
            for (range, linear) in layer.qkv_range.iter().zip(qkv) {
                check(*range, Site::Linear(linear));
            }
            check(layer.score_range, Site::Scores(l));
            check(layer.context_range, Site::Context(l));
            check(layer.inner_range, Site::Linear(Linear::FeedForwardIn(l)));
            check(
                layer.activated_range,
                Site::Activated(Nonlinearity::FeedForward(l)),
            );
            for norm in [Norm::Attention(l), Norm::FeedForward(l)] {
                let recorded = model.quantized_norm(norm).unwrap();
                check(recorded.sum, Site::NormSum(norm));
                check(recorded.output, Site::NormOutput(norm));
                let (mut means, mut deviations, mut variances) = (vec![], vec![], vec![]);
                for row in all(Site::NormSum(norm)).chunks(support::HIDDEN) {
                    let mean = row.iter().sum::<f32>() / row.len() as f32;
                    let deviation: Vec<f32> = row.iter().map(|x| x - mean).collect();
                    let squares: f32 = deviation.iter().map(|x| x * x).sum();
                    means.push(mean);
                    variances.push(squares / row.len() as f32);
                    deviations.extend(deviation);
                }
                assert_range(recorded.mean, &means, "means");
                assert_range(recorded.deviation, &deviations, "deviations");
                assert_range(recorded.variance, &variances, "variances");
            }
        }
        assert_eq!(model.head.is_some(), labels.is_some());
        if let Some(head) = &model.head {
            check(head.pooler_range, Site::Linear(Linear::Pooler));
            check(head.logit_range, Site::Linear(Linear::Classifier));
        }
        check(model.output_range().unwrap(), output_site(&model.config));
    }
}

#[test]
fn corrected_layers_put_out_the_float_models_mean_and_deviation() {
    let (float, inputs) = tiny_model(Some(3));
    let model = quantize(&float, &Quantization::of_bits(1), &inputs).unwrap();
    let expected = targets(&float, &inputs).unwrap();
    let actual = targets(&model, &inputs).unwrap();
    assert_eq!(expected.len(), Linear::all(&model.config).len());
    let (mut exact, mut all) = (0, 0);
    for (linear, expected) in &expected {
        let means = actual[linear].mean.iter().zip(&expected.mean);
        for (mean, expected) in means {
            assert!(
                (mean - expected).abs() < 1e-5,
                "{linear}: {mean}, {expected}"
            );
        }
        let deviations = |t: &Target| t.deviation.clone().unwrap();
        for (a, e) in deviations(&actual[linear]).iter().zip(deviations(expected)) {
            // Not all: what a row scale may change by is bounded.
            exact += usize::from((a - e).abs() < 1e-4 * e);
            all += 1;
        }
    }
    assert!(exact * 10 >= all * 9, "{exact} of {all} deviations");

    // Without the correction they differ, or this test would show nothing.
    let mut plain = model.clone();
    for (l, layer) in float.layers.iter().enumerate() {
        plain.layers[l].query = to_levels(&layer.query, 1);
    }
    calibrate(&mut plain, &inputs, None).unwrap();
    let query = Linear::Query(0);
    let actual = targets(&plain, &inputs).unwrap();
    let off = actual[&query].mean.iter().zip(&expected[&query].mean);
    assert!(off.map(|(a, e)| (a - e).abs()).fold(0.0, f32::max) > 1e-2);
}

#[test]
fn a_single_token_says_nothing_about_scales() {
    let (float, inputs) = tiny_model(None);
    let one = [inputs[0][..support::HIDDEN].to_vec()];
    let model = quantize(&float, &Quantization::of_bits(1), &one).unwrap();
    assert_eq!(
        model.layers[0].query.row_scale,
        to_levels(&float.layers[0].query, 1).row_scale
    );
}

#[test]
fn dead_or_broken_tensors_cannot_be_calibrated() {
    let (float, inputs) = tiny_model(None);
    let mut zeros = quantize(&float, &Quantization::of_bits(1), &inputs).unwrap();
    zeros.layers[0].attention_norm.gamma.fill(0.0);
    zeros.layers[0].attention_norm.beta.fill(0.0);
    let error = calibrate(&mut zeros, &inputs, None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("calibration saw only zeros at NormOutput(Attention(0))"),
        "{error}"
    );
    let mut broken = quantize(&float, &Quantization::of_bits(1), &inputs).unwrap();
    broken.layers[1].query.bias[2] = f32::NAN;
    let error = calibrate(&mut broken, &inputs, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no number at Linear(Query(1))"), "{error}");
    let error = calibrate(&mut broken, &[], None).unwrap_err().to_string();
    assert!(
        error.contains("calibration saw only zeros at Input"),
        "{error}"
    );
}

#[test]
fn the_quantized_tiny_model_stays_near_the_float_one() {
    let (float, inputs) = tiny_model(None);
    let model = quantize(&float, &Quantization::of_bits(1), &inputs).unwrap();
    // The same with every sign wrong: what is left is what biases and residuals carry alone.
    let mut wrong = model.clone();
    for linear in Linear::all(&model.config) {
        let layer = wrong.quantized_linear_mut(linear).unwrap();
        layer.planes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let exact = FloatReference::run(&float, &inputs).unwrap();
    let near = cosine(&exact, &FloatReference::run(&model, &inputs).unwrap());
    let far = cosine(&exact, &FloatReference::run(&wrong, &inputs).unwrap());
    assert!(
        near > 0.7 && far < 0.5,
        "cosine {near}, with wrong signs {far}"
    );
}

fn cosine(a: &[Matrix], b: &[Matrix]) -> f32 {
    let pairs = || {
        a.iter()
            .zip(b)
            .flat_map(|(a, b)| a.data.iter().zip(&b.data))
    };
    let dot: f32 = pairs().map(|(a, b)| a * b).sum();
    let (a, b): (f32, f32) = pairs().fold((0.0, 0.0), |s, (a, b)| (s.0 + a * a, s.1 + b * b));
    dot / (a * b).sqrt()
}

#[test]
fn synthetic_models_depend_on_their_seed_alone_and_look_like_bert() {
    let mut config = ModelConfig::preset("bert-mini").unwrap();
    let model = synthetic(&config, 3).unwrap();
    assert_eq!(model, synthetic(&config, 3).unwrap());
    assert_ne!(
        model.layers[0].query.planes,
        synthetic(&config, 4).unwrap().layers[0].query.planes
    );
    for linear in Linear::all(&config) {
        let layer = model.quantized_linear(linear).unwrap();
        assert_eq!((layer.outputs, layer.inputs), linear.shape(&config));
        assert_eq!(layer.planes.len(), layer.outputs * layer.row_bytes());
        assert!(layer.row_scale.iter().all(|s| *s > 0.0));
        let ones: u32 = layer.planes.iter().map(|b| b.count_ones()).sum();
        let share = f64::from(ones) / (layer.outputs * layer.inputs) as f64;
        assert!(
            (share - 0.5).abs() < 0.06,
            "{linear}: {share} of the signs are +1"
        );
    }
    // On an input that calibration did not see, scores spread in every layer, and logits differ.
    let inputs = [32, 8, 1].map(|n| synthetic_input(&config, n, n as u64));
    let seen = tensors(&model, &inputs);
    for l in 0..config.layers {
        let scores = &seen[&Site::Scores(l)][0];
        let mut spread = 0.0;
        for row in scores.data.chunks(scores.columns) {
            let mean = row.iter().sum::<f32>() / row.len() as f32;
            spread +=
                row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / scores.data.len() as f32;
        }
        assert!(
            (1.0..3.0).contains(&spread.sqrt()),
            "layer {l}: spread {}",
            spread.sqrt()
        );
    }
    let logits = &seen[&Site::Linear(Linear::Classifier)];
    assert!((logits[0].data[0] - logits[1].data[0]).abs() > 1e-3);

    config.head = Head::Hidden;
    config.activation = ActivationFunction::Gelu;
    let hidden = synthetic(&config, 3).unwrap();
    assert!(hidden.head.is_none());
    config.heads = 5;
    assert!(synthetic(&config, 3).is_err());
}

#[test]
fn synthetic_inputs_are_normalized_rows() {
    let config = ModelConfig::preset("bert-tiny").unwrap();
    let input = synthetic_input(&config, 5, 1);
    assert_eq!(input.len(), 5 * config.hidden);
    assert_eq!(input, synthetic_input(&config, 5, 1));
    assert_ne!(input, synthetic_input(&config, 5, 2));
    for row in input.chunks(config.hidden) {
        let mean = row.iter().sum::<f32>() / row.len() as f32;
        let variance = row.iter().map(|x| x * x).sum::<f32>() / row.len() as f32;
        assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-3);
    }
}

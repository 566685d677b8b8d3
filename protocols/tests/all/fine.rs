//! Profile `fine` in the clear: the integer reference, with the roundings of the ideal functionality, is the float model.

use qbench_protocols::fine::integer::{FineModel, quantize_input};
use qbench_protocols::fine::plan::Choices;
use qbench_protocols::fine::reference::FineReference;
use qbench_protocols::fine::system::{FineSystem, Secret};
use qbench_protocols::fine::verify;
use qbench_protocols::model::bit_plan::{BitPlan, Widths};
use qbench_protocols::model::checkpoint;
use qbench_protocols::model::config::{ActivationFunction, Head, ModelConfig};
use qbench_protocols::model::features::FeatureRanges;
use qbench_protocols::model::quantize::{Quantization, quantize};
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::model::reference_float::{FloatReference, relative_rms_error};
use qbench_protocols::model::synthetic::{synthetic, synthetic_input};
use qbench_protocols::model::walk::walk;
use qbench_protocols::net::Party;
use qbench_protocols::quantized::carries::Carries;
use qbench_protocols::system::load::Loaded;
use qbench_protocols::system::{Site, System, WalkedSystem, Workload};
use qbench_protocols::testing::{assert_declared, run_parties};
use qbench_tokenizer::Tokenizer;
use std::path::PathBuf;

/// The reference's output as real numbers, and its sites.
fn integers(source: &QuantizedModel, input: &[f32]) -> (Vec<f32>, Vec<Site>) {
    let (plan, tokens) = (
        BitPlan::of(&source.config),
        input.len() / source.config.hidden,
    );
    let input = quantize_input(source.input_range, &plan.first(), input);
    let model = FineModel::new(source, plan, Choices::default(), tokens).unwrap();
    let mut reference = FineReference::new(&model, tokens, input, Carries::random(5));
    walk(&mut reference, &source.config).unwrap();
    let output = reference.output.iter();
    let output = output
        .map(|x| (*x as f64 * model.output_unit) as f32)
        .collect();
    (output, reference.sites.into_inner())
}

#[test]
fn synthetic_models_come_out_near_the_float_model() {
    for activation in [ActivationFunction::Relu, ActivationFunction::Gelu] {
        for head in [Head::Hidden, Head::Classifier { labels: 3 }] {
            let config = ModelConfig {
                layers: 3,
                activation,
                head,
                ..ModelConfig::preset("bert-mini").unwrap()
            };
            let source = synthetic(&config, 1).unwrap();
            for tokens in [1, 24] {
                let input = synthetic_input(&config, tokens, 9);
                let float = FloatReference::run(&source, std::slice::from_ref(&input)).unwrap();
                let (output, sites) = integers(&source, &input);
                let error = relative_rms_error(&output, &float[0].data);
                println!("{activation:?} {head:?} n = {tokens}: {error:.3}");
                assert!(
                    error < 0.4,
                    "{activation:?}, {head:?}, n = {tokens}: {error}"
                );
                for site in &sites {
                    assert!(site.wrapped * 50 <= site.values, "{site}");
                }
            }
        }
    }
}

/// A model whose calibration saw less than there is: numbers are beyond their bits everywhere.
fn squeezed(mut source: QuantizedModel) -> QuantizedModel {
    for layer in &mut source.layers {
        let config = &source.config;
        let parts = layer.features.parts(config);
        let parts = parts.map(|(_, _, part)| part.iter().map(|x| x * 0.4).collect());
        layer.features = FeatureRanges::from_parts(parts);
        for norm in [&mut layer.attention_norm, &mut layer.feed_forward_norm] {
            norm.mean.max *= 0.4;
            norm.variance.max *= 0.4;
        }
    }
    source
}

/// Three parties, bit for bit the reference, and at the declared cost, step by step.
#[test]
fn a_run_is_the_reference_and_costs_what_it_declares() {
    for squeeze in [false, true] {
        runs_are_the_reference(squeeze);
    }
}

/// A plan of other widths in every layer.
fn uneven(layers: usize) -> BitPlan {
    let mut plan = BitPlan::uniform(Widths::default(), layers);
    for (l, widths) in plan.layers.iter_mut().enumerate() {
        let more = l as u32 % 2;
        widths.fraction = 3;
        widths.index = 5 + 2 * more;
        widths.context = 7;
        widths.scores = 4 + 4 * more;
        widths.exponential = 3 + more;
        widths.sum = 10 + 3 * more;
        widths.variance = 14 - 3 * more;
        widths.inner = 6 + 2 * more;
        widths.activated = 6 + more;
        widths.product = 15;
        widths.weighted = 24 + 4 * more;
        widths.squares = 40 + 3 * more;
        widths.normal = 34;
    }
    plan
}

fn runs_are_the_reference(squeeze: bool) {
    for (layers, hidden, heads, tokens, head) in [
        (1, 16, 2, 1, Head::Hidden),
        (2, 24, 3, 5, Head::Classifier { labels: 2 }),
        (1, 32, 4, 8, Head::Hidden),
        (2, 64, 2, 17, Head::Classifier { labels: 3 }),
    ] {
        for threads in [1, 3] {
            let mut config = ModelConfig {
                name: "test".into(),
                layers,
                hidden,
                heads,
                feed_forward: 4 * hidden,
                max_positions: 64,
                activation: ActivationFunction::Gelu,
                head,
                layer_norm_epsilon: 1e-12,
                // Costs nothing, so it is declared nowhere.
                relative_positions: tokens == 5 || tokens == 8,
                // One of its own: other widths in every layer.
                bit_plan: (layers == 2).then(|| uneven(layers)),
            };
            let mut source = synthetic(&config, 3).unwrap();
            if squeeze {
                source = squeezed(source);
            }
            let table = ["widened", "direct"][threads / 2];
            let maximum = ["histogram", "differences"][usize::from(threads == 1)];
            // With a spare bit scores have at most 7.
            if threads == 1
                && let Some(plan) = &mut config.bit_plan
            {
                plan.layers[layers - 1].scores = 7;
            }
            let workload = Workload::new(config.clone(), tokens)
                .with("activation_table", table)
                .with("row_maximum", maximum);
            let plan = FineSystem.plan(&workload).unwrap();
            let input = synthetic_input(&config, tokens, 7);
            let outcomes = run_parties(&FineSystem, &workload, threads, |party| match party {
                Party::P0 => Secret::Model(Box::new(source.clone())),
                Party::P1 => Secret::new(
                    &plan,
                    Loaded::Input(source.input_range, input.clone().into()),
                ),
                Party::P2 => Secret::Nothing,
            })
            .unwrap();
            let evidence = outcomes.each_ref().map(|outcome| outcome.evidence.clone());
            let verified = verify::check(&workload, &source, source.input_range, &input, &evidence);
            let verified = verified.unwrap();
            let wrapped = |site: &&Site| site.wrapped > 0 && site.name.ends_with("residual sum");
            let sums = verified.sites.iter().filter(wrapped).count();
            assert!(sums > 0 || !squeeze || tokens == 1, "{:?}", verified.sites);
            assert_declared(&FineSystem.cost(&workload).unwrap(), &outcomes);
        }
    }
}

#[test]
fn a_row_too_long_for_its_table_is_refused() {
    let mut config = ModelConfig::preset("bert-tiny").unwrap();
    config.max_positions = 10_000;
    FineSystem
        .check(&Workload::new(config.clone(), 4369))
        .unwrap();
    let refused = FineSystem.check(&Workload::new(config, 4370)).unwrap_err();
    assert!(
        refused.to_string().contains("at most 4369 tokens"),
        "{refused}"
    );
}

/// What depends on the length is refused before anything runs; what depends on P0's ranges by P0.
#[test]
fn rings_too_narrow_for_the_model_are_refused_with_what_would_do() {
    let mut config = ModelConfig::preset("bert-tiny").unwrap();
    let mut narrow = BitPlan::uniform(Widths::default(), 2);
    narrow.layers[1].weighted = 20;
    config.bit_plan = Some(narrow);
    FineSystem
        .check(&Workload::new(config.clone(), 68))
        .unwrap();
    let refused = FineSystem.check(&Workload::new(config.clone(), 69));
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("layer 1: `weighted` of 20 bits") && refused.ends_with("it needs 21"),
        "{refused}"
    );
    config.bit_plan = None;
    let source = synthetic(&config, 3).unwrap();
    let refused = |squares| {
        let mut plan = BitPlan::uniform(Widths::default(), 2);
        plan.layers[1].squares = squares;
        FineModel::new(&source, plan, Choices::default(), 8).map(|_| ())
    };
    let fault = refused(24).unwrap_err().to_string();
    assert!(
        fault.contains("layer1/attention/add-and-norm: `squares` of 24 bits is too narrow"),
        "{fault}"
    );
    let needed: u32 = fault.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((25..44).contains(&needed), "{fault}");
    refused(needed).unwrap();
}

/// An unmodified checkpoint with weights of 8 bits: sentences point where the float model has them point.
#[test]
fn a_real_encoder_keeps_its_directions() {
    let dir = std::env::var_os("QBENCH_MINILM").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../models/minilm-l6"),
        PathBuf::from,
    );
    if !dir.join(checkpoint::WEIGHTS_FILE).exists() {
        println!("skipped: models/minilm-l6 not fetched (scripts/fetch_minilm.sh)");
        return;
    }
    let tokenizer = Tokenizer::of_checkpoint(&dir).unwrap();
    let float = checkpoint::load(&dir).unwrap();
    let embeddings = float.embeddings.clone().unwrap();
    let embed = |text: &str| embeddings.embed(&tokenizer.encode(text).unwrap()).unwrap();
    let calibration = CALIBRATION.map(embed);
    let source = quantize(&float, &Quantization::of_bits(8), &calibration).unwrap();
    let inputs = SENTENCES.map(embed);
    let outputs = FloatReference::run(&float, &inputs).unwrap();
    let mean = |x: &[f32]| -> Vec<f32> {
        let hidden = float.config.hidden;
        (0..hidden)
            .map(|j| x.iter().skip(j).step_by(hidden).sum())
            .collect()
    };
    let mut worst = 1.0f32;
    for (text, (input, float)) in SENTENCES.iter().zip(inputs.iter().zip(&outputs)) {
        let (output, sites) = integers(&source, input);
        let wrapped: u64 = sites.iter().map(|site| site.wrapped).sum();
        let cosine = cosine(&mean(&output), &mean(&float.data));
        println!("{cosine:.3}, {wrapped} wrapped: {text}");
        worst = worst.min(cosine);
    }
    assert!(worst > 0.8, "{worst}");
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

const CALIBRATION: [&str; 12] = [
    "The weather was fine and we walked along the river until noon.",
    "A slow, thoughtful film with two actors at the height of their powers.",
    "I would not recommend this hotel to anyone.",
    "How do I reset the password of my account?",
    "Researchers measured the temperature of the lake every hour for a year.",
    "Nothing about the plot makes sense, and the jokes fall flat.",
    "The company's shares rose by four percent after the announcement.",
    "It is one of the best books I have read in a long time, and I read a lot of them.",
    "Good.",
    "The patient was given two tablets a day and recovered within a week.",
    "Children were playing football in the street when the rain began.",
    "Three men in dark coats carry a long ladder past the window.",
];

const SENTENCES: [&str; 5] = [
    "A cat sleeps on the warm stones of the yard.",
    "Two dogs run through the shallow water.",
    "The parliament voted on the budget last night.",
    "She plays the violin.",
    "An old man is selling oranges from a cart beside the road to the harbour.",
];

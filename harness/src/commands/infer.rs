//! `qbench infer`: one private inference on a text, for a person to try.

use crate::cli::InferArguments;
use crate::interrupt;
use crate::link::LinkMode;
use crate::models;
use crate::run::controller::{self, Measured};
use crate::run::launch::ThisMachine;
use crate::run::links::LinkProof;
use crate::run::order::Order;
use crate::scenario::auto;
use crate::task::model::{Model, cosine, mean_over_tokens};
use anyhow::{Context, Result};
use qbench_protocols::model::config::{Head, ModelConfig};
use qbench_protocols::model::float::FloatModel;
use qbench_protocols::model::reference_float::{FloatReference, relative_error};
use qbench_protocols::phase::Phase;
use qbench_protocols::system::{Site, System, Workload};
use std::time::Duration;

/// Runs one inference a text, all after one set-up.
///
/// # Errors
/// A folder that holds no model, a text that is too long, and whatever a repetition meets.
pub fn infer(systems: &[&'static dyn System], arguments: &InferArguments) -> Result<bool> {
    let system = crate::systems::find(systems, &arguments.system)?;
    let link = super::link::built_in(&arguments.link, LinkMode::Shaped)?;
    let dir = super::model_folder(&arguments.model)?;
    let (config, source) = models::folder(&dir)?;
    let model = Model::load(&dir, &arguments.model.dir)?;
    let settings = model.settings(system, &arguments.set)?;
    interrupt::watch()?;
    let mut texts = Vec::with_capacity(arguments.text.len());
    for text in &arguments.text {
        let tokens = model.sequence(text)?.tokens;
        let workload = Workload {
            model_dir: dir.clone(),
            tokens: Some(tokens.clone()),
            settings: settings.clone(),
            ..Workload::new(config.clone(), tokens.len())
        };
        // What the first text's length makes cheapest stands for all: the parties have one set-up.
        let workload = match texts.first() {
            None => auto::settle(system, workload, &link)?,
            Some(Text {
                workload: first, ..
            }) => Workload {
                settings: first.settings.clone(),
                ..workload
            },
        };
        system.check(&workload)?;
        texts.push(Text {
            text,
            tokens,
            workload,
        });
    }
    let order = Order {
        hosts: &ThisMachine,
        workload: texts[0].workload.clone(),
        threads: arguments.threads,
        link: &link,
        timeout: Duration::from_secs(600),
        trace: false,
        port: None,
    };
    let more: Vec<Workload> = texts[1..].iter().map(|t| t.workload.clone()).collect();
    let mut embeddings = Vec::new();
    let mut proof = LinkProof::default();
    let ran = controller::session(system, &order, &more, &mut proof, |number, measured| {
        let Text { text, tokens, .. } = &texts[number];
        crate::say!(
            "`{text}`: {} tokens, {} on {}",
            tokens.len(),
            system.id(),
            link.describe()
        );
        let embedding = answer(&measured, &config, &model, tokens, number == 0)?;
        embeddings.extend(embedding);
        Ok(())
    });
    // The parties have read the folder just now.
    source.unchanged()?;
    ran?;
    if let [first, second, ..] = embeddings.as_slice() {
        crate::say!(
            "cosine similarity of the first two texts: {:.4}",
            cosine(first, second)
        );
    }
    Ok(true)
}

/// One text and what is to be run for it.
struct Text<'a> {
    text: &'a str,
    tokens: Vec<u32>,
    workload: Workload,
}

/// Says what an inference took and gave; the set-up with the first only. Returns the text's embedding where the model has no head.
fn answer(
    measured: &Measured,
    config: &ModelConfig,
    model: &Model,
    tokens: &[u32],
    with_setup: bool,
) -> Result<Option<Vec<f32>>> {
    for (phase, totals) in Phase::ALL.iter().zip(&measured.phases) {
        if *phase == Phase::Setup && !with_setup {
            continue;
        }
        let [time, bytes, rounds] = totals.texts();
        crate::say!(
            "  {:<8} {time:>10}  {bytes:>10}  {rounds:>5} rounds",
            phase.name()
        );
    }
    let verified = measured.verified.as_ref();
    let verified = verified.context("the output was not checked")?;
    crate::say!("  {}", verified.how);
    crate::say!(
        "  largest difference to the same weights in floating point: {:.2} times its root mean square",
        verified.float_error
    );
    if let Some(original) = model.original() {
        crate::say!(
            "  largest difference to the checkpoint itself: {:.2} times its root mean square",
            distance(original, tokens, &verified.output)?
        );
    }
    for line in wrapped_lines(&verified.sites) {
        crate::say!("  {line}");
    }
    match config.head {
        Head::Classifier { .. } => {
            crate::say!("  logits {:?}", verified.output);
            let classes = model.classes(&verified.output).into_iter();
            let classes = classes.map(|(name, share)| format!("{name} {:.1} %", 100.0 * share));
            let classes: Vec<String> = classes.collect();
            if !classes.is_empty() {
                crate::say!("  {}", classes.join(", "));
            }
            Ok(None)
        }
        Head::Hidden => {
            let embedding = mean_over_tokens(&verified.output, config.hidden);
            let shown: Vec<String> = embedding
                .iter()
                .take(6)
                .map(|v| format!("{v:.4}"))
                .collect();
            crate::say!("  embedding, mean over tokens: [{}, ..]", shown.join(", "));
            Ok(Some(embedding))
        }
    }
}

/// How far an output is from what a checkpoint puts out in floating point, none of its weights changed.
fn distance(original: &FloatModel, tokens: &[u32], output: &[f32]) -> Result<f64> {
    let embeddings = original.embeddings.as_ref();
    let embeddings = embeddings.context("the checkpoint has no embeddings")?;
    let float = FloatReference::run(original, &[embeddings.embed(tokens)?])?;
    let float: Vec<f32> = float.into_iter().flat_map(|matrix| matrix.data).collect();
    Ok(relative_error(output, &float))
}

/// What is said of values that wrapped: how many, and where; nothing of a system that counts none.
fn wrapped_lines(sites: &[Site]) -> Vec<String> {
    if sites.is_empty() {
        return Vec::new();
    }
    let sum = |of: fn(&Site) -> u64| sites.iter().map(of).sum::<u64>();
    let (wrapped, values) = (sum(|site| site.wrapped), sum(|site| site.values));
    let mut lines = vec![format!("{wrapped} of {values} values wrapped")];
    let here = sites.iter().filter(|site| site.wrapped > 0);
    lines.extend(here.map(|site| format!("  {site}")));
    lines
}

//! `qbench sensitivity`: which sites of a bit plan a model's accuracy hangs on.

use crate::cli::SensitivityArguments;
use crate::models::{self, checkpoint};
use crate::output::Progress;
use crate::task::model::{Model, float_outputs};
use anyhow::{Context, Result, ensure};
use qbench_protocols::fine::judge::{self, Outputs, relative_rms};
use qbench_protocols::model::bit_plan::{BitPlan, MOST_DROPPED, SITES};
use qbench_protocols::model::store;
use qbench_protocols::system::Site;

/// Decides the roundings; the same for every variant, so that they are compared alike.
const SEED: u64 = 1;
/// Rings follow from the other sites, and are not varied.
const RINGS: [&str; 3] = ["weighted", "squares", "normal"];

/// One variant of the plan.
struct Variant {
    site: &'static str,
    /// `None` is all of them.
    layer: Option<usize>,
    /// What the site has, and has in the variant.
    bits: [u32; 2],
    plan: BitPlan,
}

/// What came of it.
struct Judged {
    error: f64,
    wrapped: u64,
    values: u64,
}

/// Measures every variant and prints them.
///
/// # Errors
/// A folder that holds no model; texts that it does not take; a file that cannot be written.
pub fn sensitivity(arguments: &SensitivityArguments) -> Result<bool> {
    let dir = super::model_folder(&arguments.model)?;
    models::folder(&dir)?;
    let source = store::load_private(&dir)?;
    let model = Model::load(&dir, &arguments.model.dir)?;
    crate::interrupt::watch()?;
    let (mut inputs, mut sequences) = (Vec::new(), Vec::new());
    for text in checkpoint::sentences(&arguments.texts)? {
        let sequence = model.sequence(&text)?;
        inputs.push(model.embed(&sequence)?);
        sequences.push(sequence);
    }
    let (own, float) = (float_outputs(&source, &inputs)?, model.float(&sequences)?);
    let plan = BitPlan::of(&source.config);
    let variants = variants(&plan, &source.config, arguments.by_layer);
    let mut progress = Progress::new("variants", variants.len() + 1);
    let mut measure = |plan: &BitPlan| -> Result<Judged> {
        let Outputs { outputs, sites } = judge::outputs(&source, plan, &inputs, SEED)?;
        progress.step();
        crate::interrupt::check()?;
        let sum = |of: fn(&Site) -> u64| sites.iter().map(of).sum::<u64>();
        Ok(Judged {
            error: relative_rms(&outputs, &float),
            wrapped: sum(|site| site.wrapped),
            values: sum(|site| site.values),
        })
    };
    let as_is = measure(&plan)?;
    let mut judged = Vec::with_capacity(variants.len());
    for variant in &variants {
        judged.push(measure(&variant.plan)?);
    }
    crate::say!(
        "{}, {} texts: error {:.3}, of which the weights alone {:.3}; {} of {} values beyond their bits",
        source.config.name,
        inputs.len(),
        as_is.error,
        relative_rms(&own, &float),
        as_is.wrapped,
        as_is.values
    );
    crate::say!(
        "{}",
        shown(&variants, &judged, &as_is, arguments.by_layer).trim_end()
    );
    if let Some(path) = &arguments.csv {
        let text = csv_of(&variants, &judged, &as_is)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(true)
}

/// Each site with a bit less and a bit more in all layers, or with a bit less in one; what a plan cannot be is left out.
fn variants(
    plan: &BitPlan,
    config: &qbench_protocols::model::config::ModelConfig,
    by_layer: bool,
) -> Vec<Variant> {
    let mut variants = Vec::new();
    for (site, _, _, place) in SITES.iter().filter(|site| !RINGS.contains(&site.0)) {
        let layers: Vec<Option<usize>> = match by_layer {
            true => (0..config.layers).map(Some).collect(),
            false => vec![None],
        };
        for layer in layers {
            let less_and_more: &[i32] = if by_layer { &[-1] } else { &[-1, 1] };
            for change in less_and_more {
                let mut varied = plan.clone();
                let bits = *place(&mut varied.layers[layer.unwrap_or(0)]);
                let Some(other) = bits.checked_add_signed(*change) else {
                    continue;
                };
                for (l, widths) in varied.layers.iter_mut().enumerate() {
                    if layer.is_none_or(|layer| layer == l) {
                        let site = place(widths);
                        *site = site.saturating_add_signed(*change);
                        widths.squares = widths.squares.min(widths.variance + MOST_DROPPED);
                    }
                }
                if varied.check(config).is_ok() {
                    variants.push(Variant {
                        site,
                        layer,
                        bits: [bits, other],
                        plan: varied,
                    });
                }
            }
        }
    }
    variants
}

/// A line a site, those that lose most first.
fn shown(variants: &[Variant], judged: &[Judged], as_is: &Judged, by_layer: bool) -> String {
    let all: Vec<(&Variant, &Judged)> = variants.iter().zip(judged).collect();
    let find = |site: &str, layer: Option<usize>, less: bool| {
        let is_it = |(v, _): &&(&Variant, &Judged)| {
            v.site == site && v.layer == layer && (v.bits[1] < v.bits[0]) == less
        };
        all.iter().find(is_it).map(|(_, judged)| judged.error)
    };
    let mut places: Vec<(&'static str, Option<usize>, u32)> = Vec::new();
    for (variant, _) in &all {
        let place = (variant.site, variant.layer, variant.bits[0]);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let loss = |(site, layer, _): &(&'static str, Option<usize>, u32)| {
        find(site, *layer, true).unwrap_or(f64::NEG_INFINITY)
    };
    places.sort_by(|a, b| loss(b).total_cmp(&loss(a)));
    let cell = |error: Option<f64>| {
        error.map_or_else(
            || "-".into(),
            |error| format!("{error:.3} ({:+.3})", error - as_is.error),
        )
    };
    let mut rows = vec![match by_layer {
        true => vec!["site".into(), "bits".into(), "one less".into()],
        false => vec![
            "site".into(),
            "bits".into(),
            "one less".into(),
            "one more".into(),
        ],
    }];
    for (site, layer, bits) in places {
        let name = layer.map_or_else(|| site.to_owned(), |layer| format!("layer{layer} {site}"));
        let mut row = vec![name, bits.to_string(), cell(find(site, layer, true))];
        if !by_layer {
            row.push(cell(find(site, layer, false)));
        }
        rows.push(row);
    }
    super::table(&rows)
}

/// Tidy: the plan as it is first, then a row a variant.
fn csv_of(variants: &[Variant], judged: &[Judged], as_is: &Judged) -> Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "site",
        "layer",
        "bits",
        "plan_bits",
        "relative_rms_error",
        "wrapped",
        "values",
    ])?;
    let mut row = |names: [String; 4], judged: &Judged| {
        let numbers = [
            judged.error.to_string(),
            judged.wrapped.to_string(),
            judged.values.to_string(),
        ];
        out.write_record(names.iter().chain(&numbers))
    };
    row(Default::default(), as_is)?;
    for (variant, judged) in variants.iter().zip(judged) {
        let layer = variant
            .layer
            .map_or_else(String::new, |layer| layer.to_string());
        let [bits, varied] = variant.bits.map(|bits| bits.to_string());
        row([variant.site.to_owned(), layer, varied, bits], judged)?;
    }
    let bytes = out.into_inner();
    ensure!(bytes.is_ok(), "the table cannot be written");
    Ok(bytes?)
}

//! A bit plan as people write it: a TOML file with what differs from the default, for every layer and for single ones.

use crate::names::suggestion;
use anyhow::{Context, Result, bail, ensure};
use qbench_protocols::model::bit_plan::{self, BitPlan, Widths};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::model::ranging::{self, Ranging, Shared};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanFile {
    all: Sites,
    /// By layer, as the file has it.
    layer: BTreeMap<String, Sites>,
}

/// Sites by name.
type Sites = BTreeMap<String, SiteChange>;

/// What is changed of one site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteChange {
    bits: Option<u32>,
    range: Option<Shared>,
    percentile: Option<f32>,
    headroom: Option<f32>,
}

/// The file's two tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    #[serde(default)]
    all: Sites,
    #[serde(default)]
    layer: BTreeMap<String, Sites>,
}

impl PlanFile {
    /// Reads a file.
    ///
    /// # Errors
    /// One that cannot be read, is no TOML, or has a key or site that is not known.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the bit plan {shown}"))?;
        let Tables { all, layer } =
            toml::from_str(&text).with_context(|| format!("bit plan {shown}"))?;
        for site in all.iter().chain(layer.values().flatten()) {
            known(site).with_context(|| format!("bit plan {shown}"))?;
        }
        Ok(Self { all, layer })
    }

    /// So many bits for what enters a product or a table, in every layer: queries, keys, values, scores and what stands before and after the
    /// feed-forward non-linearity (scores 3 at least); a normalized feature has two less below one. Context, a sum of values, has one more. What is added up
    /// (branch + residual, products) keeps its width.
    pub fn of_activation_bits(bits: u32) -> Self {
        let site = |name: &str, bits: u32| {
            let change = SiteChange {
                bits: Some(bits),
                ..SiteChange::default()
            };
            (name.to_owned(), change)
        };
        let below_one = bits.saturating_sub(2).max(1);
        let sites = [
            site("index", bits),
            site("scores", bits.max(3)),
            site("inner", bits),
            site("activated", bits),
            site("context", (bits + 1).min(7)),
            site("fraction", below_one),
        ];
        Self {
            all: sites.into_iter().collect(),
            layer: BTreeMap::new(),
        }
    }

    /// Widths and ranges of every layer of a model; widths are `None` where nothing is changed of them.
    ///
    /// # Errors
    /// A layer that the model does not have; a plan that cannot be right, with the site's name.
    pub fn of(&self, config: &ModelConfig) -> Result<(Option<BitPlan>, Vec<Ranging>)> {
        let mut plan = BitPlan::uniform(Widths::default(), config.layers);
        let mut ranging = vec![Ranging::default(); config.layers];
        for (widths, ranging) in plan.layers.iter_mut().zip(&mut ranging) {
            apply(&self.all, widths, ranging);
        }
        for (name, sites) in &self.layer {
            let layer = name.parse::<usize>().ok().filter(|l| *l < config.layers);
            let layer = layer.with_context(|| {
                format!(
                    "the bit plan names layer `{name}`, and {} has layers 0 to {}",
                    config.name,
                    config.layers.saturating_sub(1)
                )
            })?;
            apply(sites, &mut plan.layers[layer], &mut ranging[layer]);
        }
        let own = (plan != BitPlan::uniform(Widths::default(), config.layers)).then_some(plan);
        if let Some(Err(what)) = own.as_ref().map(|plan| plan.check(config)) {
            bail!("{what}");
        }
        for (l, ranging) in ranging.iter().enumerate() {
            if let Err(what) = ranging.check() {
                bail!("the bit plan of layer {l}: {what}");
            }
        }
        Ok((own, ranging))
    }

    /// What decides the model that is made, as bytes.
    pub fn identity(&self) -> String {
        format!("{self:?}")
    }
}

fn width_of(name: &str) -> Option<fn(&mut Widths) -> &mut u32> {
    let site = bit_plan::SITES.iter().find(|site| site.0 == name);
    site.map(|site| site.3)
}

fn range_of(name: &str) -> Option<fn(&mut Ranging) -> &mut ranging::SiteRange> {
    let site = ranging::SITES.iter().find(|site| site.0 == name);
    site.map(|site| site.2)
}

/// Refuses a site that there is not, and what a site does not have.
fn known((name, change): (&String, &SiteChange)) -> Result<()> {
    let (has_width, has_range) = (width_of(name).is_some(), range_of(name).is_some());
    if !has_width && !has_range {
        let widths = bit_plan::SITES.iter().map(|site| site.0);
        let names: Vec<&str> = widths.chain(["row"]).collect();
        bail!(
            "there is no site `{}`{}; sites are {}",
            crate::names::shown(name),
            suggestion(name, &names),
            names.join(", ")
        );
    }
    ensure!(
        has_width || change.bits.is_none(),
        "site `{name}` has no bits of its own"
    );
    let ranges = change.range.is_some() || change.percentile.is_some() || change.headroom.is_some();
    ensure!(
        has_range || !ranges,
        "site `{name}` has no range of its own, only bits"
    );
    Ok(())
}

fn apply(sites: &Sites, widths: &mut Widths, ranging: &mut Ranging) {
    for (name, change) in sites {
        if let (Some(place), Some(bits)) = (width_of(name), change.bits) {
            *place(widths) = bits;
        }
        if let Some(place) = range_of(name) {
            let site = place(ranging);
            site.range = change.range.unwrap_or(site.range);
            site.percentile = change.percentile.unwrap_or(site.percentile);
            site.headroom = change.headroom.unwrap_or(site.headroom);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PlanFile> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("plan.toml");
        std::fs::write(&path, text).unwrap();
        PlanFile::read(&path)
    }

    #[test]
    fn a_layer_s_own_widths_go_over_those_of_all() {
        let config = ModelConfig::preset("bert-mini").unwrap();
        let text = "[all]\ninner = { bits = 6, headroom = 1.1 }\nsum = { percentile = 99.9 }\n\
                    [layer.3]\ninner = { bits = 7 }\nindex = { range = \"head\" }\n";
        let (plan, ranging) = read(text).unwrap().of(&config).unwrap();
        let plan = plan.unwrap();
        assert_eq!(
            plan.layers.iter().map(|w| w.inner).collect::<Vec<_>>(),
            [6, 6, 6, 7]
        );
        assert_eq!(ranging[3].inner.headroom, 1.1);
        assert_eq!(ranging[0].sum.percentile, 99.9);
        assert_eq!(
            (ranging[2].index.range, ranging[3].index.range),
            (Shared::Feature, Shared::Head)
        );
        // Ranges alone change no message.
        let (plan, _) = read("[all]\nrow = { headroom = 2.0 }")
            .unwrap()
            .of(&config)
            .unwrap();
        assert_eq!(plan, None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let config = ModelConfig::preset("bert-mini").unwrap();
        let fault = |text: &str| match read(text).and_then(|file| file.of(&config)) {
            Err(error) => format!("{error:#}"),
            Ok(_) => panic!("read {text}"),
        };
        for (text, expected) in [
            ("[all]\niner = { bits = 6 }", "there is no site `iner`"),
            (
                "[all]\nvariance = { headroom = 2.0 }",
                "`variance` has no range of its own",
            ),
            ("[all]\nrow = { bits = 6 }", "`row` has no bits"),
            ("[all]\ninner = { bit = 6 }", "unknown field `bit`"),
            ("[al]", "unknown field `al`"),
            (
                "[all]\nscores = { range = \"feature\" }",
                "`scores` has no range feature",
            ),
            (
                "[all]\nscores = { range = \"row\" }",
                "unknown variant `row`",
            ),
            (
                "[layer.4]\ninner = { bits = 6 }",
                "names layer `4`, and bert-mini has layers 0 to 3",
            ),
            (
                "[layer.1]\nfraction = { bits = 5 }",
                "must be the same in all",
            ),
            (
                "[all]\nsum = { bits = 16 }",
                "`sum` must have 6 to 15 bits, not 16",
            ),
            (
                "[all]\nsum = { headroom = -1.0 }",
                "the headroom of `sum` must be",
            ),
        ] {
            let fault = fault(text);
            assert!(
                fault.contains(expected),
                "expected `{expected}` in `{fault}`"
            );
        }
    }
}

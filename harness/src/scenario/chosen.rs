//! The models of a scenario: an architecture for each number of layers, or a folder's forms.

use super::cell::named_after;
use super::{ModelChoice, Scenario};
use crate::models::ModelSource;
use crate::models::checkpoint::How;
use anyhow::Result;
use qbench_protocols::model::config::ModelConfig;

/// Nothing swept is one choice, the default.
fn or_none(swept: &[u32]) -> Vec<Option<u32>> {
    match swept {
        [] => vec![None],
        some => some.iter().copied().map(Some).collect(),
    }
}

/// One model of a scenario.
pub(super) struct Chosen {
    /// The architecture.
    pub config: ModelConfig,
    /// Where its weights come from.
    pub source: ModelSource,
    /// See [`super::cell::Cell::weight_bits`].
    pub weight_bits: Option<u32>,
    /// See [`super::cell::Cell::activation_bits`].
    pub activation_bits: Option<u32>,
}

/// The architectures of the scenario, one for each swept number of layers.
pub(super) fn models(scenario: &Scenario) -> Result<Vec<Chosen>> {
    let seed = scenario.run.seed;
    let synthetic = |config: ModelConfig| Chosen {
        config,
        source: ModelSource::Synthetic { seed },
        weight_bits: None,
        activation_bits: None,
    };
    match &scenario.model {
        ModelChoice::Folder(dir) => {
            let mut forms = Vec::new();
            for weight_bits in or_none(&scenario.sweep.weight_bits) {
                for activation_bits in or_none(&scenario.sweep.activation_bits) {
                    let how = How {
                        weight_bits,
                        activation_bits,
                        ..How::default()
                    };
                    let (config, source) = crate::models::form(dir, how)?;
                    forms.push(Chosen {
                        config,
                        source,
                        weight_bits,
                        activation_bits,
                    });
                }
            }
            Ok(forms)
        }
        ModelChoice::Synthetic { config, .. } if scenario.sweep.layers.is_empty() => {
            Ok(vec![synthetic(config.clone())])
        }
        ModelChoice::Synthetic { config, .. } => Ok(scenario
            .sweep
            .layers
            .iter()
            .map(|&layers| {
                let mut config = config.clone();
                if layers != config.layers {
                    config.name = named_after(&config.name, layers);
                }
                config.layers = layers;
                synthetic(config)
            })
            .collect()),
    }
}

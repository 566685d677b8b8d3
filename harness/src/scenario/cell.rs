//! A cell: one combination of settings, and the hash of its content.

use super::External;
use crate::link::Link;
use crate::models::ModelSource;
use crate::names::{ACTIVATIONS, name_of, short_hash};
use qbench_protocols::model::config::ModelConfig;
use qbench_protocols::system::{Setting, Settings, Workload};
use std::path::PathBuf;

/// Settings that stand in the content of every cell, also of systems that do not have them: as they did before settings were
/// data, so that earlier runs can go on.
const ALWAYS_IN_CONTENT: [&str; 3] = ["index_bits", "max_protocol", "variance_protocol"];

/// The name of a model with another number of layers.
pub(super) fn named_after(model: &str, layers: usize) -> String {
    format!("{model}-{layers}layers")
}

/// One combination of settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Content hash of all that influences a measurement: 12 hexadecimal digits.
    pub id: String,
    /// System id.
    pub system: String,
    /// The program, where the system is none of our own.
    pub external: Option<External>,
    /// Architecture.
    pub model: ModelConfig,
    /// Where the weights come from.
    pub source: ModelSource,
    /// Bits of a weight in the form of a checkpoint that was made for the cell; `None` of a model as it is.
    pub weight_bits: Option<u32>,
    /// Bits of an activation there.
    pub activation_bits: Option<u32>,
    /// Tokens in the sequence.
    pub seq_len: usize,
    /// Threads of each party.
    pub threads: usize,
    /// The link between each two parties.
    pub link: Link,
    /// The settings that the system has.
    pub settings: Settings,
    /// Those of them that are not at their defaults, or are swept: what tells this cell from others.
    pub telling: Settings,
    /// Seed of the synthetic input.
    pub seed: u64,
    /// Whether the output is checked.
    pub verify: bool,
    /// Layers that run, where they stand for all of the model's.
    pub measured_layers: Option<usize>,
    /// Where correlated randomness waits on the disk: how much of it is in memory even so, bytes of all parties.
    pub material_on_disk: Option<u64>,
    /// Of a task's cell: which task it is. The sequence length is then the longest example's.
    pub task: Option<serde_json::Value>,
}

impl Cell {
    /// The workload as all parties know it; the folders are filled in when it runs.
    pub fn workload(&self) -> Workload {
        let mut workload = self.whole_workload();
        if let Some(layers) = self.measured_layers {
            workload.model.name = named_after(&workload.model.name, layers);
            workload.model.layers = layers;
            if let Some(plan) = &mut workload.model.bit_plan {
                plan.layers.truncate(layers);
            }
        }
        workload
    }

    /// The workload that the cell's rows are of, where fewer layers run.
    pub fn whole_workload(&self) -> Workload {
        Workload {
            input_seed: self.seed,
            settings: self.settings.clone(),
            verify: self.verify,
            material_dir: self.material_on_disk.map(|_| PathBuf::new()),
            material_in_memory: self.material_on_disk.unwrap_or(0),
            ..Workload::new(self.model.clone(), self.seq_len)
        }
    }

    /// `lut-rss bert-base n=8 threads=1 lan` and the telling settings.
    pub fn describe(&self) -> String {
        let text = format!(
            "{} {} {} n={} threads={} {}",
            self.system,
            self.model.name,
            name_of(ACTIVATIONS, &self.model.activation),
            self.seq_len,
            self.threads,
            self.link.name,
        );
        let bits = |of: Option<u32>, what: &str| {
            of.map_or_else(String::new, |bits| format!(" {what}={bits}"))
        };
        let text = text
            + &bits(self.weight_bits, "weight_bits")
            + &bits(self.activation_bits, "activation_bits");
        let settings = self
            .telling
            .iter()
            .map(|(key, value)| format!(" {key}={value}"));
        let few = self.measured_layers;
        let few = few.map_or_else(String::new, |layers| {
            format!(" from {layers} of {} layers", self.model.layers)
        });
        text + &settings.collect::<String>() + &few
    }

    /// The value of a column that `--only` and figures know.
    pub fn dimension(&self, name: &str) -> Option<String> {
        Some(match name {
            "system" => self.system.clone(),
            "model" => self.model.name.clone(),
            "layers" => self.model.layers.to_string(),
            "seq_len" => self.seq_len.to_string(),
            "threads" => self.threads.to_string(),
            "link" => self.link.name.clone(),
            "activation" => name_of(ACTIVATIONS, &self.model.activation).to_owned(),
            "weight_bits" => self.weight_bits?.to_string(),
            "activation_bits" => self.activation_bits?.to_string(),
            key => self.settings.get(key)?.to_owned(),
        })
    }

    /// Fills in the content hash; `settings` are the system's. The link's name is left out: what it is called does not change
    /// it. So is a setting at its default: a system that gets a new one has the cells that it had.
    pub(super) fn hashed(mut self, settings: &[Setting]) -> Self {
        let mut content = serde_json::json!({
            "system": self.system,
            "model": self.model,
            "weights": self.source.identity(),
            "seq_len": self.seq_len,
            "threads": self.threads,
            "link_mode": self.link.mode,
            "bandwidth": self.link.bandwidth,
            "rtt": self.link.rtt,
            "seed": self.seed,
            "verify": self.verify,
        });
        for key in ALWAYS_IN_CONTENT {
            content[key] = serde_json::Value::Null;
        }
        for (key, value) in self.settings.iter() {
            let default = settings.iter().any(|s| s.key == key && s.default == value);
            if !default || ALWAYS_IN_CONTENT.contains(&key) {
                content[key] = match value.parse::<u64>() {
                    Ok(number) => number.into(),
                    Err(_) => value.into(),
                };
            }
        }
        match self.material_on_disk {
            None => {}
            Some(0) => content["material"] = "disk".into(),
            Some(in_memory) => content["material_in_memory"] = in_memory.into(),
        }
        if let Some(layers) = self.measured_layers {
            content["measured_layers"] = layers.into();
        }
        if let Some(task) = &self.task {
            content["task"] = task.clone();
            // Examples have lengths of their own, and none is synthetic.
            content["seq_len"] = serde_json::Value::Null;
            content["seed"] = serde_json::Value::Null;
        }
        if let Some(external) = &self.external {
            content["external"] = external.identity();
        }
        if !self.link.exceptions.is_empty() {
            content["link_exceptions"] = serde_json::json!(self.link.exceptions);
        }
        self.id = short_hash(content.to_string().as_bytes());
        self
    }
}

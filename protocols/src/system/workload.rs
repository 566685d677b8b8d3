//! One inference to run.

use super::path_bytes;
use super::settings::Settings;
use crate::model::config::ModelConfig;
use std::path::PathBuf;

/// One inference to run: everything that all parties know.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Workload {
    /// The public architecture.
    pub model: ModelConfig,
    /// Folder with `public.safetensors` and `private.safetensors`; P0 reads the private part, P1 the
    /// public part, P2 neither. Cost and memory do not need it.
    #[serde(with = "path_bytes")]
    pub model_dir: PathBuf,
    /// Tokens in the sequence.
    pub seq_len: usize,
    /// Seed of P1's synthetic input, where no tokens are given.
    pub input_seed: u64,
    /// Token ids of a real input; only P1's copy has them.
    pub tokens: Option<Vec<u32>>,
    /// A type for each of them, where they are not all of type 0; only P1's copy has them.
    #[serde(default)]
    pub token_types: Option<Vec<u32>>,
    /// The system's settings; a key that is not there has its default.
    pub settings: Settings,
    /// Folder in which correlated randomness waits between offline and online; `None` is in memory.
    #[serde(default, with = "path_bytes::optional")]
    pub material_dir: Option<PathBuf>,
    /// Bytes of it that all parties together hold in memory even so, each in proportion to what it holds: those that are used first.
    #[serde(default)]
    pub material_in_memory: u64,
    /// Whether the parties record what verification needs (the low bits that each cut dropped).
    pub verify: bool,
}

impl Workload {
    /// `seq_len` tokens of a synthetic input on an architecture, all settings at their defaults, verified.
    pub fn new(model: ModelConfig, seq_len: usize) -> Self {
        Self {
            model,
            model_dir: PathBuf::new(),
            seq_len,
            input_seed: 1,
            tokens: None,
            token_types: None,
            settings: Settings::default(),
            material_dir: None,
            material_in_memory: 0,
            verify: true,
        }
    }

    /// The same with one setting.
    pub fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.settings.set(key, value.to_string());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn folders_whose_names_are_no_text_travel_as_they_are() {
        for name in [
            &b""[..],
            b"models/mine",
            b"m\xff",
            "mod\u{e8}le \\".as_bytes(),
        ] {
            let dir = PathBuf::from(OsStr::from_bytes(name));
            for material_dir in [None, Some(dir.clone())] {
                let config = ModelConfig::preset("bert-tiny").unwrap();
                let workload = Workload {
                    model_dir: dir.clone(),
                    material_dir,
                    ..Workload::new(config, 3)
                };
                let json = serde_json::to_string(&workload).unwrap();
                assert_eq!(serde_json::from_str::<Workload>(&json).unwrap(), workload);
            }
        }
    }
}

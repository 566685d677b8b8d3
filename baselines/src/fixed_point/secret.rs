//! What only one party has.

use super::Fixed;
use qbench_protocols::model::quantized::QuantizedModel;
use qbench_protocols::system::load::Loaded;
use qbench_protocols::wipe::Wiped;

/// What only one party of a system on fixed-point numbers has.
#[derive(Default)]
pub enum Secret {
    /// P0: the model.
    Model(Box<QuantizedModel>),
    /// P1: its embedded tokens, encoded.
    Input(Wiped<u64>),
    /// P2: nothing.
    #[default]
    Nothing,
}

impl Secret {
    /// Of what a party has read.
    pub fn new(fixed: Fixed, loaded: Loaded) -> Self {
        match loaded {
            Loaded::Model(model) => Self::Model(model),
            Loaded::Input(_, values) => Self::input(fixed, &values),
            Loaded::Nothing => Self::Nothing,
        }
    }

    /// P1's: `seq_len` x `hidden` real numbers.
    pub fn input(fixed: Fixed, values: &[f32]) -> Self {
        Self::Input(values.iter().map(|v| fixed.encode(f64::from(*v))).collect())
    }

    /// Takes P0's model out, for a dealer that needs it no longer than until it is shared.
    pub fn take_model(&mut self) -> Option<Box<QuantizedModel>> {
        match std::mem::take(self) {
            Self::Model(model) => Some(model),
            other => {
                *self = other;
                None
            }
        }
    }

    /// P1's input.
    pub fn words(&self) -> Option<&[u64]> {
        match self {
            Self::Input(words) => Some(words),
            _ => None,
        }
    }
}

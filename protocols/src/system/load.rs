//! What a party may load for a run from the model folder.

use super::Workload;
use crate::model::quantized::{QuantizedModel, Range};
use crate::model::{store, synthetic};
use crate::net::Party;
use crate::wipe::Wiped;
use crate::{Error, Result};

/// What one party has read.
pub enum Loaded {
    /// P0: the model.
    Model(Box<QuantizedModel>),
    /// P1: its embedded tokens, `seq_len` x `hidden`, and the range that they are quantized in.
    Input(Range, Wiped<f32>),
    /// P2: nothing.
    Nothing,
}

impl Loaded {
    /// What a party may know of a workload's model folder.
    ///
    /// # Errors
    /// As [`model`] and [`input`].
    pub fn of(workload: &Workload, party: Party) -> Result<Self> {
        Ok(match party {
            Party::P0 => Self::Model(Box::new(model(workload)?)),
            Party::P1 => {
                let (range, values) = input(workload)?;
                Self::Input(range, values.into())
            }
            Party::P2 => Self::Nothing,
        })
    }
}

/// P0's model.
///
/// # Errors
/// A folder that cannot be read, or holds another architecture than the workload's.
pub fn model(workload: &Workload) -> Result<QuantizedModel> {
    let model = store::load_private(&workload.model_dir)?;
    if model.config != workload.model {
        return Err(Error::Model {
            path: workload.model_dir.display().to_string(),
            what: format!(
                "holds `{}` of another architecture than the workload's `{}`",
                model.config.name, workload.model.name
            ),
        });
    }
    Ok(model)
}

/// P1's embedded tokens, `seq_len` x `hidden`: of its text, or synthetic. With the range that they are
/// quantized in.
///
/// # Errors
/// A folder that cannot be read; tokens in a number other than `seq_len`, or without a table that embeds them.
pub fn input(workload: &Workload) -> Result<(Range, Vec<f32>)> {
    let public = store::load_public(&workload.model_dir)?;
    let values = match &workload.tokens {
        None => synthetic::synthetic_input(&workload.model, workload.seq_len, workload.input_seed),
        Some(tokens) => {
            if tokens.len() != workload.seq_len {
                return Err(Error::Unsupported(format!(
                    "{} tokens for a sequence of {}",
                    tokens.len(),
                    workload.seq_len
                )));
            }
            let embeddings = public.embeddings.as_ref().ok_or_else(|| Error::Model {
                path: workload.model_dir.display().to_string(),
                what: "is synthetic: it has no embeddings for tokens".into(),
            })?;
            embeddings.embed_typed(tokens, workload.token_types.as_deref())?
        }
    };
    Ok((public.input_range, values))
}

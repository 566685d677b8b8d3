//! What a party may load for a run from the model folder.

use super::quantized::{QuantizedModel, Range};
use super::{store, synthetic};
use crate::system::Workload;
use crate::{Error, Result};

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
            embeddings.embed(tokens)?
        }
    };
    Ok((public.input_range, values))
}

//! Token embeddings: public in the threat model, so P1 looks its tokens up itself.

use super::reference_float::layer_norm;
use crate::{Error, Result};

/// The embedding tables of a checkpoint, and the LayerNorm over their sum.
#[derive(Clone, PartialEq, Debug)]
pub struct Embeddings {
    /// Width of a token's hidden state.
    pub hidden: usize,
    /// Vocabulary x `hidden`.
    pub word: Vec<f32>,
    /// Positions x `hidden`; where there is a padding token, its row and those before it stand for no position of a text.
    pub position: Vec<f32>,
    /// The padding token, where positions are counted from the row after its own: a text that holds it has its own row there, and it
    /// is not counted (RoBERTa, MPNet).
    pub padding: Option<usize>,
    /// Token types x `hidden`, where the model has them; a single sequence is of type 0.
    pub token_type: Option<Vec<f32>>,
    /// Gain of the LayerNorm, `hidden`.
    pub norm_gamma: Vec<f32>,
    /// Offset of the LayerNorm, `hidden`.
    pub norm_beta: Vec<f32>,
    /// Epsilon of the LayerNorm.
    pub epsilon: f32,
}

impl Embeddings {
    /// Token ids that the word table knows: 0..vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.word.len() / self.hidden
    }

    /// Longest sequence.
    pub fn max_positions(&self) -> usize {
        self.position.len() / self.hidden - self.rows_before()
    }

    /// Rows of the position table before the first token's.
    fn rows_before(&self) -> usize {
        self.padding.map_or(0, |padding| padding + 1)
    }

    /// The encoder's input for one sequence, `tokens.len()` x `hidden`: LayerNorm(word + position + token type 0).
    ///
    /// # Errors
    /// No token, more tokens than positions, or an id beyond the vocabulary.
    pub fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        self.embed_typed(tokens, None)
    }

    /// The same with a type for each token, as the second of two texts has; a model without types takes no note of them.
    ///
    /// # Errors
    /// As [`Embeddings::embed`]; types in another number than tokens, or beyond the table.
    pub fn embed_typed(&self, tokens: &[u32], types: Option<&[u32]>) -> Result<Vec<f32>> {
        let fail = |what: String| {
            Err(Error::Shape {
                step: "input".into(),
                what,
            })
        };
        if tokens.is_empty() {
            return fail("a sequence needs at least 1 token".into());
        }
        if tokens.len() > self.max_positions() {
            return fail(format!(
                "a sequence of {} tokens, but the position table holds {}",
                tokens.len(),
                self.max_positions()
            ));
        }
        if types.is_some_and(|types| types.len() != tokens.len()) {
            return fail("a sequence needs a type for each token".into());
        }
        let mut out = Vec::with_capacity(tokens.len() * self.hidden);
        let mut next = self.rows_before();
        for (i, &token) in tokens.iter().enumerate() {
            let id = token as usize;
            if id >= self.vocabulary() {
                return fail(format!(
                    "token {i} has id {token}, but the vocabulary holds {} words",
                    self.vocabulary()
                ));
            }
            let position = match self.padding {
                Some(padding) if padding == id => id,
                _ => {
                    next += 1;
                    next - 1
                }
            };
            let row = |table: &[f32], i: usize, j: usize| table[i * self.hidden + j];
            let of_token = types.map_or(0, |types| types[i] as usize);
            if let Some(table) = &self.token_type
                && of_token >= table.len() / self.hidden
            {
                return fail(format!(
                    "token {i} is of type {of_token}, but the model has {} types",
                    table.len() / self.hidden
                ));
            }
            let of_type = |j| {
                let table = self.token_type.as_ref();
                table.map_or(0.0, |table| row(table, of_token, j))
            };
            out.extend(
                (0..self.hidden).map(|j| {
                    row(&self.word, id, j) + of_type(j) + row(&self.position, position, j)
                }),
            );
        }
        for row in out.chunks_mut(self.hidden) {
            layer_norm(row, &self.norm_gamma, &self.norm_beta, self.epsilon);
        }
        Ok(out)
    }
}

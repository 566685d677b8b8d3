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
    /// Longest sequence x `hidden`.
    pub position: Vec<f32>,
    /// Token types x `hidden`; a single sequence is of type 0.
    pub token_type: Vec<f32>,
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
        self.position.len() / self.hidden
    }

    /// The encoder's input for one sequence, `tokens.len()` x `hidden`: LayerNorm(word + position +
    /// token type 0).
    ///
    /// # Errors
    /// No token, more tokens than positions, or an id beyond the vocabulary.
    pub fn embed(&self, tokens: &[u32]) -> Result<Vec<f32>> {
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
        let mut out = Vec::with_capacity(tokens.len() * self.hidden);
        for (i, &token) in tokens.iter().enumerate() {
            let id = token as usize;
            if id >= self.vocabulary() {
                return fail(format!(
                    "token {i} has id {token}, but the vocabulary holds {} words",
                    self.vocabulary()
                ));
            }
            let row = |table: &[f32], i: usize, j: usize| table[i * self.hidden + j];
            out.extend((0..self.hidden).map(|j| {
                row(&self.word, id, j) + row(&self.token_type, 0, j) + row(&self.position, i, j)
            }));
        }
        for row in out.chunks_mut(self.hidden) {
            layer_norm(row, &self.norm_gamma, &self.norm_beta, self.epsilon);
        }
        Ok(out)
    }
}

//! A task with its model: every example with the sequences that it takes.

use super::examples::Example;
use super::model::{Input, Model, fits};
use crate::scenario::task::Task;
use anyhow::{Context, Result};
use std::path::Path;

/// What a run of a task needs beside its cells.
pub struct Prepared {
    /// What the scenario says.
    pub task: Task,
    /// What predicts.
    pub model: Model,
    /// The examples in the order of their file, each with its sequences.
    pub examples: Vec<(Example, Vec<Input>)>,
}

impl Prepared {
    /// Of a model folder.
    ///
    /// # Errors
    /// Examples that cannot be read; a task that the model cannot do; a text that it does not take.
    pub fn of(task: &Task, dir: &Path) -> Result<Self> {
        let model = Model::load(dir, task.float.as_deref().unwrap_or(dir))?;
        fits(model.config(), task.metric, task.texts.len())?;
        let examples = task.read()?.into_iter();
        let examples = examples.map(|example| {
            let inputs = model.inputs(&example)?;
            Ok((example, inputs))
        });
        Ok(Self {
            task: task.clone(),
            examples: examples.collect::<Result<_>>()?,
            model,
        })
    }

    /// Tokens of the longest sequence.
    ///
    /// # Errors
    /// No example.
    pub fn longest(&self) -> Result<usize> {
        let inputs = self.examples.iter().flat_map(|(_, inputs)| inputs);
        let lengths = inputs.map(|input| input.tokens.len());
        lengths.max().context("the task has no example")
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared")
            .field("task", &self.task)
            .field("examples", &self.examples.len())
            .finish_non_exhaustive()
    }
}

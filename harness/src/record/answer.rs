//! What a row of a task says beyond what it took.

use super::runs::{Columns, Fields};

/// One example's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Name of the task.
    pub task: String,
    /// Name of its metric.
    pub metric: String,
    /// Tokens of all its texts.
    pub tokens: usize,
    /// What people say: a class's number, or a score.
    pub label: f64,
    /// What was inferred.
    pub prediction: f64,
    /// What the integer model says in the clear, with roundings of its own; `None` where the system has none.
    pub ideal_prediction: Option<f64>,
    /// What the model says in floating point.
    pub float_prediction: f64,
}

/// The columns; empty where a row is of no task.
pub(super) fn put(answer: Option<&Answer>, out: &mut Fields) {
    let text = |of: fn(&Answer) -> String| answer.map_or_else(String::new, of);
    out.put("task", text(|a| a.task.clone()));
    out.put("metric", text(|a| a.metric.clone()));
    out.put("tokens", text(|a| a.tokens.to_string()));
    out.put("label", text(|a| a.label.to_string()));
    out.put("prediction", text(|a| a.prediction.to_string()));
    out.put(
        "ideal_prediction",
        text(|a| {
            a.ideal_prediction
                .map_or_else(String::new, |p| p.to_string())
        }),
    );
    out.put("float_prediction", text(|a| a.float_prediction.to_string()));
}

/// Reads them; earlier runs have none, and archived ones no labels, which are the data set's.
///
/// # Errors
/// The first column that is missing or unreadable.
pub(super) fn read(get: &Columns<'_>) -> Result<Option<Answer>, String> {
    if !get.has("label") || get.text("label")?.is_empty() {
        return Ok(None);
    }
    Ok(Some(Answer {
        task: get.text("task")?,
        metric: get.text("metric")?,
        tokens: get.number("tokens")?,
        label: get.number("label")?,
        prediction: get.number("prediction")?,
        ideal_prediction: get.optional("ideal_prediction")?,
        float_prediction: get.number("float_prediction")?,
    }))
}

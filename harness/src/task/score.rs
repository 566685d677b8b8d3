//! What the answers of a task come to.

use super::metrics::{Metric, Score};
use crate::record::answer::Answer;
use crate::record::runs::RunRow;
use crate::stats::Summary;

/// One number of a task's rows, all together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scored {
    /// The task's metric of what was inferred.
    Metric,
    /// The same of the integer model in the clear.
    Ideal,
    /// The same in floating point.
    Float,
    /// How far what was inferred agrees with the integer model in the clear: of classes how many are the same, of numbers the metric.
    IdealAgreement,
    /// The same with floating point.
    FloatAgreement,
}

impl Scored {
    /// Of rows of one task; `None` where they have no answers, or not of this kind.
    pub fn of<'a>(self, rows: impl IntoIterator<Item = &'a RunRow>) -> Option<Score> {
        let answers = rows.into_iter().filter_map(|row| row.answer.as_ref());
        let answers: Vec<&Answer> = answers.collect();
        let metric = metric_of(answers.first()?)?;
        let pairs: Option<Vec<(f64, f64)>> = answers
            .iter()
            .map(|answer| {
                let (label, inferred) = (answer.label, answer.prediction);
                Some(match self {
                    Self::Metric => (inferred, label),
                    Self::Ideal => (answer.ideal_prediction?, label),
                    Self::Float => (answer.float_prediction, label),
                    Self::IdealAgreement => (inferred, answer.ideal_prediction?),
                    Self::FloatAgreement => (inferred, answer.float_prediction),
                })
            })
            .collect();
        let agreement = matches!(self, Self::IdealAgreement | Self::FloatAgreement);
        match agreement && metric.of_classes() {
            true => Metric::Accuracy.score(&pairs?),
            false => metric.score(&pairs?),
        }
    }

    /// The same as figures take it.
    pub fn summary(self, rows: &[&RunRow]) -> Option<Summary> {
        let score = self.of(rows.iter().copied())?;
        Some(Summary {
            median: score.value,
            low: score.low,
            high: score.high,
            count: rows.len(),
        })
    }
}

fn metric_of(answer: &Answer) -> Option<Metric> {
    let mut names = Metric::NAMES.iter();
    let found = names.find(|(name, _)| *name == answer.metric);
    found.map(|(_, metric)| *metric)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(answers: &[(f64, f64, Option<f64>, f64)]) -> Vec<RunRow> {
        let row = |&(label, prediction, ideal_prediction, float_prediction)| RunRow {
            answer: Some(Answer {
                metric: "accuracy".into(),
                label,
                prediction,
                ideal_prediction,
                float_prediction,
                ..Answer::default()
            }),
            ..RunRow::default()
        };
        answers.iter().map(row).collect()
    }

    /// A run of some examples goes on with longer ones: they are one point of a figure.
    #[test]
    fn lengths_divide_no_rows_of_a_task() {
        let row = rows(&[(1., 1., None, 1.)]).remove(0);
        assert_eq!(row.dimension("seq_len"), None);
        assert!(RunRow::default().dimension("seq_len").is_some());
    }

    #[test]
    fn rows_are_scored_all_together() {
        let rows = rows(&[
            (1., 1., Some(1.), 0.),
            (0., 0., Some(1.), 0.),
            (1., 0., Some(0.), 1.),
            (1., 1., Some(1.), 1.),
        ]);
        let value = |scored: Scored| scored.of(&rows).map(|score| score.value);
        assert_eq!(value(Scored::Metric), Some(0.75));
        assert_eq!(value(Scored::Ideal), Some(0.5));
        assert_eq!(value(Scored::Float), Some(0.75));
        assert_eq!(value(Scored::IdealAgreement), Some(0.75));
        assert_eq!(value(Scored::FloatAgreement), Some(0.5));
        let without = self::rows(&[(1., 1., None, 1.)]);
        assert_eq!(Scored::Ideal.of(&without), None);
        assert_eq!(Scored::Metric.of(&[RunRow::default()]), None);
    }
}

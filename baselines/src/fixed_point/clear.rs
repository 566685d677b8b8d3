//! The float reference with a system's own approximations in place of the functions themselves. A secure run differs from it
//! by rounding alone.

use qbench_protocols::Result;
use qbench_protocols::model::config::ActivationFunction;
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::reference_float::{FloatReference, Matrix, Site};
use qbench_protocols::model::walk::Nonlinearity;

/// What a system computes in place of the model's functions, in the clear. ReLU has no approximation.
pub trait Approximations {
    /// Of one row of scores.
    fn softmax(&self, row: &[f64]) -> Vec<f64>;
    /// Of one row, with one gain and one offset an element.
    fn layer_norm(&self, row: &[f64], gamma: &[f32], beta: &[f32], epsilon: f64) -> Vec<f64>;
    /// `x Phi(x)`.
    fn gelu(&self, x: f64) -> f64;
    /// Hyperbolic tangent.
    fn tanh(&self, x: f64) -> f64;
}

/// `(x - mean) * factor(variance + epsilon) * gamma + beta` of one row, where `factor` stands for `1 / sqrt`.
pub fn layer_norm(
    row: &[f64],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f64,
    factor: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let count = row.len() as f64;
    let mean = row.iter().sum::<f64>() / count;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let factor = factor(variance + epsilon);
    let affine = gamma.iter().zip(beta);
    row.iter()
        .zip(affine)
        .map(|(x, (gamma, beta))| (x - mean) * factor * f64::from(*gamma) + f64::from(*beta))
        .collect()
}

/// Runs the model on one embedded sequence, `n` x `hidden`; gives the logits or the last hidden states. `watch` is shown every
/// tensor.
///
/// # Errors
/// As [`FloatReference::run`].
pub fn run(
    approximations: &impl Approximations,
    parameters: &impl Parameters,
    input: &[f32],
    mut watch: impl FnMut(Site, &[Matrix]),
) -> Result<Vec<f32>> {
    let config = parameters.config();
    let epsilon = f64::from(config.layer_norm_epsilon);
    // What went into the function whose output is shown next.
    let mut before: Vec<Matrix> = Vec::new();
    let mut observe = |site: Site, x: &mut [Matrix]| {
        let replace =
            |x: &mut [Matrix], before: &[Matrix], function: &dyn Fn(&[f64]) -> Vec<f64>| {
                for (after, before) in x.iter_mut().zip(before) {
                    let rows = before.data.chunks(before.columns);
                    after.data = rows
                        .flat_map(|row| {
                            let row: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
                            function(&row)
                        })
                        .map(|v| v as f32)
                        .collect();
                }
            };
        match site {
            Site::Probabilities(_) => replace(x, &before, &|row| approximations.softmax(row)),
            Site::Activated(Nonlinearity::Pooler) => {
                replace(x, &before, &|row| each(row, |x| approximations.tanh(x)))
            }
            Site::Activated(Nonlinearity::FeedForward(_))
                if config.activation == ActivationFunction::Gelu =>
            {
                replace(x, &before, &|row| each(row, |x| approximations.gelu(x)));
            }
            Site::NormOutput(norm) => {
                if let Ok((gamma, beta)) = parameters.norm(norm) {
                    replace(x, &before, &|row| {
                        approximations.layer_norm(row, gamma, beta, epsilon)
                    });
                }
            }
            _ => {}
        }
        watch(site, x);
        before = x.to_vec();
    };
    let output = FloatReference::run_observed(parameters, &[input.to_vec()], &mut observe)?;
    Ok(output.into_iter().flat_map(|matrix| matrix.data).collect())
}

/// A function of every element.
pub fn each(row: &[f64], function: impl Fn(f64) -> f64) -> Vec<f64> {
    row.iter().map(|v| function(*v)).collect()
}

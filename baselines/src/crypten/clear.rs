//! What CrypTen approximates, in the clear: the float reference with the original's series and iterations in place of the
//! functions themselves. A secure run differs from it by rounding alone.

use qbench_protocols::Result;
use qbench_protocols::model::config::ActivationFunction;
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::reference_float::{FloatReference, Matrix, Site};
use qbench_protocols::model::walk::Nonlinearity;

/// Runs the model on one embedded sequence, `n` x `hidden`; gives the logits or the last hidden states.
///
/// # Errors
/// As [`FloatReference::run`].
pub fn run(parameters: &impl Parameters, input: &[f32]) -> Result<Vec<f32>> {
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
            Site::Probabilities(_) => replace(x, &before, &softmax),
            Site::Activated(Nonlinearity::Pooler) => replace(x, &before, &|row| each(row, tanh)),
            Site::Activated(Nonlinearity::FeedForward(_))
                if config.activation == ActivationFunction::Gelu =>
            {
                replace(x, &before, &|row| each(row, gelu));
            }
            Site::NormOutput(norm) => {
                if let Ok((gamma, beta)) = parameters.norm(norm) {
                    replace(x, &before, &|row| layer_norm(row, gamma, beta, epsilon));
                }
            }
            _ => {}
        }
        before = x.to_vec();
    };
    let output = FloatReference::run_observed(parameters, &[input.to_vec()], &mut observe)?;
    Ok(output.into_iter().flat_map(|matrix| matrix.data).collect())
}

fn each(row: &[f64], function: impl Fn(f64) -> f64) -> Vec<f64> {
    row.iter().map(|v| function(*v)).collect()
}

/// (1 + x / 2^8)^(2^8).
pub fn exp(x: f64) -> f64 {
    (0..8).fold(1.0 + x / 256.0, |y, _| y * y)
}

/// 1 / x of a positive x: 10 Newton steps.
pub fn reciprocal(x: f64) -> f64 {
    (0..10).fold(3.0 * exp(1.0 - 2.0 * x) + 0.003, |y, _| y * (2.0 - x * y))
}

/// 1 / sqrt(x): 3 Newton steps.
pub fn inverse_sqrt(x: f64) -> f64 {
    let start = 2.2 * exp(-(x / 2.0 + 0.2)) + 0.2 - x / 1024.0;
    (0..3).fold(start, |y, _| y * (3.0 - x * y * y) / 2.0)
}

/// The Taylor series of the error function, to x^17.
pub fn erf(x: f64) -> f64 {
    let (mut sum, mut power, mut factorial) = (0.0, x, 1.0);
    for n in 0..=8 {
        if n > 0 {
            power *= -x * x;
            factorial *= f64::from(n);
        }
        sum += power / (factorial * f64::from(2 * n + 1));
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

/// x / 2 (1 + erf(x / sqrt 2)).
pub fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// 2 sigmoid(2 x) - 1; the sigmoid of the absolute value by [`exp`] and 3 Newton steps from 0.75.
pub fn tanh(x: f64) -> f64 {
    let denominator = 1.0 + exp(-2.0 * x.abs());
    let sigmoid = (0..3).fold(0.75, |y, _| y * (2.0 - denominator * y));
    (2.0 * sigmoid - 1.0) * x.signum()
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers = each(row, |x| exp(x - max));
    let factor = reciprocal(powers.iter().sum());
    each(&powers, |power| power * factor)
}

fn layer_norm(row: &[f64], gamma: &[f32], beta: &[f32], epsilon: f64) -> Vec<f64> {
    let count = row.len() as f64;
    let mean = row.iter().sum::<f64>() / count;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let factor = inverse_sqrt(variance + epsilon);
    let affine = gamma.iter().zip(beta);
    row.iter()
        .zip(affine)
        .map(|(x, (gamma, beta))| (x - mean) * factor * f64::from(*gamma) + f64::from(*beta))
        .collect()
}

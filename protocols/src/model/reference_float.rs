//! The float reference: BERT as defined, in the clear, in 32-bit floats. It is what quantization is
//! measured against, and with an observer it is also what calibration looks through.

use super::config::{ActivationFunction, Head, ModelConfig};
use super::float::Parameters;
use super::score_bias::with_distances;
use super::walk::{Engine, Linear, Nonlinearity, Norm, walk};
use crate::kernel::gemm_f32::{View, multiply_add};
use crate::{Error, Result};
use std::fmt;

/// A row-major matrix. For scores and probabilities, (head, query) x key.
#[derive(Clone, PartialEq, Debug)]
pub struct Matrix {
    /// Elements of a row.
    pub columns: usize,
    /// The rows, one after the other.
    pub data: Vec<f32>,
}

impl Matrix {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.data.len() / self.columns.max(1)
    }
}

/// Which tensor an observer is shown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Site {
    /// The embedded input.
    Input,
    /// Output of a fully connected layer, bias included.
    Linear(Linear),
    /// Scores as the softmax gets them, of a layer.
    Scores(usize),
    /// Softmax output of a layer.
    Probabilities(usize),
    /// Attention context of a layer.
    Context(usize),
    /// Output of a non-linearity.
    Activated(Nonlinearity),
    /// branch + residual.
    NormSum(Norm),
    /// Output of a LayerNorm.
    NormOutput(Norm),
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input => write!(f, "input"),
            Self::Linear(linear) => write!(f, "{linear}"),
            Self::Scores(l) => write!(f, "layer{l}/attention/scores"),
            Self::Probabilities(l) => write!(f, "layer{l}/attention/softmax"),
            Self::Context(l) => write!(f, "layer{l}/attention/context"),
            Self::Activated(Nonlinearity::FeedForward(l)) => {
                write!(f, "layer{l}/feed-forward/activation")
            }
            Self::Activated(Nonlinearity::Pooler) => write!(f, "head/tanh"),
            Self::NormSum(norm) => write!(f, "{norm} sum"),
            Self::NormOutput(norm) => write!(f, "{norm}"),
        }
    }
}

/// Is shown every tensor of a pass, one matrix a sequence. What it changes, the rest of the pass
/// computes with.
pub type Observer<'a> = dyn FnMut(Site, &mut [Matrix]) + 'a;

/// The float engine over one or more sequences at once.
pub struct FloatReference<'a, P> {
    parameters: &'a P,
    input: Vec<Matrix>,
    observer: Option<&'a mut Observer<'a>>,
    output: Vec<Matrix>,
}

impl<'a, P: Parameters> FloatReference<'a, P> {
    /// Runs the model once; gives for each sequence the logits (1 x labels) or, without a head, the last hidden
    /// states (n x hidden).
    ///
    /// `inputs` holds one embedded sequence each, n x hidden.
    ///
    /// # Errors
    /// An input that is empty or no multiple of `hidden`; a model that lacks a layer.
    pub fn run(parameters: &'a P, inputs: &[Vec<f32>]) -> Result<Vec<Matrix>> {
        Self::run_with(parameters, inputs, None)
    }

    /// The same with an observer.
    ///
    /// # Errors
    /// As [`FloatReference::run`].
    pub fn run_observed(
        parameters: &'a P,
        inputs: &[Vec<f32>],
        observer: &'a mut Observer<'a>,
    ) -> Result<Vec<Matrix>> {
        Self::run_with(parameters, inputs, Some(observer))
    }

    fn run_with(
        parameters: &'a P,
        inputs: &[Vec<f32>],
        observer: Option<&'a mut Observer<'a>>,
    ) -> Result<Vec<Matrix>> {
        let hidden = parameters.config().hidden;
        let mut input = Vec::with_capacity(inputs.len());
        for sequence in inputs {
            if sequence.is_empty() || sequence.len() % hidden != 0 {
                return Err(Error::Shape {
                    step: "input".into(),
                    what: format!(
                        "expected one or more rows of {hidden} values, have {} values",
                        sequence.len()
                    ),
                });
            }
            input.push(Matrix {
                columns: hidden,
                data: sequence.clone(),
            });
        }
        let mut engine = Self {
            parameters,
            input,
            observer,
            output: Vec::new(),
        };
        walk(&mut engine, parameters.config())?;
        Ok(engine.output)
    }

    fn config(&self) -> &'a ModelConfig {
        self.parameters.config()
    }

    fn shown(&mut self, site: Site, mut x: Vec<Matrix>) -> Vec<Matrix> {
        if let Some(observer) = &mut self.observer {
            observer(site, &mut x);
        }
        x
    }
}

impl<P: Parameters> Engine for FloatReference<'_, P> {
    type Activation = Vec<Matrix>;
    type Error = Error;

    fn enter(&mut self, _step: &str) -> Result<()> {
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        Ok(())
    }

    fn input(&mut self) -> Result<Vec<Matrix>> {
        let input = std::mem::take(&mut self.input);
        Ok(self.shown(Site::Input, input))
    }

    fn linear(&mut self, linear: Linear, x: &mut Vec<Matrix>) -> Result<Vec<Matrix>> {
        let layer = self.parameters.linear(linear)?;
        let (outputs, inputs) = (layer.outputs, layer.inputs);
        if (outputs, inputs) != linear.shape(self.config()) {
            return Err(Error::Shape {
                step: linear.to_string(),
                what: format!(
                    "expected weights of {:?}, have {:?}",
                    linear.shape(self.config()),
                    (outputs, inputs)
                ),
            });
        }
        let mut y = Vec::with_capacity(x.len());
        for x in x.iter() {
            let rows = x.rows();
            let mut data = layer.bias.repeat(rows);
            multiply_add(
                1.0,
                View::rows(&x.data, rows, inputs, inputs),
                View::rows(&layer.weights, outputs, inputs, inputs).transposed(),
                1.0,
                &mut data,
                outputs,
            );
            y.push(Matrix {
                columns: outputs,
                data,
            });
        }
        Ok(self.shown(Site::Linear(linear), y))
    }

    fn scores(&mut self, layer: usize, q: Vec<Matrix>, k: Vec<Matrix>) -> Result<Vec<Matrix>> {
        let config = self.config();
        let width = config.head_width();
        let factor = 1.0 / (width as f32).sqrt();
        let scores = q.iter().zip(&k).map(|(q, k)| {
            let n = q.rows();
            let mut data = vec![0.0; config.heads * n * n];
            for (head, block) in data.chunks_mut(n * n).enumerate() {
                let slice = |x| View::rows(x, n, width, config.hidden);
                let q = slice(&q.data[head * width..]);
                let k = slice(&k.data[head * width..]).transposed();
                multiply_add(factor, q, k, 0.0, block, n);
                if let Some(bias) = self.parameters.score_bias() {
                    for (score, bias) in with_distances(n, block, &bias.by_distance(head, n)) {
                        *score += bias;
                    }
                }
            }
            Matrix { columns: n, data }
        });
        let scores = scores.collect();
        Ok(self.shown(Site::Scores(layer), scores))
    }

    fn softmax(&mut self, layer: usize, mut scores: Vec<Matrix>) -> Result<Vec<Matrix>> {
        for scores in &mut scores {
            for row in scores.data.chunks_mut(scores.columns) {
                softmax(row);
            }
        }
        Ok(self.shown(Site::Probabilities(layer), scores))
    }

    fn context(&mut self, layer: usize, p: Vec<Matrix>, v: Vec<Matrix>) -> Result<Vec<Matrix>> {
        let config = self.config();
        let width = config.head_width();
        let context = p.iter().zip(&v).map(|(p, v)| {
            let n = v.rows();
            let mut data = vec![0.0; n * config.hidden];
            for head in 0..config.heads {
                let p = View::rows(&p.data[head * n * n..], n, n, n);
                let v = View::rows(&v.data[head * width..], n, width, config.hidden);
                let out = &mut data[head * width..];
                multiply_add(1.0, p, v, 0.0, out, config.hidden);
            }
            Matrix {
                columns: config.hidden,
                data,
            }
        });
        let context = context.collect();
        Ok(self.shown(Site::Context(layer), context))
    }

    fn add_and_norm(
        &mut self,
        norm: Norm,
        mut branch: Vec<Matrix>,
        residual: Vec<Matrix>,
    ) -> Result<Vec<Matrix>> {
        for (sum, residual) in branch.iter_mut().zip(&residual) {
            for (sum, residual) in sum.data.iter_mut().zip(&residual.data) {
                *sum += residual;
            }
        }
        let mut x = self.shown(Site::NormSum(norm), branch);
        let epsilon = self.config().layer_norm_epsilon;
        let (gamma, beta) = self.parameters.norm(norm)?;
        for x in &mut x {
            for row in x.data.chunks_mut(x.columns) {
                layer_norm(row, gamma, beta, epsilon);
            }
        }
        Ok(self.shown(Site::NormOutput(norm), x))
    }

    fn activate(&mut self, function: Nonlinearity, mut x: Vec<Matrix>) -> Result<Vec<Matrix>> {
        let apply = match (function, self.config().activation) {
            (Nonlinearity::Pooler, _) => f32::tanh,
            (Nonlinearity::FeedForward(_), ActivationFunction::Gelu) => gelu,
            (Nonlinearity::FeedForward(_), ActivationFunction::Relu) => |x: f32| x.max(0.0),
        };
        for x in &mut x {
            x.data.iter_mut().for_each(|x| *x = apply(*x));
        }
        Ok(self.shown(Site::Activated(function), x))
    }

    fn first_token(&mut self, mut x: Vec<Matrix>) -> Result<Vec<Matrix>> {
        for x in &mut x {
            x.data.truncate(x.columns);
        }
        Ok(x)
    }

    fn output(&mut self, x: Vec<Matrix>) -> Result<()> {
        self.output = x;
        Ok(())
    }
}

/// The tensor that the walk puts out.
pub fn output_site(config: &ModelConfig) -> Site {
    match config.head {
        Head::Classifier { .. } => Site::Linear(Linear::Classifier),
        Head::Hidden => Site::NormOutput(Norm::FeedForward(config.layers - 1)),
    }
}

/// `x * Phi(x)` with the exact error function.
pub fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// Softmax over a row, with its maximum taken off first.
pub fn softmax(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = (*x - max).exp();
        sum += *x;
    }
    row.iter_mut().for_each(|x| *x /= sum);
}

/// Mean and variance (over all elements, not one less) of a row.
pub fn moments(row: &[f32]) -> (f32, f32) {
    let count = row.len() as f32;
    let mean = row.iter().sum::<f32>() / count;
    let variance = row.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / count;
    (mean, variance)
}

/// LayerNorm of a row: `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.
pub fn layer_norm(row: &mut [f32], gamma: &[f32], beta: &[f32], epsilon: f32) {
    let (mean, variance) = moments(row);
    let factor = 1.0 / (variance + epsilon).sqrt();
    for ((x, gamma), beta) in row.iter_mut().zip(gamma).zip(beta) {
        *x = (*x - mean) * factor * gamma + beta;
    }
}

/// Root mean square of the difference of an output to a reference of the same length, relative to the reference's. What is no number
/// is infinitely far.
pub fn relative_rms_error(output: &[f32], reference: &[f32]) -> f64 {
    let differences = output.iter().zip(reference);
    let square = differences
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum::<f64>();
    let rms = (square / reference.len().max(1) as f64).sqrt();
    let error = rms / root_mean_square(reference);
    if error.is_nan() { f64::INFINITY } else { error }
}

fn root_mean_square(values: &[f32]) -> f64 {
    let square = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    let rms = (square / values.len().max(1) as f64).sqrt();
    rms.max(f64::MIN_POSITIVE)
}

/// Largest absolute difference of an output to a reference of the same length, relative to the reference's root mean
/// square. What is no number is infinitely far.
pub fn relative_error(output: &[f32], reference: &[f32]) -> f64 {
    let differences = output.iter().zip(reference);
    let largest = differences
        .map(|(a, b)| f64::from((a - b).abs()))
        .map(|difference| {
            if difference.is_nan() {
                f64::INFINITY
            } else {
                difference
            }
        })
        .fold(0.0, f64::max);
    largest / root_mean_square(reference)
}

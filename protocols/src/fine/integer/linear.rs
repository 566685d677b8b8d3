//! Fully connected layers in integers: the scales of what goes in, a feature each, and of what comes out, a row each, are in the
//! weights.

use crate::model::float::FloatLinear;

/// What an integer of each feature stands for: `step_i x_i + offset_i`.
#[derive(Clone, Debug, PartialEq)]
pub struct Operand {
    /// One a feature.
    pub step: Vec<f64>,
    /// One a feature.
    pub offset: Vec<f64>,
}

impl Operand {
    /// Without an offset.
    pub fn of_steps(step: Vec<f64>) -> Self {
        let offset = vec![0.0; step.len()];
        Self { step, offset }
    }
}

/// `y = x W'^T + bias`, and in a layer before a residual connection also the residual's multiples.
#[derive(Clone, Debug, PartialEq)]
pub struct FineLinear {
    /// Outputs.
    pub outputs: usize,
    /// Inputs.
    pub inputs: usize,
    /// Row-major `outputs` x `inputs`.
    pub weights: Vec<i32>,
    /// One an output.
    pub bias: Vec<i64>,
}

impl FineLinear {
    /// Integers of a layer: `gain` is what one of each output comes to.
    pub fn new(source: &FloatLinear, input: &Operand, gain: &[f64]) -> Self {
        let mut weights = Vec::with_capacity(source.weights.len());
        let mut bias = Vec::with_capacity(source.outputs);
        let rows = source.weights.chunks_exact(source.inputs);
        for ((row, gain), add) in rows.zip(gain).zip(&source.bias) {
            let steps = row.iter().zip(&input.step);
            weights.extend(steps.map(|(w, step)| (gain * f64::from(*w) * step).round() as i32));
            let offsets = row.iter().zip(&input.offset);
            let offset: f64 = offsets.map(|(w, offset)| f64::from(*w) * offset).sum();
            bias.push((gain * (offset + f64::from(*add))).round() as i64);
        }
        Self {
            outputs: source.outputs,
            inputs: source.inputs,
            weights,
            bias,
        }
    }

    /// `y = x W'^T + bias`, in integers that do not wrap: `x` of rows x inputs, the result rows x outputs.
    pub fn multiply(&self, x: &[i64]) -> Vec<i64> {
        let rows = x.len() / self.inputs;
        let mut y = vec![0; rows * self.outputs];
        // Output by output: a row of weights is read once.
        let outputs = self.weights.chunks_exact(self.inputs).zip(&self.bias);
        for (output, (weights, bias)) in outputs.enumerate() {
            for (row, x) in x.chunks_exact(self.inputs).enumerate() {
                let products = weights.iter().zip(x);
                let products = products.map(|(w, x)| i64::from(*w).wrapping_mul(*x));
                y[row * self.outputs + output] = products.fold(*bias, i64::wrapping_add);
            }
        }
        y
    }
}

/// The layer whose one output is the mean over all outputs of `source`.
pub fn mean_of(source: &FloatLinear) -> FloatLinear {
    let outputs = source.outputs as f64;
    let mut mean = vec![0.0f64; source.inputs];
    for row in source.weights.chunks_exact(source.inputs) {
        for (mean, w) in mean.iter_mut().zip(row) {
            *mean += f64::from(*w) / outputs;
        }
    }
    let bias: f64 = source.bias.iter().map(|b| f64::from(*b) / outputs).sum();
    FloatLinear {
        outputs: 1,
        inputs: source.inputs,
        weights: mean.into_iter().map(|w| w as f32).collect(),
        bias: vec![bias as f32],
    }
}

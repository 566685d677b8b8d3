//! BERT from its definition: nested vectors, 64-bit floats, one number at a time, indices as in the
//! formulas. It shares no code with the float reference that it checks.
#![allow(clippy::needless_range_loop)]

use crate::model_checkpoint::TOKENS;
use crate::support::{Checkpoint, FEED_FORWARD, HEADS, HIDDEN, LAYERS};

pub type Rows = Vec<Vec<f64>>;

pub struct Plain<'a> {
    pub checkpoint: &'a Checkpoint,
    pub prefix: &'a str,
    pub relu: bool,
}

impl Plain<'_> {
    fn get(&self, name: &str, i: usize) -> f64 {
        f64::from(self.checkpoint.tensors[name].1[i])
    }
    fn dense(&self, name: &str, x: &Rows) -> Rows {
        let shape = &self.checkpoint.tensors[&format!("{name}.weight")].0;
        let (outputs, inputs) = (shape[0], shape[1]);
        let mut y = Vec::new();
        for row in x {
            let mut out = Vec::new();
            for o in 0..outputs {
                let mut sum = self.get(&format!("{name}.bias"), o);
                for i in 0..inputs {
                    sum += self.get(&format!("{name}.weight"), o * inputs + i) * row[i];
                }
                out.push(sum);
            }
            y.push(out);
        }
        y
    }
    fn norm(&self, name: &str, x: &Rows) -> Rows {
        let mut y = Vec::new();
        for row in x {
            let mean = row.iter().sum::<f64>() / HIDDEN as f64;
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / HIDDEN as f64;
            let normalized = |j: usize| (row[j] - mean) / (variance + 1e-12).sqrt();
            let scaled = (0..HIDDEN).map(|j| {
                normalized(j) * self.get(&format!("{name}.weight"), j)
                    + self.get(&format!("{name}.bias"), j)
            });
            y.push(scaled.collect());
        }
        y
    }
    fn embed(&self) -> Rows {
        let e = format!("{}embeddings", self.prefix);
        let mut x = Vec::new();
        for (position, token) in TOKENS.iter().enumerate() {
            let row = (0..HIDDEN).map(|j| {
                self.get(
                    &format!("{e}.word_embeddings.weight"),
                    *token as usize * HIDDEN + j,
                ) + self.get(
                    &format!("{e}.position_embeddings.weight"),
                    position * HIDDEN + j,
                ) + self.get(&format!("{e}.token_type_embeddings.weight"), j)
            });
            x.push(row.collect());
        }
        self.norm(&format!("{e}.LayerNorm"), &x)
    }
    fn attention(&self, layer: &str, x: &Rows) -> Rows {
        let q = self.dense(&format!("{layer}.attention.self.query"), x);
        let k = self.dense(&format!("{layer}.attention.self.key"), x);
        let v = self.dense(&format!("{layer}.attention.self.value"), x);
        let width = HIDDEN / HEADS;
        let mut context = vec![vec![0.0; HIDDEN]; x.len()];
        for head in 0..HEADS {
            for i in 0..x.len() {
                let mut weights = Vec::new();
                for j in 0..x.len() {
                    let mut dot = 0.0;
                    for d in head * width..(head + 1) * width {
                        dot += q[i][d] * k[j][d];
                    }
                    weights.push((dot / (width as f64).sqrt()).exp());
                }
                let sum: f64 = weights.iter().sum();
                for d in head * width..(head + 1) * width {
                    for j in 0..x.len() {
                        context[i][d] += weights[j] / sum * v[j][d];
                    }
                }
            }
        }
        self.dense(&format!("{layer}.attention.output.dense"), &context)
    }
    fn activation(&self, x: f64) -> f64 {
        if self.relu {
            return x.max(0.0);
        }
        // The error function by its power series: the arguments here are small.
        let z = x / 2f64.sqrt();
        let (mut term, mut erf) = (z, z);
        for n in 1..100 {
            term *= -z * z / f64::from(n);
            erf += term / f64::from(2 * n + 1);
        }
        x * 0.5 * (1.0 + erf * 2.0 / std::f64::consts::PI.sqrt())
    }
    pub fn hidden_states(&self) -> Rows {
        let add = |a: Rows, b: &Rows| -> Rows {
            let row =
                |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + b).collect();
            a.iter().zip(b).map(row).collect()
        };
        let mut x = self.embed();
        for l in 0..LAYERS {
            let layer = format!("{}encoder.layer.{l}", self.prefix);
            let sum = add(self.attention(&layer, &x), &x);
            x = self.norm(&format!("{layer}.attention.output.LayerNorm"), &sum);
            let mut inner = self.dense(&format!("{layer}.intermediate.dense"), &x);
            assert_eq!(inner[0].len(), FEED_FORWARD);
            for v in inner.iter_mut().flatten() {
                *v = self.activation(*v);
            }
            let sum = add(self.dense(&format!("{layer}.output.dense"), &inner), &x);
            x = self.norm(&format!("{layer}.output.LayerNorm"), &sum);
        }
        x
    }
    pub fn logits(&self) -> Vec<f64> {
        let first = vec![self.hidden_states()[0].clone()];
        let mut pooled = self.dense(&format!("{}pooler.dense", self.prefix), &first);
        for v in pooled.iter_mut().flatten() {
            *v = v.tanh();
        }
        self.dense("classifier", &pooled).remove(0)
    }
}

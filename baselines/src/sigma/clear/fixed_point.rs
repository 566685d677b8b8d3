//! The arithmetic of a run on integers: the same shifts, tables and clips, without masks. Every gate of SIGMA is exact, so a run
//! puts out this, and no other, as long as no value leaves its range.

use crate::fixed_point::bilinear::{Bilinear, MatmulShape};
use crate::fixed_point::heads;
use crate::sigma::FRACTION_BITS;
use crate::sigma::engine::Plan;
use crate::sigma::functions::{mean_factor, tables};
use qbench_protocols::model::config::{ActivationFunction, ModelConfig};
use qbench_protocols::model::float::Parameters;
use qbench_protocols::model::walk::{Engine, Linear, Nonlinearity, Norm, walk};
use qbench_protocols::ring::Ring;
use qbench_protocols::threads::Threads;
use qbench_protocols::{Error, Result};

/// The walk on integers.
pub struct FixedPoint<'a, P> {
    plan: &'a Plan,
    parameters: &'a P,
    input: Vec<u64>,
    output: Vec<u64>,
    threads: Threads,
}

/// What P1 learns of an embedded input, as elements of the ring.
///
/// # Errors
/// A model without a layer that its configuration has.
pub fn run(plan: &Plan, parameters: &impl Parameters, input: &[f32]) -> Result<Vec<u64>> {
    let fixed = plan.choices.fixed;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut engine = FixedPoint {
        plan,
        parameters,
        input: input.iter().map(|v| fixed.encode(f64::from(*v))).collect(),
        output: Vec::new(),
        threads: Threads::new(threads)?,
    };
    walk(&mut engine, &plan.config)?;
    Ok(engine.output)
}

/// Integers without their ring.
type Values = Vec<i64>;

impl<P: Parameters> FixedPoint<'_, P> {
    fn ring(&self) -> Ring {
        self.plan.choices.ring()
    }

    fn encoded(&self, clear: &[f32]) -> Vec<u64> {
        let fixed = self.plan.choices.fixed;
        clear.iter().map(|v| fixed.encode(f64::from(*v))).collect()
    }

    /// A product of matrices in the ring, as signed integers.
    fn matmul(&self, shape: MatmulShape, x: &[i64], y: &[u64]) -> Values {
        let map = Bilinear::Matmul(shape);
        let x: Vec<u64> = x.iter().map(|x| *x as u64).collect();
        let mut out = vec![0; map.lengths()[2]];
        map.accumulate(&self.threads, &x, y, &mut out);
        let ring = self.ring();
        out.iter().map(|z| ring.signed(ring.reduce(*z))).collect()
    }

    fn split(&self, x: &[i64]) -> Values {
        let words: Vec<u64> = x.iter().map(|x| *x as u64).collect();
        let split = heads::split(&self.plan.config, &words);
        split.iter().map(|x| *x as i64).collect()
    }

    /// x plus a parameter of each column, which gets the fractional bits of a product.
    fn add_per_column(&self, x: &mut [i64], parameter: &[f32]) {
        let parameter = self.encoded(parameter);
        for row in x.chunks_mut(parameter.len()) {
            for (x, more) in row.iter_mut().zip(&parameter) {
                *x += self.ring().signed(*more) << FRACTION_BITS;
            }
        }
    }

    fn softmax_row(&self, row: &[i64]) -> Values {
        let ring = self.ring();
        let max = row.iter().copied().max().unwrap_or_default();
        let [upper, lower] = [8, 0].map(tables::powers);
        let power = |x: &i64| {
            let distance = (max - x).min(0xffff) as usize;
            let [upper, lower] = [upper[distance >> 8], lower[distance & 0xff]];
            ((upper * lower) >> FRACTION_BITS) as i64
        };
        let powers: Values = row.iter().map(power).collect();
        let doublings = row.len().next_power_of_two().ilog2();
        let inverses = tables::inverses(doublings);
        let sum: i64 = powers.iter().sum();
        let place = (sum >> tables::DENOMINATOR_DROPPED) as usize % inverses.len();
        let inverse = ring.signed(inverses[place]);
        powers
            .iter()
            .map(|power| (power * inverse) >> FRACTION_BITS)
            .collect()
    }

    fn normal_row(&self, row: &[i64], epsilon: u64, factors: &[u64]) -> Values {
        let (factor, shift) = mean_factor(self.plan.choices.mean, row.len());
        let mean = (row.iter().sum::<i64>() * factor as i64) >> shift;
        let squares: i64 = row.iter().map(|x| (x - mean) * (x - mean)).sum();
        let squares = squares as u64 + epsilon;
        let exponent = squares.max(1).ilog2();
        let normal = squares << (63 - exponent);
        // The leading one is left out.
        let mantissa =
            (normal >> (63 - tables::MANTISSA_BITS)) & ((1 << tables::MANTISSA_BITS) - 1);
        let index = mantissa << tables::EXPONENT_BITS | u64::from(exponent);
        let factor = self.ring().signed(factors[index as usize]);
        row.iter()
            .map(|x| ((x - mean) * factor) >> FRACTION_BITS)
            .collect()
    }
}

fn gelu(x: i64, corrections: &[u64]) -> i64 {
    let coarse = x >> (FRACTION_BITS - tables::GELU_FRACTION_BITS);
    let largest = corrections.len() as u64 - 1;
    let distance = coarse.unsigned_abs().min(largest);
    x.max(0) - corrections[distance as usize] as i64
}

impl<P: Parameters> Engine for FixedPoint<'_, P> {
    type Activation = Values;
    type Error = Error;

    fn enter(&mut self, _: &str) -> Result<()> {
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        Ok(())
    }

    fn input(&mut self) -> Result<Values> {
        let ring = self.ring();
        Ok(self.input.iter().map(|x| ring.signed(*x)).collect())
    }

    fn linear(&mut self, linear: Linear, x: &mut Values) -> Result<Values> {
        let layer = self.parameters.linear(linear)?;
        let shape = MatmulShape::of_layer(&self.plan.config, linear, x.len());
        let mut product = self.matmul(shape, x, &self.encoded(&layer.weights));
        self.add_per_column(&mut product, &layer.bias);
        Ok(product.iter().map(|x| x >> FRACTION_BITS).collect())
    }

    fn scores(&mut self, _: usize, q: Values, k: Values) -> Result<Values> {
        let config = &self.plan.config;
        let width = config.head_width();
        let shape = MatmulShape::of_scores(&self.plan.config, self.plan.seq_len);
        let k: Vec<u64> = self.split(&k).iter().map(|k| *k as u64).collect();
        let scores = self.matmul(shape, &self.split(&q), &k);
        if width.is_power_of_two() && width.ilog2().is_multiple_of(2) {
            let shift = FRACTION_BITS + width.ilog2() / 2;
            return Ok(scores.iter().map(|x| x >> shift).collect());
        }
        let factor: u64 = self.plan.choices.fixed.encode(1.0 / (width as f64).sqrt());
        let scaled = |x: &i64| ((x >> FRACTION_BITS) * factor as i64) >> FRACTION_BITS;
        Ok(scores.iter().map(scaled).collect())
    }

    fn softmax(&mut self, _: usize, scores: Values) -> Result<Values> {
        let rows = scores.chunks(self.plan.seq_len);
        Ok(rows.flat_map(|row| self.softmax_row(row)).collect())
    }

    fn context(&mut self, _: usize, p: Values, v: Values) -> Result<Values> {
        let config: &ModelConfig = &self.plan.config;
        let shape = MatmulShape::of_context(&self.plan.config, self.plan.seq_len);
        let v: Vec<u64> = self.split(&v).iter().map(|v| *v as u64).collect();
        let context = self.matmul(shape, &p, &v);
        let words: Vec<u64> = context
            .iter()
            .map(|x| (x >> FRACTION_BITS) as u64)
            .collect();
        Ok(heads::join(config, &words)
            .iter()
            .map(|x| *x as i64)
            .collect())
    }

    fn add_and_norm(&mut self, norm: Norm, branch: Values, residual: Values) -> Result<Values> {
        let (gamma, beta) = self.parameters.norm(norm)?;
        let width = gamma.len();
        let epsilon = tables::epsilon(f64::from(self.plan.config.layer_norm_epsilon), width);
        let factors = tables::factors(width);
        let sum: Values = branch.iter().zip(&residual).map(|(x, y)| x + y).collect();
        let rows = sum.chunks(width);
        let mut normal: Values = rows
            .flat_map(|row| self.normal_row(row, epsilon, &factors))
            .collect();
        let encoded = self.encoded(gamma);
        for row in normal.chunks_mut(width) {
            for (x, gamma) in row.iter_mut().zip(&encoded) {
                *x *= self.ring().signed(*gamma);
            }
        }
        self.add_per_column(&mut normal, beta);
        Ok(normal.iter().map(|x| x >> FRACTION_BITS).collect())
    }

    fn activate(&mut self, function: Nonlinearity, x: Values) -> Result<Values> {
        let ring = self.ring();
        let out = match (function, self.plan.config.activation) {
            (Nonlinearity::Pooler, _) => {
                let entries = tables::tanh(ring);
                let largest = entries.len() as i64 / 2 - 1;
                let entry = |x: &i64| {
                    let coarse = x >> (FRACTION_BITS - tables::TANH_FRACTION_BITS);
                    let place = coarse
                        .clamp(-largest, largest)
                        .rem_euclid(entries.len() as i64);
                    ring.signed(entries[place as usize])
                };
                x.iter().map(entry).collect()
            }
            (Nonlinearity::FeedForward(_), ActivationFunction::Gelu) => {
                let corrections = tables::corrections();
                x.iter().map(|x| gelu(*x, &corrections)).collect()
            }
            (Nonlinearity::FeedForward(_), ActivationFunction::Relu) => {
                x.iter().map(|x| (*x).max(0)).collect()
            }
        };
        Ok(out)
    }

    fn first_token(&mut self, mut x: Values) -> Result<Values> {
        x.truncate(self.plan.config.hidden);
        Ok(x)
    }

    fn output(&mut self, x: Values) -> Result<()> {
        let ring = self.ring();
        self.output = x.iter().map(|x| ring.encode(*x)).collect();
        Ok(())
    }
}

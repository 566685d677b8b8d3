//! The reference's own product with weights of few bits, in integers that do not wrap. It shares no layout or arithmetic with the
//! kernels of the engine.

use crate::quantized::integer::IntegerLinear;

/// One output's weights.
enum Row {
    /// Of one bit: additions and subtractions by sign, then one multiplication.
    Signs(Vec<i16>, i64),
    /// Of more.
    Weights(Vec<i64>),
}

impl Row {
    fn of(weights: &IntegerLinear<'_>, output: usize) -> Self {
        let of_codes = weights.of_codes(output);
        let codes = weights.source.codes(output);
        match of_codes[..] {
            [_, plus] => {
                let signs = codes.iter().map(|code| 2 * i16::from(*code) - 1);
                Self::Signs(signs.collect(), plus)
            }
            _ => {
                let weights = codes.iter().map(|code| of_codes[usize::from(*code)]);
                Self::Weights(weights.collect())
            }
        }
    }

    fn dot(&self, x: &[i16]) -> i64 {
        match self {
            Self::Signs(signs, factor) => {
                let products = x.iter().zip(signs);
                let sum: i32 = products
                    .map(|(x, sign)| i32::from(*x) * i32::from(*sign))
                    .sum();
                factor.wrapping_mul(i64::from(sum))
            }
            Self::Weights(weights) => {
                let products = x.iter().zip(weights);
                let products = products.map(|(x, w)| i64::from(*x).wrapping_mul(*w));
                products.fold(0, i64::wrapping_add)
            }
        }
    }
}

/// `y = x W'^T + bias`, row-major: `x` of rows x inputs in levels, at most 8 bits wide; the result rows x outputs.
pub(super) fn fully_connected(weights: &IntegerLinear<'_>, x: &[i64]) -> Vec<i64> {
    let (outputs, inputs) = (weights.source.outputs, weights.source.inputs);
    let x: Vec<i16> = x.iter().map(|level| *level as i16).collect();
    let rows = x.len() / inputs;
    let mut y = vec![0; rows * outputs];
    for output in 0..outputs {
        let weights_of = Row::of(weights, output);
        for (row, x) in x.chunks_exact(inputs).enumerate() {
            y[row * outputs + output] = weights_of.dot(x).wrapping_add(weights.bias[output]);
        }
    }
    y
}

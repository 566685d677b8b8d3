//! The reference's own product with 1-bit weights: additions and subtractions of levels by sign, then one multiplication an
//! output, in integers that do not wrap. It shares no code, layout or arithmetic with the kernels of the engine.

use crate::quantized::integer::IntegerLinear;

/// `y = x W'^T + bias`, row-major: `x` of rows x inputs in levels, at most 8 bits wide; the result rows x outputs.
pub(super) fn fully_connected(weights: &IntegerLinear<'_>, x: &[i64]) -> Vec<i64> {
    let (outputs, inputs) = (weights.source.outputs, weights.source.inputs);
    let x: Vec<i16> = x.iter().map(|level| *level as i16).collect();
    let rows = x.len() / inputs;
    let mut y = vec![0; rows * outputs];
    for output in 0..outputs {
        let signs: Vec<i16> = (0..inputs)
            .map(|input| weights.source.sign(output, input) as i16)
            .collect();
        for (row, x) in x.chunks_exact(inputs).enumerate() {
            let products = x.iter().zip(&signs);
            let sum: i32 = products
                .map(|(x, sign)| i32::from(*x) * i32::from(*sign))
                .sum();
            y[row * outputs + output] = i64::from(sum)
                .wrapping_mul(weights.magnitudes[output])
                .wrapping_add(weights.bias[output]);
        }
    }
    y
}

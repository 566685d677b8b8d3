//! The reference's own product with weights of few bits, in integers that do not wrap. It shares no layout or arithmetic with the
//! kernels of the engine.

use crate::quantized::integer::IntegerLinear;

/// `y = x W'^T + bias`, row-major: `x` of rows x inputs in levels, at most 8 bits wide; the result rows x outputs.
pub(super) fn fully_connected(weights: &IntegerLinear<'_>, x: &[i64]) -> Vec<i64> {
    let (outputs, inputs) = (weights.source.outputs, weights.source.inputs);
    let x: Vec<i16> = x.iter().map(|level| *level as i16).collect();
    let rows = x.len() / inputs;
    let mut y = vec![0; rows * outputs];
    for output in 0..outputs {
        let of_codes = weights.of_codes(output);
        let codes = weights.source.codes(output);
        let product: Box<dyn Fn(&[i16]) -> i64> = match of_codes[..] {
            // Of one bit: additions and subtractions by sign, then one multiplication.
            [_, plus] => {
                let signs: Vec<i16> = codes.iter().map(|code| 2 * i16::from(*code) - 1).collect();
                Box::new(move |x| plus.wrapping_mul(i64::from(dot(x, &signs))))
            }
            _ => {
                let of_code = |code: &u8| of_codes[usize::from(*code)];
                let row: Vec<i64> = codes.iter().map(of_code).collect();
                Box::new(move |x| {
                    let products = x.iter().zip(&row);
                    let products = products.map(|(x, w)| i64::from(*x).wrapping_mul(*w));
                    products.fold(0, i64::wrapping_add)
                })
            }
        };
        for (row, x) in x.chunks_exact(inputs).enumerate() {
            y[row * outputs + output] = product(x).wrapping_add(weights.bias[output]);
        }
    }
    y
}

fn dot(x: &[i16], signs: &[i16]) -> i32 {
    let products = x.iter().zip(signs);
    products
        .map(|(x, sign)| i32::from(*x) * i32::from(*sign))
        .sum()
}

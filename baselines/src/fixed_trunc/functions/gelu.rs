//! GELU by pieces (PUMA, section 3.1).

use super::super::bits::negative;
use super::super::clear::{GELU_BOUNDS, GELU_CUBIC, GELU_SEXTIC};
use super::super::products::multiply;
use super::super::select::times_bit;
use super::super::truncate::truncate;
use super::super::{Choices, Share, shares};
use qbench_protocols::Result;
use qbench_protocols::runtime::Runtime;

/// `x Phi(x)`: 0 below -4, polynomials of degree 3 and 6, x above 3.
///
/// Cost an element, with T bytes a truncation: three comparisons (108 each), three bits times numbers (64), four products (24 + T), and
/// seven terms' truncations; rounds: 8, 2, and three products and a truncation in a row.
///
/// # Security
/// As its parts.
///
/// # Errors
/// The network's.
pub fn gelu(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share) -> Result<Share> {
    let (first, second, third) = runtime.step("compare", |runtime| {
        let [low, middle, high] = GELU_BOUNDS.map(|bound| choices.encode(-bound));
        let below = |bound, x: &Share| shares::add_public(runtime, x.clone(), bound);
        let (low, middle) = (below(low, x), below(middle, x));
        // Above the last bound: it is less than x.
        let high = shares::times(runtime, below(high, x), -1);
        let bits = negative(runtime, choices, &shares::join(&[&low, &middle, &high]))?;
        let [low, middle, high]: [Share; 3] = shares::parts(&bits);
        let first = shares::exclusive_or(runtime, low, &middle);
        let second = shares::exclusive_or(runtime, middle, &high);
        Ok((first, shares::flip(runtime, second, 1), high))
    })?;
    let [cubic, sextic] =
        runtime.step("polynomials", |runtime| polynomials(runtime, choices, x))?;
    runtime.step("choose", |runtime| {
        let bits = shares::join(&[&first, &second, &third]);
        let values = shares::join(&[&cubic, &sextic, x]);
        let [a, b, c] = shares::parts(&times_bit(runtime, &bits, &values)?);
        let sum = shares::add(runtime, a, &b);
        Ok(shares::add(runtime, sum, &c))
    })
}

/// Both polynomials. Each term is truncated by itself, as in the original.
fn polynomials(runtime: &mut Runtime<'_>, choices: &Choices, x: &Share) -> Result<[Share; 2]> {
    let x2 = multiply(runtime, choices, x, x)?;
    let left = shares::join(&[&x2, &x2]);
    let right = shares::join(&[x, &x2]);
    let [x3, x4] = shares::parts(&multiply(runtime, choices, &left, &right)?);
    let x6 = multiply(runtime, choices, &x3, &x3)?;
    let [a0, a1, a2, a3] = GELU_CUBIC;
    let [b0, b1, b2, b4, b6] = GELU_SEXTIC;
    let term = |power: &Share, factor: f64| {
        shares::times(runtime, power.clone(), choices.encode(factor) as i64)
    };
    let terms = [
        term(x, a1),
        term(&x2, a2),
        term(&x3, a3),
        term(x, b1),
        term(&x2, b2),
        term(&x4, b4),
        term(&x6, b6),
    ];
    let terms = shares::join(&terms.each_ref());
    let terms = truncate(runtime, choices, &terms, choices.fraction_bits())?;
    let terms: [Share; 7] = shares::parts(&terms);
    let sum = |first: f64, terms: &[Share]| {
        let zero = shares::times(runtime, terms[0].clone(), 0);
        let constant = shares::add_public(runtime, zero, choices.encode(first));
        terms
            .iter()
            .fold(constant, |sum, term| shares::add(runtime, sum, term))
    };
    Ok([sum(a0, &terms[..3]), sum(b0, &terms[3..])])
}

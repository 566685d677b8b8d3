//! The reciprocal square root, by a table at a floating-point index.

use super::tables::{self, EXPONENT_BITS, MANTISSA_BITS};
use crate::fixed_point::bilinear::Bilinear;
use crate::fss::{covered, dcf, fresh_masks, words};
use crate::sigma::gates::{Exchanges, Wire, product, table};
use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Covered, uncover};
use qbench_protocols::wipe::Wiped;

const INDEX: Ring = Ring::new(MANTISSA_BITS + EXPONENT_BITS);

/// `sqrt(count / x)` with fractional bits, of x > 0 that has twice as many.
///
/// The exponent k of x, and the factor 2^(n-1-k) that brings its leading one to the top, come from one comparison key at all
/// powers of two; the top eight bits of the product are the mantissa. Mantissa and exponent index a table. (SIGMA,
/// after Gupta et al., LLAMA, PETS 2022; the entries, for a mantissa that is rounded down, are the original's.)
///
/// Cost: 5 exchanges, of `10 n + 28` bits an element both ways; offline ring-valued comparison keys from n to n bits and from
/// n - 8 to 7, a key for the table, and `10 n + 14` bits.
///
/// # Errors
/// A key that was dealt for something else; the network's.
pub fn inverse_sqrt(runtime: &mut Runtime<'_>, x: &Wire, count: usize) -> Result<Wire> {
    let len = x.len();
    let ring = x.ring();
    let (exponent, normalizer) = runtime.step("exponent", |runtime| {
        let both = exponent_and_normalizer(runtime, x)?;
        let both = uncover(runtime, both)?;
        Ok((both.slice(0..len), both.slice(len..2 * len)))
    })?;
    let product = runtime.step("normalize", |runtime| {
        let map = Bilinear::Columns {
            rows: 1,
            width: len,
        };
        let product = product(runtime, map, x, &normalizer)?;
        uncover(runtime, product)
    })?;
    let index = runtime.step("index", |runtime| {
        let index = index(runtime, &product, &exponent)?;
        uncover(runtime, index)
    })?;
    runtime.step("table", |runtime| {
        // As in the original, value and sign are opened together here in any case.
        let factor = table(
            runtime,
            &index,
            &tables::factors(count),
            ring,
            Exchanges::Merged,
        )?;
        uncover(runtime, factor)
    })
}

/// `floor(log2 x)` and `2^(n - 1 - floor(log2 x))`, one vector after the other.
fn exponent_and_normalizer(runtime: &mut Runtime<'_>, x: &Wire) -> Result<Covered<u64>> {
    let (ring, len) = (x.ring(), x.len());
    let bits = ring.bits();
    let masks = fresh_masks::<u64>(runtime, ring, 2 * len)?;
    // For each element the masked value, and less every power of two from 2 on.
    let powers: Vec<u64> = (1..bits).map(|i| 1 << i).collect();
    let places: Wiped<u64> = x
        .values()
        .iter()
        .flat_map(|x| {
            let less = powers
                .iter()
                .map(|power| ring.reduce(x.wrapping_sub(*power)));
            std::iter::once(*x).chain(less)
        })
        .collect();
    let below = dcf::below(runtime, bits, ring, len, x.masks(), &places)?;
    let key = words(runtime, ring, 2 * len, || masks.clone().unwrap_or_default())?;
    let share = key.zip(below).map(|(mut share, below)| {
        let leads = u64::from(runtime.me() == Some(Party::P1));
        let (exponents, normalizers) = share.split_at_mut(len);
        for i in 0..len {
            let row = &below[i * bits as usize..][..bits as usize];
            let values = &places[i * bits as usize..][..bits as usize];
            let mut smaller = 0u64;
            for (k, power) in powers.iter().enumerate() {
                // [x < 2^(k + 1)]: both comparisons, and whether the difference has wrapped.
                let wrapped = values[k + 1] >= ring.reduce(power.wrapping_neg());
                let next = row[k + 1]
                    .wrapping_sub(row[0])
                    .wrapping_add(leads & u64::from(wrapped));
                let here = next.wrapping_sub(smaller);
                exponents[i] = exponents[i].wrapping_add(here.wrapping_mul(k as u64));
                normalizers[i] = normalizers[i].wrapping_add(here << (bits as usize - 1 - k));
                smaller = next;
            }
            exponents[i] = ring.reduce(exponents[i]);
            normalizers[i] = ring.reduce(normalizers[i]);
        }
        share
    });
    Ok(covered(ring, 2 * len, masks, share))
}

/// Mantissa and exponent as an index: the top eight bits of the product, less the leading one, and behind them the exponent.
fn index(runtime: &mut Runtime<'_>, product: &Wire, exponent: &Wire) -> Result<Covered<u64>> {
    let len = product.len();
    let shift = product.ring().bits() - MANTISSA_BITS - 1;
    let low = Ring::new(shift);
    let cut = |values: &[u64]| -> Wiped<u64> { values.iter().map(|x| low.reduce(*x)).collect() };
    let masks = fresh_masks::<u64>(runtime, INDEX, len)?;
    let (points, places) = (cut(product.masks()), cut(product.values()));
    let mantissa = Ring::new(MANTISSA_BITS);
    let borrow = dcf::below(runtime, shift, mantissa, len, &points, &places)?;
    let key = words(runtime, INDEX, len, || {
        let wires = product.masks().iter().zip(exponent.masks());
        let masks = masks.as_deref().unwrap_or_default();
        let dealt = wires.zip(masks).map(|((product, exponent), mask)| {
            let mantissa = (product >> shift) << EXPONENT_BITS;
            INDEX.reduce(mask.wrapping_sub(mantissa).wrapping_sub(*exponent))
        });
        dealt.collect()
    })?;
    let share = key.zip(borrow).map(|(mut share, borrow)| {
        let all = u64::from(runtime.me() == Some(Party::P1)).wrapping_neg();
        let wires = product.values().iter().zip(exponent.values());
        for ((share, borrow), (product, exponent)) in share.iter_mut().zip(borrow.iter()).zip(wires)
        {
            let mantissa = (product >> shift).wrapping_sub(1 << MANTISSA_BITS) << EXPONENT_BITS;
            let public = mantissa.wrapping_add(*exponent) & all;
            *share = INDEX.reduce(
                share
                    .wrapping_add(public)
                    .wrapping_sub(borrow << EXPONENT_BITS),
            );
        }
        share
    });
    Ok(covered(INDEX, len, masks, share))
}

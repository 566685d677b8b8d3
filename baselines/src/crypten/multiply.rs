//! Products by Beaver's triples (CrypTen, appendix A.1.1; Beaver, CRYPTO '91): element by element,
//! squares, and bilinear maps of whole vectors.
//!
//! With e = x - a and d = y - b opened, each party's share of x * y is `c + e * [y] + [a] * d`: no
//! party has a term of its own.

use super::bilinear::{combine, draw};
use super::correlation::{Correlation, Part, WORD, correlated};
use super::gate::{Bytes, Gate, Gates};
use super::weight::{Reused, Weight};
use super::{FRACTION_BITS, RING, Share, absent, truncate};
use crate::fixed_point::bilinear::{Bilinear, MatmulShape};
use qbench_protocols::Result;
use qbench_protocols::kernel::widest;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::threads::{GRAIN, Threads};
use qbench_protocols::wipe::Wiped;

/// x * y element by element, truncated.
///
/// Cost: 2 words an element each way, 1 round; offline 1 word an element to P2.
///
/// # Security
/// Opens x - a and y - b; a and b are uniform, unknown to both, and used here alone.
pub fn multiply(runtime: &mut Runtime<'_>, x: &Share, y: &Share) -> Result<Share> {
    product::<true>(runtime, x.clone(), y)
}

/// x * y element by element, not truncated: where one of the two is unscaled, such as a bit.
///
/// Cost and security as [`multiply`].
pub fn multiply_unscaled(runtime: &mut Runtime<'_>, x: &Share, y: &Share) -> Result<Share> {
    product::<false>(runtime, x.clone(), y)
}

/// [`multiply`] in place of x.
pub(super) fn product<const TRUNCATED: bool>(
    runtime: &mut Runtime<'_>,
    x: Share,
    y: &Share,
) -> Result<Share> {
    let count = x.len();
    runtime.ensure(y.len() == count, || {
        format!("{count} elements times {}", y.len())
    })?;
    let Some(gates) = gates(runtime, Gate::Product, count)? else {
        return Ok(absent(count));
    };
    let mut out = x.into_values();
    let y = y.values();
    gates.apply(
        runtime,
        &mut out,
        #[inline(always)]
        |x, start, n, masks, words| {
            let (a, b) = masks.split_at(n);
            let (e, d) = words.split_at_mut(n);
            mask(&x[start..][..n], a, e);
            mask(&y[start..][..n], b, d);
        },
        #[inline(always)]
        |start, block, x| {
            let n = block.n;
            let (a, b) = block.masks.split_at(n);
            let (e, d) = block.theirs.split_at(n);
            let y = &y[start..][..n];
            let masked = a.iter().zip(b).zip(e.iter().zip(d));
            let shares = x.iter_mut().zip(y).zip(block.products);
            for (((x, y), c), ((a, b), (e, d))) in shares.zip(masked) {
                let e = x.wrapping_sub(*a).wrapping_add(u64::from_le_bytes(*e));
                let d = y.wrapping_sub(*b).wrapping_add(u64::from_le_bytes(*d));
                let product = c
                    .wrapping_add(e.wrapping_mul(*y))
                    .wrapping_add(a.wrapping_mul(d));
                *x = match TRUNCATED {
                    true => truncate(product, FRACTION_BITS),
                    false => product,
                };
            }
        },
    )?;
    Ok(Share::held(RING, out))
}

/// x^2, truncated.
///
/// Cost: 1 word an element each way, 1 round; offline 1 word an element to P2.
///
/// # Security
/// Opens x - r; r is uniform, unknown to both, and used here alone.
pub fn square(runtime: &mut Runtime<'_>, x: &Share) -> Result<Share> {
    square_in_place(runtime, x.clone())
}

/// [`square`] in place of x: `c + e * ([x] + [r])` with e = x - r opened.
pub(super) fn square_in_place(runtime: &mut Runtime<'_>, x: Share) -> Result<Share> {
    let count = x.len();
    let Some(gates) = gates(runtime, Gate::Square, count)? else {
        return Ok(absent(count));
    };
    let mut out = x.into_values();
    gates.apply(
        runtime,
        &mut out,
        #[inline(always)]
        |x, start, n, masks, words| {
            mask(&x[start..][..n], masks, words);
        },
        #[inline(always)]
        |_, block, x| {
            let terms = block.masks.iter().zip(block.products).zip(block.theirs);
            for (x, ((r, c), e)) in x.iter_mut().zip(terms) {
                let e = x.wrapping_sub(*r).wrapping_add(u64::from_le_bytes(*e));
                let square = c.wrapping_add(e.wrapping_mul(x.wrapping_add(*r)));
                *x = truncate(square, FRACTION_BITS);
            }
        },
    )?;
    Ok(Share::held(RING, out))
}

/// Row r of x times element r of `per_row`, truncated.
///
/// Cost: x's and `per_row`'s words each way, 1 round; offline x's words to P2.
///
/// # Security
/// As [`matmul`].
pub fn multiply_rows(runtime: &mut Runtime<'_>, x: &Share, per_row: &Share) -> Result<Share> {
    let rows = per_row.len();
    let width = x.len() / rows.max(1);
    bilinear(runtime, Bilinear::Rows { rows, width }, x, per_row, None)
}

/// Each row of x times `per_column`, element by element, truncated.
///
/// Cost: x's and `per_column`'s words each way, `per_column`'s only where its mask is not reused, 1 round; offline x's words to P2.
///
/// # Security
/// As [`matmul`] and [`Weight::share`].
pub fn multiply_columns(
    runtime: &mut Runtime<'_>,
    x: &Share,
    per_column: &Weight,
) -> Result<Share> {
    let width = per_column.share.len();
    let rows = x.len() / width.max(1);
    let map = Bilinear::Columns { rows, width };
    bilinear(
        runtime,
        map,
        x,
        &per_column.share,
        per_column.reused.as_ref(),
    )
}

/// Matrix products, all opened in one round, truncated.
///
/// Cost: both operands' words each way, 1 round; offline the products' words to P2.
///
/// # Security
/// Opens x - a and y - b; a and b are uniform, unknown to both, and used here alone.
pub fn matmul(
    runtime: &mut Runtime<'_>,
    shape: MatmulShape,
    x: &Share,
    y: &Share,
) -> Result<Share> {
    bilinear(runtime, Bilinear::Matmul(shape), x, y, None)
}

/// [`matmul`] where y is a weight.
///
/// Cost: as [`matmul`], or x's words alone where the weight's mask is reused.
///
/// # Security
/// As [`matmul`] and [`Weight::share`].
pub fn matmul_by_weight(
    runtime: &mut Runtime<'_>,
    shape: MatmulShape,
    x: &Share,
    y: &Weight,
) -> Result<Share> {
    let map = Bilinear::Matmul(shape);
    bilinear(runtime, map, x, &y.share, y.reused.as_ref())
}

/// `map` of x and y, truncated; y is opened here unless its mask is `reused`.
fn bilinear(
    runtime: &mut Runtime<'_>,
    map: Bilinear,
    x: &Share,
    y: &Share,
    reused: Option<&Reused>,
) -> Result<Share> {
    let [left, right, len] = map.lengths();
    runtime.ensure((x.len(), y.len()) == (left, right), || {
        format!("{} and {} elements for {map:?}", x.len(), y.len())
    })?;
    let (correlation, mask) = match reused {
        None => (Correlation::Triple(map), None),
        Some(Reused::Mask(mask)) => (Correlation::Reusing(map), Some(&**mask)),
        Some(_) => (Correlation::Reusing(map), None),
    };
    let Some(dealt) = correlated(runtime, correlation, mask)? else {
        return Ok(absent(len));
    };
    let (x, y) = (x.values(), y.values());
    let mut opening = runtime.buffer(correlation.opened() * WORD);
    let threads = runtime.session()?.threads();
    // e and d start as this party's shares of them, a stays.
    let a = draw(threads, &dealt.stream, 0, left);
    let mut e = a.clone();
    combine(
        threads,
        &mut e,
        x,
        #[inline(always)]
        |a, x| x.wrapping_sub(a),
    );
    let mut d = match reused {
        Some(Reused::Opened(_)) => None,
        _ => {
            // Not to be zeroed: what is opened is what both see.
            let mut d = draw(threads, &dealt.stream, left, right).into_vec();
            combine(
                threads,
                &mut d,
                y,
                #[inline(always)]
                |b, y| y.wrapping_sub(b),
            );
            Some(d)
        }
    };
    let (first, second) = opening.as_chunks_mut::<WORD>().0.split_at_mut(left);
    write(threads, &e, first);
    if let Some(d) = &d {
        write(threads, d, second);
    }
    let theirs = runtime.exchange(opening)?;
    let threads = runtime.session()?.threads();
    let (first, second) = theirs.as_chunks::<WORD>().0.split_at(left);
    add_words(threads, &mut e, first);
    if let Some(d) = &mut d {
        add_words(threads, d, second);
    }
    let mut out = products(threads, &dealt, correlation.opened(), len);
    map.accumulate(threads, &e, y, &mut out);
    let d = match (&d, reused) {
        (None, Some(Reused::Opened(d))) => d,
        (d, _) => d.as_deref().unwrap_or_default(),
    };
    map.accumulate(threads, &a, d, &mut out);
    threads.chunks_mut(&mut out, GRAIN, |_, out| {
        widest(
            #[inline(always)]
            || {
                for out in out {
                    *out = truncate(*out, FRACTION_BITS);
                }
            },
        );
    });
    runtime.recycle(theirs);
    Ok(Share::held(RING, out))
}

/// [`correlated`] for element-wise gates.
pub(super) fn gates(runtime: &mut Runtime<'_>, gate: Gate, count: usize) -> Result<Option<Gates>> {
    let dealt = correlated(runtime, Correlation::Gates(gate, count), None)?;
    Ok(dealt.map(|dealt| Gates::new(gate, count, dealt)))
}

/// `words = x - mask`.
#[inline(always)]
fn mask(x: &[u64], masks: &[u64], words: &mut [Bytes]) {
    for (word, (x, mask)) in words.iter_mut().zip(x.iter().zip(masks)) {
        *word = x.wrapping_sub(*mask).to_le_bytes();
    }
}

pub(super) fn write(threads: &Threads, values: &[u64], words: &mut [Bytes]) {
    threads.chunks_mut(words, GRAIN, |first, words| {
        let values = &values[first..][..words.len()];
        for (word, value) in words.iter_mut().zip(values) {
            *word = value.to_le_bytes();
        }
    });
}

pub(super) fn add_words(threads: &Threads, values: &mut [u64], words: &[Bytes]) {
    threads.chunks_mut(values, GRAIN, |first, values| {
        let words = &words[first..][..values.len()];
        for (value, word) in values.iter_mut().zip(words) {
            *value = value.wrapping_add(u64::from_le_bytes(*word));
        }
    });
}

/// A computing party's share of a triple's product.
fn products(threads: &Threads, dealt: &Part, first: usize, len: usize) -> Wiped<u64> {
    match &dealt.correction {
        None => draw(threads, &dealt.stream, first, len),
        Some(correction) => {
            let words = correction.as_chunks::<WORD>().0;
            words.iter().map(|word| u64::from_le_bytes(*word)).collect()
        }
    }
}

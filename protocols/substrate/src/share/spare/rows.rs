//! Numbers with a spare bit times private factors, their squares summed over rows, and their products with one wire a row: without a
//! message.

use super::{Factors, Spare};
use crate::Result;
use crate::ring::Word;
use crate::runtime::Runtime;
use crate::share::{Additive, Masked, dealt};
use crate::wipe::Wiped;

/// `[c_j x_j + k_j]` for each element of a row, with constants that P0 knows (read there alone).
///
/// Cost: offline 2 l bits an element from P0 to P2; nothing online.
///
/// # Security
/// Local on what [`Spare`] has open; see there, and [`dealt`].
///
/// # Errors
/// Elements dealt for something else; the network's.
///
/// # Panics
/// If there is no whole number of rows.
pub fn scaled<W: Word, V: Word>(
    runtime: &mut Runtime<'_>,
    x: &Spare<W>,
    c: &Factors<V>,
    constants: &[V],
) -> Result<Additive<V>> {
    let (ring, row) = (c.ring(), c.len());
    assert!(x.len().is_multiple_of(row), "whole rows");
    let secret = Secret { x, c };
    let wraps: Additive<V> = secret.deal(runtime, |c, _, wrap| c.wrapping_mul(wrap))?;
    let rest: Additive<V> = secret.deal_at(runtime, |i, c, d, _| {
        constants[i % row].to_u64().wrapping_sub(c.wrapping_mul(d))
    })?;
    let factors = c.shares.values();
    Ok(rest.map_to(ring, x.len(), |rest| {
        let parts = rest.iter().zip(wraps.values()).enumerate();
        let sums = parts.map(|(i, (rest, wrap))| {
            let (n, open) = x.public(i);
            let sum = n.wrapping_mul(factors[i % row].to_u64());
            let wrap = if open { wrap.to_u64() } else { 0 };
            let sum = sum.wrapping_add(rest.to_u64()).wrapping_add(wrap);
            ring.reduce(V::from_u64(sum))
        });
        sums.collect::<Wiped<V>>()
    }))
}

/// `[sum of c_j x_j^2]` of each row.
///
/// Cost: offline 3 l bits an element and l a row from P0 to P2; nothing online.
///
/// # Security
/// As [`scaled`].
///
/// # Errors
/// As [`scaled`].
///
/// # Panics
/// If there is no whole number of rows.
pub fn row_squares<W: Word, V: Word>(
    runtime: &mut Runtime<'_>,
    x: &Spare<W>,
    c: &Factors<V>,
) -> Result<Additive<V>> {
    // x^2 = N^2 - 2 N D + D^2 + o m (2 T (N - D) + T^2), T = 2^(b+1); `wrap` is m T.
    let secret = Secret { x, c };
    let whole = x.whole();
    let twice = |c: u64| c.wrapping_mul(2);
    let line = secret.deal(runtime, |c, d, _| twice(c).wrapping_mul(d).wrapping_neg())?;
    let wrapped_line = secret.deal(runtime, |c, _, wrap| twice(c).wrapping_mul(wrap))?;
    let wrapped = secret.deal(runtime, |c, d, wrap| {
        c.wrapping_mul(wrap)
            .wrapping_mul(whole.wrapping_sub(d.wrapping_mul(2)))
    })?;
    let rest = secret.deal_rows(runtime, |c, d, _| c.wrapping_mul(d).wrapping_mul(d))?;
    let dealt = [line, wrapped_line, wrapped];
    let [line, wrapped_line, wrapped] = dealt.each_ref().map(|dealt: &Additive<V>| dealt.values());
    Ok(sum_rows(runtime, x, c, &rest, |i, c| {
        let (n, open) = x.public(i);
        let mut slope = n.wrapping_mul(c).wrapping_add(line[i].to_u64());
        let mut constant = 0;
        if open {
            slope = slope.wrapping_add(wrapped_line[i].to_u64());
            constant = wrapped[i].to_u64();
        }
        n.wrapping_mul(slope).wrapping_add(constant)
    }))
}

/// `[c_j x_j y]` for each element of a row, y being the row's element of a wire. `record` is shown, at P1 and P2, their shares of
/// `c 2^(b+1) m`: what the verifier of a run needs where a number is beyond its bits.
///
/// Cost: offline 5 l bits an element from P0 to P2; nothing online.
///
/// # Security
/// As [`scaled`].
///
/// # Errors
/// As [`scaled`].
///
/// # Panics
/// If there is no whole number of rows, or y has another ring or not an element a row.
pub fn times_row<W: Word, V: Word>(
    runtime: &mut Runtime<'_>,
    x: &Spare<W>,
    c: &Factors<V>,
    y: &Masked<V>,
    record: impl FnOnce(&[V]),
) -> Result<Additive<V>> {
    // c (N - D + o m T) (Y - s) = N (c Y - c s) + Y (-c D + o c m T) + c D s - o c m T s.
    let row = c.len();
    let shape = (y.ring(), y.len() * row);
    assert_eq!(shape, (c.ring(), x.len()), "an element a row");
    let secret = Secret { x, c };
    let masks = y.masks();
    let s = |i: usize| masks[i / row].to_u64();
    let dealt = [
        secret.deal_at(runtime, |i, c, _, _| c.wrapping_mul(s(i)).wrapping_neg())?,
        secret.deal(runtime, |c, d, _| c.wrapping_mul(d).wrapping_neg())?,
        secret.deal(runtime, |c, _, wrap| c.wrapping_mul(wrap))?,
        secret.deal_at(runtime, |i, c, d, _| c.wrapping_mul(d).wrapping_mul(s(i)))?,
        secret.deal_at(runtime, |i, c, _, wrap| {
            c.wrapping_mul(wrap).wrapping_mul(s(i)).wrapping_neg()
        })?,
    ];
    let ring = c.ring();
    if runtime.computing_peer().is_none() {
        return Ok(Additive::absent(ring, x.len()));
    }
    let [of_n, of_y, wrapped_of_y, rest, wrapped] =
        dealt.each_ref().map(|dealt: &Additive<V>| dealt.values());
    record(wrapped_of_y);
    let (factors, values) = (c.shares.values(), y.values());
    let mut out = Wiped::zeros(x.len());
    let threads = runtime.session()?.threads();
    // Whole rows, so that nothing is divided an element.
    threads.chunks_mut(&mut out, row, |first, part: &mut [V]| {
        for (r, out) in (first / row..).zip(part.chunks_exact_mut(row)) {
            let (at, y) = (r * row..(r + 1) * row, values[r].to_u64());
            let parts = [of_n, of_y, wrapped_of_y, rest, wrapped].map(|part| &part[at.clone()]);
            let opened = &x.values()[at];
            for (j, out) in out.iter_mut().enumerate() {
                let [of_n, of_y, wrapped_of_y, rest, wrapped] = parts.map(|part| part[j].to_u64());
                let (n, open) = x.public_of(opened[j]);
                // All ones where m counts.
                let open = u64::from(open).wrapping_neg();
                let of_y = of_y.wrapping_add(wrapped_of_y & open);
                let rest = rest.wrapping_add(wrapped & open);
                let of_n = factors[j].to_u64().wrapping_mul(y).wrapping_add(of_n);
                let sum = n.wrapping_mul(of_n).wrapping_add(y.wrapping_mul(of_y));
                *out = ring.reduce(V::from_u64(sum.wrapping_add(rest)));
            }
        }
    });
    Ok(Additive::held(ring, out))
}

/// What P0 knows of numbers with a spare bit and of their factors.
struct Secret<'a, W, V> {
    x: &'a Spare<W>,
    c: &'a Factors<V>,
}

impl<W: Word, V: Word> Secret<'_, W, V> {
    /// Deals `f(c, D, m 2^(b+1))` for each element.
    fn deal(
        &self,
        runtime: &mut Runtime<'_>,
        f: impl Fn(u64, u64, u64) -> u64,
    ) -> Result<Additive<V>> {
        self.deal_at(runtime, |_, c, d, wrap| f(c, d, wrap))
    }

    /// The same of the element's place too.
    fn deal_at(
        &self,
        runtime: &mut Runtime<'_>,
        f: impl Fn(usize, u64, u64, u64) -> u64,
    ) -> Result<Additive<V>> {
        let len = self.x.len();
        dealt(runtime, self.c.ring(), len, || {
            (0..len).map(|i| V::from_u64(self.at(i, &f))).collect()
        })
    }

    /// Deals the sum of `f(c, D, m 2^(b+1))` over each row.
    fn deal_rows(
        &self,
        runtime: &mut Runtime<'_>,
        f: impl Fn(u64, u64, u64) -> u64,
    ) -> Result<Additive<V>> {
        let (len, row) = (self.x.len(), self.c.len());
        let f = |_, c, d, wrap| f(c, d, wrap);
        dealt(runtime, self.c.ring(), len / row, || {
            let sum = |first: usize| {
                let row = (first..first + row).map(|i| self.at(i, f));
                V::from_u64(row.fold(0, u64::wrapping_add))
            };
            (0..len).step_by(row).map(sum).collect()
        })
    }

    fn at(&self, i: usize, f: impl Fn(usize, u64, u64, u64) -> u64) -> u64 {
        let (d, m) = self.x.secret(i);
        let c = self.c.clear[i % self.c.len()].to_u64();
        f(i, c, d, m.wrapping_mul(self.x.whole()))
    }
}

/// At P1 and P2, the sum of `f(element, its factor's share)` over each row, and the row's `rest`.
fn sum_rows<W: Word, V: Word>(
    runtime: &Runtime<'_>,
    x: &Spare<W>,
    c: &Factors<V>,
    rest: &Additive<V>,
    f: impl Fn(usize, u64) -> u64,
) -> Additive<V> {
    let (ring, row) = (c.ring(), c.len());
    assert!(x.len().is_multiple_of(row), "whole rows");
    if runtime.computing_peer().is_none() {
        return Additive::absent(ring, x.len() / row);
    }
    let shares = c.shares.values();
    let sums = rest.values().iter().enumerate().map(|(r, rest)| {
        let terms = shares.iter().enumerate();
        let terms = terms.map(|(j, c)| f(r * row + j, c.to_u64()));
        ring.reduce(V::from_u64(terms.fold(rest.to_u64(), u64::wrapping_add)))
    });
    Additive::held(ring, sums.collect::<Wiped<V>>())
}

//! Residual connection and LayerNorm (paper, section 5; the residual is not in the paper).

use super::plan::VarianceProtocol;
use super::{Activation, LutRss};
use crate::Result;
use crate::lut::{Contents, Input, Opened, lookup, open};
use crate::model::walk::Norm;
use crate::quantized::integer::PRODUCT;
use crate::quantized::integer::norm::{VARIANCE_BITS, mean_factor, wide_ring};
use crate::ring::Ring;
use crate::share::{Additive, Replicated, gather_product, reshare};
use crate::wipe::Wiped;

impl LutRss<'_> {
    /// LayerNorm(branch + residual), both per token.
    ///
    /// The residual's index has been opened already where it fed a layer: its lift to Z_{2^16} shares
    /// that offset and costs nothing online. The branch is a product over Z_{2^16} at a scale of P0's
    /// choice, so the sum is local, before the one cut. (The design lifts both branches; the branch's own
    /// cut and lift would only add a round and noise.)
    ///
    /// Mean and variance are taken over a ring of b + ceil(log2 H) + 7 bits, wide enough that the mean's
    /// multiplier has 8 significant bits.
    pub(super) fn residual_norm(
        &mut self,
        norm: Norm,
        mut branch: Activation,
        mut residual: Activation,
    ) -> Result<Activation> {
        let (index_bits, hidden) = (self.plan.index_bits, self.plan.config.hidden);
        let wide = wide_ring(index_bits, hidden);
        let sum = self.step("residual", |engine| {
            engine.open_once(&mut residual)?;
            let opened = residual
                .opened
                .take()
                .ok_or_else(|| engine.misplaced("an opened index"))?;
            let addend = engine.signed_table::<u16>(
                Input::each(&opened),
                opened.len(),
                PRODUCT,
                |model, index| model.norm(norm).residual(index),
            )?;
            let branch = branch
                .product
                .take()
                .ok_or_else(|| engine.misplaced("a product"))?;
            let sum: Additive<u8> = engine.cut(&branch.plus(&addend), index_bits);
            Ok(sum)
        })?;

        let deviation = self.step("mean", |engine| {
            let opened = open(&mut engine.runtime, &sum)?;
            let lifted =
                engine
                    .signed_table::<u32>(Input::each(&opened), sum.len(), wide, |_, index| index)?;
            let mean = lifted.sum_rows(hidden, mean_factor(index_bits, hidden) as u32);
            let mean: Additive<u8> = engine.cut(&mean, index_bits);
            let deviation = sum.sub_rows(&mean, hidden);
            Ok(deviation)
        })?;

        let (opened, variance) = self.step("variance", |engine| {
            let opened = open(&mut engine.runtime, &deviation)?;
            let sum_of_squares = match engine.plan.variance_protocol {
                VarianceProtocol::SquareTable => {
                    engine.sum_of_squares_by_table(norm, &opened, wide)?
                }
                VarianceProtocol::InnerProduct => {
                    engine.sum_of_squares_by_product(norm, &opened, wide)?
                }
            };
            let variance: Additive<u8> = engine.cut(&sum_of_squares, VARIANCE_BITS);
            Ok((opened, variance))
        })?;

        let output = self.step("affine", |engine| {
            let variance = open(&mut engine.runtime, &variance)?;
            let inputs = [Input::each(&opened), Input::per_row(&variance, hidden)];
            let ring = engine.plan.index_ring();
            let model = engine.known.model;
            let output = lookup::<u8>(&mut engine.runtime, &inputs, opened.len(), ring, || {
                affine_tables(model.map(|model| model.norm(norm)), hidden, ring)
            })?;
            Ok(output)
        })?;
        Ok(Activation::of_index(output))
    }

    /// `[C * sum of d^2]` a row, by a table of squares on the opening that the affine table needs anyway:
    /// `2^b * l` bits an element offline, nothing online.
    fn sum_of_squares_by_table(
        &mut self,
        norm: Norm,
        d: &Opened,
        wide: Ring,
    ) -> Result<Additive<u32>> {
        let squares = self.signed_table::<u32>(Input::each(d), d.len(), wide, |model, index| {
            model.norm(norm).square_factor as i64 * index * index
        })?;
        Ok(squares.sum_rows(self.plan.config.hidden, 1))
    }

    /// The paper's way: a replicated inner product of d and C d, each lifted and reshared:
    /// `2 * 2^b * l` bits an element offline, 4 l online, one more round.
    fn sum_of_squares_by_product(
        &mut self,
        norm: Norm,
        d: &Opened,
        wide: Ring,
    ) -> Result<Additive<u32>> {
        let hidden = self.plan.config.hidden;
        let plain = self.signed_table::<u32>(Input::each(d), d.len(), wide, |_, index| index)?;
        let scaled = self.signed_table::<u32>(Input::each(d), d.len(), wide, |model, index| {
            model.norm(norm).square_factor as i64 * index
        })?;
        let lifted = reshare(&mut self.runtime, &[&plain, &scaled])?;
        gather_product(&mut self.runtime, wide, d.len() / hidden, |_| {
            inner_products(&lifted, hidden, wide)
        })
    }
}

/// One party's summands of the row inner products of two replicated vectors:
/// `a_prev (b_prev + b_next) + a_next b_prev`.
fn inner_products(operands: &[Replicated<u32>], row: usize, ring: Ring) -> Wiped<u32> {
    let (a, b) = (&operands[0], &operands[1]);
    let rows = |x: &'_ [u32]| x.len() / row;
    (0..rows(&a.previous))
        .map(|r| {
            let range = r * row..(r + 1) * row;
            let sum = range.fold(0u32, |sum, i| {
                let own = a.previous[i].wrapping_mul(b.previous[i].wrapping_add(b.next[i]));
                sum.wrapping_add(own)
                    .wrapping_add(a.next[i].wrapping_mul(b.previous[i]))
            });
            ring.reduce(sum)
        })
        .collect()
}

/// One table a feature on (deviation, variance); none where there is no model.
pub fn affine_tables(
    norm: Option<&crate::quantized::integer::norm::IntegerNorm>,
    hidden: usize,
    ring: Ring,
) -> Contents<u8> {
    let Some(norm) = norm else {
        return Contents { tables: Vec::new() };
    };
    let tables = (0..hidden)
        .map(|feature| {
            let mut table = Wiped::zeros(1 << (ring.bits() + VARIANCE_BITS));
            for (entry, value) in table.iter_mut().enumerate() {
                let deviation = (entry >> VARIANCE_BITS) as u8;
                let variance = entry as u64 & ((1 << VARIANCE_BITS) - 1);
                *value = ring.encode(norm.affine(feature, ring.signed(deviation), variance));
            }
            table
        })
        .collect();
    Contents { tables }
}

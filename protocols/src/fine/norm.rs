//! Residual connection and LayerNorm: four rounds, and no table an element.

use super::engine::{Activation, Fine, one_table};
use super::linear::rows_times;
use crate::Result;
use crate::lut::{Input, lookup, open};
use crate::model::walk::Norm;
use crate::share::spare::{open_spare, row_squares};
use crate::share::{Additive, Masked, dealt, open_masked};
use crate::wipe::Wiped;

impl Fine<'_> {
    /// `[LayerNorm(branch + residual)]` before its gain and offset, which are in what follows; in the wide ring, not yet cut.
    ///
    /// Sum and mean are opened with a spare bit each; their squares are then linear in what P0 has dealt, and so is the product with the
    /// inverse of the deviation, once that is a wire. The mean is the branch's last output.
    ///
    /// Cost: rounds: sum and mean, variance, inverse; and the opening of what comes out, which the next step makes.
    ///
    /// # Security
    /// Sum, mean, variance and inverse are opened under fresh masks and offsets; the rest is local.
    pub(super) fn residual_norm(
        &mut self,
        norm: Norm,
        branch: Activation,
        mut residual: Activation,
    ) -> Result<Activation> {
        let widths = self.plan.widths.layer(norm.layer());
        let branch = self.product_of(branch)?;
        let residual = self.wire(&mut residual)?;
        let factors = self.known.weights.norm(norm)?;
        let opened = self.step("residual", |engine| {
            let (sum, mean) = engine.with_residual(&branch, &residual, factors)?;
            let sum: Additive<u16> = engine.cut(&sum, widths.sum + 1);
            open_spare(&mut engine.runtime, &[&sum, &mean])
        })?;
        let (sum, mean) = (&opened[0], &opened[1]);
        let normal = self.step("normalize", |engine| {
            let runtime = &mut engine.runtime;
            let squares: Additive<u64> = row_squares(runtime, sum, &factors.square)?;
            let of_mean = row_squares(runtime, mean, &factors.mean_square)?;
            let variance: Additive<u16> = engine.cut(&minus(squares, &of_mean), widths.variance);
            let opened = open(&mut engine.runtime, &variance)?;
            let (model, wide) = (engine.known.model, widths.normal());
            let entries = model.map(|model| &model.norm(norm).0.inverse[..]);
            let contents = || one_table(entries, wide);
            let inputs = [Input::each(&opened)];
            let inverse: Additive<u64> =
                lookup(&mut engine.runtime, &inputs, opened.len(), wide, contents)?;
            let inverse = open_masked(&mut engine.runtime, &inverse)?;
            engine.step("scale", |engine| {
                let scaled = engine.times_row(sum, &factors.unit, &inverse)?;
                let of_mean = engine.times_row(mean, &factors.mean_unit, &inverse)?;
                Ok(scaled.sub_rows(&of_mean, engine.plan.config.hidden))
            })
        })?;
        Ok(Activation::Normal(normal))
    }

    /// Branch and residual added up: the sum of each feature, and the mean of a row.
    fn with_residual(
        &mut self,
        branch: &Additive<u16>,
        residual: &Masked<u16>,
        factors: &super::weights::NormFactors,
    ) -> Result<(Additive<u16>, Additive<u16>)> {
        let ring = branch.ring();
        let hidden = self.plan.config.hidden;
        let rows = residual.len() / hidden;
        let sum_rows = |x: &[u16]| -> Wiped<u16> {
            let rows = x.chunks_exact(hidden);
            rows.map(|row| row.iter().fold(0u16, |sum, x| sum.wrapping_add(*x)))
                .collect()
        };
        let negated = |mut x: Wiped<u16>| {
            x.iter_mut()
                .for_each(|x| *x = ring.reduce(x.wrapping_neg()));
            x
        };
        let masks = residual.masks();
        let own = negated(rows_times(masks, factors.own.clear()));
        let in_mean = negated(sum_rows(&rows_times(masks, factors.in_mean.clear())));
        let own = dealt(&mut self.runtime, ring, residual.len(), || own)?;
        let in_mean = dealt(&mut self.runtime, ring, rows, || in_mean)?;
        let add = |a: &[u16], b: Wiped<u16>| -> Wiped<u16> {
            a.iter()
                .zip(b.iter())
                .map(|(a, b)| ring.reduce(a.wrapping_add(*b)))
                .collect()
        };
        let values = residual.values();
        let sum = own.map_to(ring, residual.len(), |own| {
            let rows = branch.values().chunks_exact(hidden + 1);
            let features: Wiped<u16> = rows.flat_map(|row| &row[..hidden]).copied().collect();
            let residual = rows_times(values, factors.own.shares());
            add(&add(own, residual), features)
        });
        let mean = in_mean.map_to(ring, rows, |in_mean| {
            let means = branch
                .values()
                .chunks_exact(hidden + 1)
                .map(|row| row[hidden]);
            let residual = sum_rows(&rows_times(values, factors.in_mean.shares()));
            add(&add(in_mean, residual), means.collect())
        });
        Ok((sum, mean))
    }
}

/// `[a - b]`.
fn minus(a: Additive<u64>, b: &Additive<u64>) -> Additive<u64> {
    let ring = a.ring();
    let len = a.len();
    a.map_to(ring, len, |a| ring.subtract(a, b.values()))
}

//! Residual connection and LayerNorm, with truncation.

use super::engine::{Activation, LutTrunc};
use crate::fixed_trunc::shares;
use qbench_protocols::Result;
use qbench_protocols::lut::{Input, lookup, open};
use qbench_protocols::lut_rss::norm::affine_tables;
use qbench_protocols::model::walk::{Engine, Norm};
use qbench_protocols::quantized::integer::PRODUCT;
use qbench_protocols::quantized::integer::norm::{VARIANCE_BITS, mean_factor, wide_ring};
use qbench_protocols::ring::Ring;
use qbench_protocols::share::reshare;

impl LutTrunc<'_> {
    /// LayerNorm(branch + residual), both per token, as `lut-rss` has it. The residual's index has been opened where it fed a layer; its
    /// lift is shared again. The mean is taken of numbers, without a table; squares by a table on the opened deviation, as there.
    pub(super) fn residual_norm(
        &mut self,
        norm: Norm,
        mut branch: Activation,
        residual: Activation,
    ) -> Result<Activation> {
        let plan = self.inner.plan;
        let (bits, hidden, ring) = (plan.index_bits, plan.config.hidden, plan.index_ring());
        let wide = wide_ring(bits, hidden);

        self.enter("residual")?;
        let opened = residual
            .opened()
            .ok_or_else(|| self.missing("an opened index"))?;
        let addend = self.lifted(opened, |model, index| model.norm(norm).residual(index))?;
        let addend = reshare(&mut self.inner.runtime, &[&addend])?.pop();
        let (Some(branch), Some(addend)) = (branch.take_product(), addend) else {
            return Err(self.missing("a product"));
        };
        let sum = shares::add(&self.inner.runtime, branch, &addend);
        let sum = self.truncated(&sum, PRODUCT.bits() - bits)?;
        self.leave()?;

        self.enter("mean")?;
        let total = shares::sum_rows(&sum, hidden);
        let total = shares::times(&self.inner.runtime, total, mean_factor(bits, hidden) as i64);
        let mean = self.truncated(&total, wide.bits() - bits)?;
        let deviation = shares::subtract_rows(&self.inner.runtime, sum, &mean, hidden);
        self.leave()?;

        self.enter("variance")?;
        let deviation = self.narrowed(&deviation, ring)?;
        let opened = open(&mut self.inner.runtime, &deviation)?;
        let squares = self.lifted(&opened, |model, index| {
            model.norm(norm).square_factor as i64 * index * index
        })?;
        let squares = reshare(&mut self.inner.runtime, &[&squares.sum_rows(hidden, 1)])?.pop();
        let squares = squares.ok_or_else(|| self.missing("a number"))?;
        let variance = self.truncated(&squares, wide.bits() - VARIANCE_BITS)?;
        let variance = self.narrowed(&variance, Ring::new(VARIANCE_BITS))?;
        self.leave()?;

        self.enter("affine")?;
        let variance = open(&mut self.inner.runtime, &variance)?;
        let inputs = [Input::each(&opened), Input::per_row(&variance, hidden)];
        let model = self.inner.known.model;
        let output = lookup::<u8>(&mut self.inner.runtime, &inputs, opened.len(), ring, || {
            affine_tables(model.map(|model| model.norm(norm)), hidden, ring)
        })?;
        self.leave()?;
        Ok(Activation::of_index(output))
    }
}

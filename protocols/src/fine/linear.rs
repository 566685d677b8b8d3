//! Products with weights, of which P0 knows all but one term before there is an input.

use super::engine::Fine;
use super::weights::FineMatrix;
use crate::Result;
use crate::kernel::gemm16;
use crate::model::walk::Linear;
use crate::phase::Phase;
use crate::runtime::Runtime;
use crate::share::{Additive, Masked, dealt};
use crate::wipe::Wiped;

impl Fine<'_> {
    /// `[y] = x W'^T + bias`: with the wire `X = x + r` known to both, `X W' - r W' + bias`, of which P0 knows all but the first term
    /// offline.
    ///
    /// Cost: offline l bits an output from P0 to P2; nothing online.
    ///
    /// # Security
    /// Local on X, which is masked, and on shares; see [`dealt`].
    pub(super) fn multiply(&mut self, linear: Linear, x: &Masked<u16>) -> Result<Additive<u16>> {
        let ring = self.plan.widths.first().product();
        let (outputs, inputs) = self.plan.shape(linear);
        let rows = x.len() / inputs;
        let count = rows * outputs;
        let held = match self.runtime.me() {
            Some(_) => Some(self.known.weights.matrix(linear)?),
            None => None,
        };
        let product = |runtime: &Runtime<'_>, x: &[u16], weights: &_, into: &mut [u16]| {
            if let Some(threads) = runtime.threads() {
                gemm16::multiply_add_parallel(threads, x, inputs, rows, weights, into, outputs);
            }
        };
        let secret = match (self.runtime.phase(), held) {
            (Phase::Offline, Some(FineMatrix::Clear(weights, bias))) => {
                let mut masked = Wiped::zeros(count);
                product(&self.runtime, x.masks(), weights, &mut masked);
                for row in masked.chunks_exact_mut(outputs) {
                    for (masked, bias) in row.iter_mut().zip(bias.iter()) {
                        *masked = ring.reduce(bias.wrapping_sub(*masked));
                    }
                }
                masked
            }
            _ => Wiped::default(),
        };
        let summand = dealt(&mut self.runtime, ring, count, || secret)?;
        Ok(match held {
            Some(FineMatrix::Share(weights)) if !summand.values().is_empty() => {
                let mut y = summand.into_values();
                product(&self.runtime, x.values(), weights, &mut y);
                for y in y.iter_mut() {
                    *y = ring.reduce(*y);
                }
                Additive::held(ring, y)
            }
            _ => summand,
        })
    }
}

/// Each row of x times a factor a feature; nothing of nothing.
pub(super) fn rows_times(x: &[u16], factors: &[u16]) -> Wiped<u16> {
    let mut out = Wiped::copied(x);
    for row in out.chunks_exact_mut(factors.len().max(1)) {
        for (x, factor) in row.iter_mut().zip(factors) {
            *x = x.wrapping_mul(*factor);
        }
    }
    out
}

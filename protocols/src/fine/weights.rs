//! What P0 shares once a model: weights, and the private factors of features.

use super::integer::{FineModel, OUTPUT};
use super::plan::FinePlan;
use crate::kernel::gemm16::Packed16;
use crate::model::walk::{Linear, Norm};
use crate::net::Party;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::share_from_p0;
use crate::share::spare::Factors;
use crate::wipe::Wiped;
use crate::{Error, Result};
use std::collections::HashMap;

/// One weight matrix, packed for the product kernel.
pub enum FineMatrix {
    /// P0: W', and the bias.
    Clear(Packed16, Wiped<u16>),
    /// P1 and P2: their share of W'.
    Share(Packed16),
}

/// The private factors of a norm.
pub struct NormFactors {
    /// Of the residual's wire, in its own feature's sum.
    pub own: Factors<u16>,
    /// Of the residual's wire, in the mean.
    pub in_mean: Factors<u16>,
    /// Units of an index of branch + residual.
    pub unit: Factors<u64>,
    /// Their squares.
    pub square: Factors<u64>,
    /// Units of an integer of the mean.
    pub mean_unit: Factors<u64>,
    /// Their square, times the features of a row.
    pub mean_square: Factors<u64>,
}

/// All that is shared.
pub struct FineWeights {
    matrices: HashMap<Linear, FineMatrix>,
    /// Of each layer: what a query's index counts in the scores.
    pub query: Vec<Factors<u16>>,
    /// Of each norm.
    norms: HashMap<Norm, NormFactors>,
    /// What a normalized feature counts in the last hidden states, where P1 learns them.
    pub output: Option<Factors<u32>>,
}

impl FineWeights {
    /// A weight matrix, at a party.
    ///
    /// # Errors
    /// None was shared.
    pub fn matrix(&self, linear: Linear) -> Result<&FineMatrix> {
        self.matrices
            .get(&linear)
            .ok_or_else(|| missing(&linear.to_string()))
    }

    /// The factors of a norm.
    ///
    /// # Errors
    /// None were shared.
    pub fn norm(&self, norm: Norm) -> Result<&NormFactors> {
        self.norms
            .get(&norm)
            .ok_or_else(|| missing(&norm.to_string()))
    }

    /// P0 shares its model; P1 and P2 receive.
    ///
    /// Cost: 16 bits a weight from P0 to P2, nothing to P1; and a few words a feature.
    ///
    /// # Security
    /// As [`share_from_p0`].
    ///
    /// # Errors
    /// P0 without a model; the network's.
    pub fn share(
        runtime: &mut Runtime<'_>,
        plan: &FinePlan,
        model: Option<&FineModel<'_>>,
    ) -> Result<Self> {
        let mut matrices = HashMap::new();
        for linear in Linear::all(&plan.config) {
            let shared = runtime.step(&linear.to_string(), |runtime| {
                matrix(runtime, plan, model, linear)
            })?;
            matrices.extend(shared.map(|shared| (linear, shared)));
        }
        let (mut query, mut norms) = (Vec::new(), HashMap::new());
        let hidden = plan.config.hidden;
        for l in 0..plan.config.layers {
            runtime.step(&format!("layer{l}/factors"), |runtime| {
                let clear = model.map(|model| &model.layers[l].attention.query_factor[..]);
                query.push(factors(
                    runtime,
                    plan.widths.layer(l).product(),
                    hidden,
                    clear,
                )?);
                for norm in [Norm::Attention(l), Norm::FeedForward(l)] {
                    norms.insert(norm, norm_factors(runtime, plan, model, norm)?);
                }
                Ok(())
            })?;
        }
        let output = match plan.shows_states() {
            false => None,
            true => runtime.step("head/factors", |runtime| {
                let output = model.map(|model| model.output().factor);
                Ok(Some(factors(runtime, OUTPUT, hidden, output.as_deref())?))
            })?,
        };
        Ok(Self {
            matrices,
            query,
            norms,
            output,
        })
    }
}

fn missing(step: &str) -> Error {
    Error::Material {
        step: step.to_owned(),
        expected: "weights shared at setup".into(),
        actual: "none".into(),
    }
}

fn matrix(
    runtime: &mut Runtime<'_>,
    plan: &FinePlan,
    model: Option<&FineModel<'_>>,
    linear: Linear,
) -> Result<Option<FineMatrix>> {
    let ring = plan.widths.first().product();
    let (outputs, inputs) = plan.shape(linear);
    let clear = model.map(|model| model.linear(linear)).transpose()?;
    let mine = runtime.me() == Some(Party::P0);
    if mine && clear.is_none() {
        return Err(Error::Internal("P0 has no model to share".into()));
    }
    let encode = |values: &mut dyn Iterator<Item = i64>| -> Wiped<u16> {
        values.map(|x| ring.encode(x)).collect()
    };
    let weights = clear
        .as_ref()
        .map(|clear| encode(&mut clear.weights.iter().map(|w| i64::from(*w))));
    let weights = weights.unwrap_or_default();
    let share = share_from_p0(runtime, ring, outputs * inputs, |first, out: &mut [u16]| {
        out.copy_from_slice(&weights[first..][..out.len()]);
    })?;
    let pack = |values: &[u16]| Packed16::from_rows(values, outputs, inputs);
    Ok(match (runtime.me(), &clear) {
        (Some(Party::P0), Some(clear)) => Some(FineMatrix::Clear(
            pack(&weights),
            encode(&mut clear.bias.iter().copied()),
        )),
        (Some(_), _) => Some(FineMatrix::Share(pack(share.values()))),
        (None, _) => None,
    })
}

fn norm_factors(
    runtime: &mut Runtime<'_>,
    plan: &FinePlan,
    model: Option<&FineModel<'_>>,
    norm: Norm,
) -> Result<NormFactors> {
    let widths = plan.widths.layer(norm.layer());
    let (product, wide) = (widths.product(), widths.normal());
    let (squares, hidden) = (widths.squares(), plan.config.hidden);
    let residual = model.map(|model| model.residual(norm));
    let residual = residual.as_ref();
    let norm = model.map(|model| model.norm(norm).0);
    let unit = norm.map(|norm| &norm.factor[..]);
    let square: Option<Vec<i64>> = unit.map(|unit| unit.iter().map(|c| c * c).collect());
    let mean = norm.map(|norm| norm.mean_factor);
    let mean_square = mean.map(|mean| [mean * mean * hidden as i64]);
    Ok(NormFactors {
        own: factors(runtime, product, hidden, residual.map(|r| &r.own[..]))?,
        in_mean: factors(runtime, product, hidden, residual.map(|r| &r.in_mean[..]))?,
        unit: factors(runtime, wide, hidden, unit)?,
        square: factors(runtime, squares, hidden, square.as_deref())?,
        mean_unit: factors(runtime, wide, 1, mean.as_ref().map(std::slice::from_ref))?,
        mean_square: factors(runtime, squares, 1, mean_square.as_ref().map(|m| &m[..]))?,
    })
}

fn factors<W: Word>(
    runtime: &mut Runtime<'_>,
    ring: Ring,
    len: usize,
    clear: Option<&[i64]>,
) -> Result<Factors<W>> {
    let clear = clear.map(|clear| clear.iter().map(|c| ring.encode(*c)).collect::<Wiped<W>>());
    Factors::share(runtime, ring, len, clear.as_deref())
}

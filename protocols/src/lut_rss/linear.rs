//! Products: fully connected layers with 1-bit weights (paper Alg. 3), Q K^T and P V.
//!
//! Operands are lifted to Z_{2^16} by tables that carry the private scales, multiplied in replicated
//! sharing, and gathered into `[y]^16`. Nothing is truncated: the next step cuts the top bits.

use super::plan::Plan;
use super::weights::SharedLinear;
use super::{Activation, LutRss};
use crate::kernel::gemm16::{self, Packed16};
use crate::lut::{Input, open_all};
use crate::model::config::ModelConfig;
use crate::model::score_bias::with_distances;
use crate::model::walk::Linear;
use crate::net::Party;
use crate::quantized::integer::scale::Scale;
use crate::quantized::integer::{IntegerModel, PRODUCT};
use crate::ring::Word;
use crate::session::Session;
use crate::share::{Replicated, gather_product, reshare};
use crate::threads::Threads;
use crate::wipe::Wiped;
use crate::{Error, Result};

impl LutRss<'_> {
    /// `[y]^16 = <x> W'^T + bias`. The input's conversion is kept for other layers that use it.
    pub(super) fn fully_connected(
        &mut self,
        linear: Linear,
        x: &mut Activation,
    ) -> Result<Activation> {
        if x.lifted.is_none() {
            x.lifted = self.step("convert", |engine| {
                engine.open_once(x)?;
                let opened = x
                    .opened
                    .as_ref()
                    .ok_or_else(|| engine.misplaced("an opened index"))?;
                let levels = engine.signed_table::<u16>(
                    Input::each(opened),
                    opened.len(),
                    PRODUCT,
                    |model, index| input_scale(model, linear).level(index),
                )?;
                Ok(reshare(&mut engine.runtime, &[&levels])?.pop())
            })?;
        }
        let x = x
            .lifted
            .as_ref()
            .ok_or_else(|| self.misplaced("a converted input"))?;
        let (outputs, inputs) = linear.shape(&self.plan.config);
        let rows = x.len / inputs;
        let weights = self.known.weights.filter(|_| x.is_held());
        let shared = weights.map(|weights| weights.get(linear)).transpose()?;
        if x.is_held() && shared.is_none() {
            return Err(Error::Internal(
                "products need the weights shared at setup".into(),
            ));
        }
        let product = gather_product(&mut self.runtime, PRODUCT, rows * outputs, |session| {
            shared.map_or_else(Wiped::default, |shared| {
                weight_summand(session.threads(), x, shared, rows, inputs, outputs)
            })
        })?;
        Ok(Activation::of_product(product))
    }

    /// Scores per head, `[heads * n, n]`: `(query_factor q) k^T`, and the model's bias by distance, which P0 adds to its own summand.
    pub(super) fn attention_scores(
        &mut self,
        layer: usize,
        mut q: Activation,
        mut k: Activation,
    ) -> Result<Activation> {
        let lifted = self.step("convert", |engine| {
            let (q, k) = (engine.index_of(&mut q)?, engine.index_of(&mut k)?);
            let opened = open_all(&mut engine.runtime, &[&q, &k])?;
            let q = engine.signed_table::<u16>(
                Input::each(&opened[0]),
                q.len(),
                PRODUCT,
                |model, index| {
                    let layer = &model.layers[layer];
                    layer.query_factor * layer.qkv[0].level(index)
                },
            )?;
            let k = engine.signed_table::<u16>(
                Input::each(&opened[1]),
                k.len(),
                PRODUCT,
                |model, index| model.layers[layer].qkv[1].level(index),
            )?;
            reshare(&mut engine.runtime, &[&q, &k])
        })?;
        let shape = HeadShape::new(self.plan);
        let block = shape.tokens * shape.tokens;
        let count = shape.heads * block;
        let model = self.known.model;
        let constants = model.and_then(|model| model.layers[layer].score_constant.as_ref());
        let product = gather_product(&mut self.runtime, PRODUCT, count, |session| {
            let mut summand = shape.scores_summand(session, &lifted[0], &lifted[1]);
            if let (Party::P0, Some(constants)) = (session.me(), constants) {
                for (block, constants) in summand.chunks_exact_mut(block).zip(constants) {
                    for (score, constant) in with_distances(shape.tokens, block, constants) {
                        *score = score.wrapping_add(PRODUCT.encode(*constant));
                    }
                }
            }
            summand
        })?;
        Ok(Activation::of_product(product))
    }

    /// Context, `[n, hidden]`: per head `p v`, both lifted with a part of the scale.
    pub(super) fn attention_context(
        &mut self,
        layer: usize,
        mut p: Activation,
        mut v: Activation,
    ) -> Result<Activation> {
        let lifted = self.step("convert", |engine| {
            let (p, v) = (engine.index_of(&mut p)?, engine.index_of(&mut v)?);
            let opened = open_all(&mut engine.runtime, &[&p, &v])?;
            // The code of a probability is unsigned.
            let p = engine.signed_table::<u16>(
                Input::each(&opened[0]),
                p.len(),
                PRODUCT,
                |model, index| model.layers[layer].softmax.probability[(index & 15) as usize],
            )?;
            let v = engine.signed_table::<u16>(
                Input::each(&opened[1]),
                v.len(),
                PRODUCT,
                |model, index| {
                    let layer = &model.layers[layer];
                    layer.value(layer.qkv[2].level(index))
                },
            )?;
            reshare(&mut engine.runtime, &[&p, &v])
        })?;
        let shape = HeadShape::new(self.plan);
        let count = shape.tokens * shape.hidden;
        let product = gather_product(&mut self.runtime, PRODUCT, count, |session| {
            shape.context_summand(session, &lifted[0], &lifted[1])
        })?;
        Ok(Activation::of_product(product))
    }
}

/// The scale of a fully connected layer's input, where that is an index: the inputs of [`Linear::FeedForwardOut`] and
/// [`Linear::Classifier`] come out of a non-linearity, which has levels of its own.
pub fn input_scale(model: &IntegerModel<'_>, linear: Linear) -> Scale {
    match linear {
        Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => model.layers[l].input,
        Linear::AttentionOutput(l) => model.layers[l].context,
        Linear::FeedForwardIn(l) => model.layers[l].attention_norm.output,
        // The pooler's input is the last layer's output. The other two get theirs converted by the
        // non-linearity before them.
        Linear::Pooler | Linear::FeedForwardOut(_) | Linear::Classifier => model
            .layers
            .last()
            .map_or(model.input, |layer| layer.feed_forward_norm.output),
    }
}

/// This party's summand of `<x> W'^T`, where W' has no component 0 (see [`SharedLinear`]):
/// P0 `x_2 W' + x_1 w_2 + bias`, P1 `x_0 w_2`, P2 `(x_0 + x_1) w_1`. `x` is `[rows, inputs]`, the result `[rows, outputs]`.
pub fn weight_summand(
    threads: &Threads,
    x: &Replicated<u16>,
    shared: &SharedLinear,
    rows: usize,
    inputs: usize,
    outputs: usize,
) -> Wiped<u16> {
    let mut y = Wiped::zeros(rows * outputs);
    match shared {
        SharedLinear::Owner {
            clear,
            second,
            bias,
        } => {
            for row in y.chunks_exact_mut(outputs) {
                row.copy_from_slice(bias);
            }
            // P0 lacks component 0: previous is component 2, next is component 1.
            gemm16::multiply_add_parallel(
                threads,
                &x.previous,
                inputs,
                rows,
                clear,
                &mut y,
                outputs,
            );
            gemm16::multiply_add_parallel(threads, &x.next, inputs, rows, second, &mut y, outputs);
        }
        // Previous is component 0; next is component 2, which would meet w_0 = 0.
        SharedLinear::Second(second) => {
            gemm16::multiply_add_parallel(
                threads,
                &x.previous,
                inputs,
                rows,
                second,
                &mut y,
                outputs,
            );
        }
        // Previous is component 1, next is component 0.
        SharedLinear::First(first) => {
            let sum = add(&x.previous, &x.next);
            gemm16::multiply_add_parallel(threads, &sum, inputs, rows, first, &mut y, outputs);
        }
    }
    y
}

fn add(a: &[u16], b: &[u16]) -> Wiped<u16> {
    a.iter().zip(b).map(|(a, b)| a.wrapping_add(*b)).collect()
}

/// How activations fall into heads: a head takes `width` neighbouring columns of an `[n, hidden]` matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadShape {
    /// n.
    pub tokens: usize,
    /// Columns of all heads.
    pub hidden: usize,
    /// Number of heads.
    pub heads: usize,
    /// Columns of a head.
    pub width: usize,
}

impl HeadShape {
    /// Of a plan.
    pub fn new(plan: &Plan) -> Self {
        Self::of(&plan.config, plan.seq_len)
    }

    /// Of an architecture and a number of tokens.
    pub fn of(config: &ModelConfig, tokens: usize) -> Self {
        Self {
            tokens,
            hidden: config.hidden,
            heads: config.heads,
            width: config.head_width(),
        }
    }

    /// This party's summand of q k^T, `[heads * n, n]`.
    pub fn scores_summand(
        &self,
        session: &mut Session,
        q: &Replicated<u16>,
        k: &Replicated<u16>,
    ) -> Wiped<u16> {
        let block = self.tokens * self.tokens;
        let mut scores = Wiped::zeros(self.heads * block);
        let k_sum = add(&k.previous, &k.next);
        session
            .threads()
            .chunks_mut(&mut scores, block, |first, part| {
                for (head, scores) in (first / block..).zip(part.chunks_exact_mut(block)) {
                    let right = |k: &[u16]| {
                        Packed16::from_rows(&self.head_columns(k, head), self.tokens, self.width)
                    };
                    let from = head * self.width;
                    let multiply = |q: &[u16], k: &Packed16, scores: &mut [u16]| {
                        gemm16::multiply_add(
                            &q[from..],
                            self.hidden,
                            self.tokens,
                            k,
                            scores,
                            self.tokens,
                        );
                    };
                    multiply(&q.previous, &right(&k_sum), scores);
                    multiply(&q.next, &right(&k.previous), scores);
                }
            });
        scores
    }

    /// This party's summand of p v, `[n, hidden]`.
    pub fn context_summand(
        &self,
        session: &mut Session,
        p: &Replicated<u16>,
        v: &Replicated<u16>,
    ) -> Wiped<u16> {
        let v_sum = add(&v.previous, &v.next);
        let block = self.tokens * self.tokens;
        let heads = session.threads().map(self.heads, |head| {
            let right = |v: &[u16]| {
                Packed16::from_columns(&self.head_columns(v, head), self.tokens, self.width)
            };
            let rows = head * block..(head + 1) * block;
            let mut context = Wiped::zeros(self.tokens * self.width);
            let mut multiply = |p: &[u16], v: &Packed16| {
                gemm16::multiply_add(
                    &p[rows.clone()],
                    self.tokens,
                    self.tokens,
                    v,
                    &mut context,
                    self.width,
                );
            };
            multiply(&p.previous, &right(&v_sum));
            multiply(&p.next, &right(&v.previous));
            context
        });
        let mut out = Wiped::zeros(self.tokens * self.hidden);
        for (token, row) in out.chunks_exact_mut(self.hidden).enumerate() {
            for (head, part) in row.chunks_exact_mut(self.width).enumerate() {
                part.copy_from_slice(&heads[head][token * self.width..][..self.width]);
            }
        }
        out
    }

    /// One head's columns of an `[n, hidden]` matrix, `[n, width]`.
    pub fn head_columns<W: Word>(&self, x: &[W], head: usize) -> Wiped<W> {
        x.chunks_exact(self.hidden)
            .flat_map(|row| &row[head * self.width..(head + 1) * self.width])
            .copied()
            .collect()
    }
}

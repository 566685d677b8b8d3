//! Attention: scores, the exponentials of a row and the inverse of their sum, and the values weighted by both.

use super::engine::{Activation, Fine, one_table};
use super::linear::rows_times;
use crate::Result;
use crate::kernel::{gemm16, gemm64};
use crate::lut::{Contents, Input, Opened, lookup, open};
use crate::lut_rss::linear::HeadShape;
use crate::lut_rss::max::{maxima_by_differences, maxima_of_opened};
use crate::model::score_bias::with_distances;
use crate::net::Party;
use crate::ring::Ring;
use crate::share::spare::{Factors, Spare};
use crate::share::{Additive, Masked, dealt, open_masked_all, open_operand};
use crate::wipe::Wiped;

impl Fine<'_> {
    /// `[sum_j c_j q_j k_j]` a head, `[heads * n, n]`, c being P0's factors: with `Q = q + r` and `K = k + s` known to both,
    /// `c Q K - Q c s - c r K + c r s`. P0 deals c s, c r and the last.
    ///
    /// Cost: offline l bits a query's and a key's element and a score from P0 to P2; nothing online.
    ///
    /// # Security
    /// Local on wires, which are masked, and on shares.
    pub(super) fn attention_scores(
        &mut self,
        layer: usize,
        q: Activation,
        k: Activation,
    ) -> Result<Activation> {
        let (Activation::Wide(q), Activation::Wide(k)) = (q, k) else {
            return Err(self.misplaced("a query and a key"));
        };
        let ring = self.plan.widths.layer(layer).product();
        let (q, k): (Masked<u16>, Masked<u16>) = (q.reduce_to(ring), k.reduce_to(ring));
        let shape = HeadShape::of(&self.plan.config, self.plan.seq_len);
        let count = shape.heads * shape.tokens * shape.tokens;
        let factors = &self.known.weights.query[layer];
        // P0, offline: what depends on masks alone.
        let of_q = rows_times(q.masks(), factors.clear());
        let of_k = rows_times(k.masks(), factors.clear());
        let mut of_both = Wiped::zeros(if of_q.is_empty() { 0 } else { count });
        if let (false, Some(model)) = (of_q.is_empty(), self.known.model) {
            let constants = &model.layers[layer].attention.score_constant;
            let blocks = of_both.chunks_exact_mut(shape.tokens * shape.tokens);
            for (block, constants) in blocks.zip(constants) {
                for (score, constant) in with_distances(shape.tokens, block, constants) {
                    *score = ring.encode(*constant);
                }
            }
            multiply_transposed(shape, &of_q, k.masks(), &mut of_both);
        }
        let of_q = dealt(&mut self.runtime, ring, q.len(), || of_q)?;
        let of_k = dealt(&mut self.runtime, ring, k.len(), || of_k)?;
        let of_both = dealt(&mut self.runtime, ring, count, || of_both)?;
        if self.runtime.computing_peer().is_none() {
            return Ok(Activation::Product(of_both));
        }
        let mut left = rows_times(q.values(), factors.shares());
        for (left, of_q) in left.iter_mut().zip(of_q.values()) {
            *left = left.wrapping_sub(*of_q);
        }
        let minus_q: Wiped<u16> = q.values().iter().map(|q| q.wrapping_neg()).collect();
        let mut scores = of_both.into_values();
        multiply_transposed(shape, &left, k.values(), &mut scores);
        multiply_transposed(shape, &minus_q, of_k.values(), &mut scores);
        for score in scores.iter_mut() {
            *score = ring.reduce(*score);
        }
        Ok(Activation::Product(Additive::held(ring, scores)))
    }

    /// Exponentials of what lies below each row's maximum, opened under masks, and the inverse of their sum: no quotient a score.
    ///
    /// Scores and maxima are opened against offsets that P0 knows, and so is their difference: the exponential is looked up without a
    /// further opening. The sum of a row of opened exponentials is the row's sum under the sum of their masks: it is not opened either.
    ///
    /// Cost: 4 rounds: scores, counts, maxima, exponentials; by differences log2 n for the maxima.
    ///
    /// # Security
    /// Scores, counts and maxima are opened against fresh offsets, exponentials under fresh masks. What is looked up at differences and
    /// sums of opened values has tables of its own masks.
    pub(super) fn row_exponentials(
        &mut self,
        layer: usize,
        scores: Activation,
    ) -> Result<Activation> {
        let (widths, n) = (self.plan.widths.layer(layer), self.plan.seq_len);
        let scores = self.product_of(scores)?;
        let choices = self.plan.choices;
        let scores: Additive<u8> = self.cut(&scores, widths.scores + choices.spare_of_scores());
        let below = self.step("max", |engine| {
            let runtime = &mut engine.runtime;
            let opened = runtime.step("scores", |runtime| open(runtime, &scores))?;
            let maxima = match choices.maximum_by_differences {
                true => maxima_by_differences(runtime, &scores, &opened, n)?,
                false => {
                    let maxima = maxima_of_opened(runtime, &opened, n)?;
                    runtime.step("maxima", |runtime| open(runtime, &maxima))?
                }
            };
            // What lies below a maximum needs no spare bit.
            let below = opened.minus_rows(&maxima, n);
            Ok(below.reduce_to(Ring::new(widths.scores)))
        })?;
        let ring = widths.weighted_values(n);
        let model = self.known.model;
        let (wire, masks) = self.step("exponential", |engine| {
            let mut heads = Vec::with_capacity(engine.plan.config.heads);
            for head in 0..engine.plan.config.heads {
                let below = below.slice(head * n * n..(head + 1) * n * n);
                let contents = || {
                    let table = model.map(|model| {
                        let table = &model.layers[layer].attention.exponential[head];
                        // At `-d` modulo the ring.
                        let entries = (0..table.len()).map(|k| (table.len() - k) % table.len());
                        entries.map(|d| ring.encode(table[d])).collect()
                    });
                    Contents {
                        tables: table.into_iter().collect(),
                    }
                };
                let inputs = [Input::each(&below)];
                let e: Additive<u32> = lookup(&mut engine.runtime, &inputs, n * n, ring, contents)?;
                heads.push(e);
            }
            let (wire, masks) = open_operand(&mut engine.runtime, &Additive::join(&heads))?;
            let masks = masks.map_to(ring, masks.len(), in_words);
            Ok((wire.map_to(ring, wire.len(), in_words), masks))
        })?;
        let inverse = self.step("inverse", |engine| {
            let sum = widths.row_sum(n);
            let rows = wire.len() / n;
            let sums = wire.map_to::<u64>(sum, rows, |e| {
                let rows = e.chunks_exact(n);
                let sums = rows.map(|row| row.iter().fold(0u64, |sum, e| sum.wrapping_add(*e)));
                sums.map(|sum_of_row| sum.reduce(sum_of_row)).collect()
            });
            let opened = Opened::of_masked(&sums);
            let wide = widths.weighted();
            let entries = model.map(|model| &model.layers[layer].attention.inverse[..]);
            let contents = || one_table(entries, wide);
            let inputs = [Input::each(&opened)];
            lookup(&mut engine.runtime, &inputs, rows, wide, contents)
        })?;
        Ok(Activation::Exponentials(wire, masks, inverse))
    }

    /// `[context]` in the wide ring, `[n, hidden]`: per head the values weighted by a row's exponentials, times the inverse of the row's
    /// sum.
    ///
    /// Cost: one round, in which weighted values and inverses are opened; offline l bits a value, an exponential's product and so on from
    /// P0 to P2: see [`crate::share::spare::times_row`].
    ///
    /// # Security
    /// As [`Fine::attention_scores`]; what is opened is under fresh masks.
    pub(super) fn weighted_values(
        &mut self,
        layer: usize,
        p: Activation,
        v: Activation,
    ) -> Result<Activation> {
        let (Activation::Exponentials(e, of_e, inverse), Activation::Wide(v)) = (p, v) else {
            return Err(self.misplaced("exponentials and values"));
        };
        let ring = e.ring();
        let v: Masked<u64> = v.map_to(ring, v.len(), in_words);
        let shape = HeadShape::of(&self.plan.config, self.plan.seq_len);
        let of_v = Wiped::copied(v.masks());
        let mut of_both = Wiped::zeros(v.masks().len());
        if !of_v.is_empty() {
            multiply(shape, e.masks(), v.masks(), &mut of_both);
        }
        let of_v = dealt(&mut self.runtime, ring, v.len(), || of_v)?;
        let of_both = dealt(&mut self.runtime, ring, v.len(), || of_both)?;
        let weighted = match self.runtime.computing_peer() {
            None => of_both,
            Some(_) => {
                let first = u64::from(self.runtime.me() == Some(Party::P1));
                let pairs = e.values().iter().zip(of_e.values());
                let left: Wiped<u64> = pairs
                    .map(|(e, of_e)| (e * first).wrapping_sub(*of_e))
                    .collect();
                let minus_e: Wiped<u64> = e.values().iter().map(|e| e.wrapping_neg()).collect();
                let mut weighted = of_both.into_values();
                multiply(shape, &left, v.values(), &mut weighted);
                multiply(shape, &minus_e, of_v.values(), &mut weighted);
                for value in weighted.iter_mut() {
                    *value = ring.reduce(*value);
                }
                Additive::held(ring, weighted)
            }
        };
        let mut opened = open_masked_all(&mut self.runtime, &[&weighted, &inverse])?;
        let (inverse, weighted) = (opened.remove(1), Spare::of(opened.remove(0)));
        // From (head, token) to (token, head).
        let by_token = inverse.map_to(inverse.ring(), inverse.len(), |x: &[u64]| {
            let places = (0..shape.tokens)
                .flat_map(|token| (0..shape.heads).map(move |head| head * shape.tokens + token));
            places.map(|place| x[place]).collect()
        });
        let ones = Factors::ones(&self.runtime, inverse.ring(), shape.width);
        let context = self.times_row(&weighted, &ones, &by_token)?;
        let bits = self.plan.widths.layer(layer).context;
        Ok(Activation::Context(context, bits))
    }
}

/// The same elements in the words of the product's kernel.
fn in_words(x: &[u32]) -> Wiped<u64> {
    x.iter().map(|x| u64::from(*x)).collect()
}

/// `out += q k^T` per head, `[heads * n, n]`.
fn multiply_transposed(shape: HeadShape, q: &[u16], k: &[u16], out: &mut [u16]) {
    let n = shape.tokens;
    for (head, out) in out.chunks_exact_mut(n * n).enumerate() {
        let k = gemm16::Packed16::from_rows(&shape.head_columns(k, head), n, shape.width);
        gemm16::multiply_add(&q[head * shape.width..], shape.hidden, n, &k, out, n);
    }
}

/// `out += e v` per head, `[n, hidden]`.
fn multiply(shape: HeadShape, e: &[u64], v: &[u64], out: &mut [u64]) {
    let n = shape.tokens;
    for (head, e) in e.chunks_exact(n * n).enumerate() {
        let v = gemm64::Packed64::from_columns(&shape.head_columns(v, head), n, shape.width);
        let out = &mut out[head * shape.width..];
        gemm64::multiply_add(e, n, n, &v, out, shape.hidden);
    }
}

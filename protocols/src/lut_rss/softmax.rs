//! Softmax over rows of 4-bit scores (paper, section 5): max, exponential, sum, quotient.

use super::LutRss;
use super::plan::MaxProtocol;
use crate::Result;
use crate::lut::{Contents, Input, lookup, open, open_all};
use crate::quantized::integer::softmax::{IntegerSoftmax, sum_ring};
use crate::ring::{Ring, Word};
use crate::share::Additive;

/// The ring of scores, exponentials and probabilities within softmax.
pub(super) const NIBBLE: Ring = Ring::new(4);

impl LutRss<'_> {
    /// `[scores]^b`, rows of `seq_len`, to `[p]^4`, codes of probabilities.
    ///
    /// Cost an element, 4-bit: max 16 bits online by tournament (by histogram and radix sort see there), exponential 8, quotient 8; a row: sum
    /// `2 (4 + ceil(log2 n))` and denominator 8. Rounds: the max's, then 3.
    pub(super) fn row_softmax(
        &mut self,
        layer: usize,
        scores: Additive<u8>,
    ) -> Result<Additive<u8>> {
        let row = self.plan.seq_len;
        let count = scores.len();
        let scores = self.narrow(layer, scores)?;
        let max = self.step("max", |engine| {
            let max = match engine.plan.max_protocol {
                MaxProtocol::Tournament => engine.tournament_max(&scores, row)?,
                MaxProtocol::RadixSort => engine.radix_sort_max(&scores, row)?,
                MaxProtocol::Histogram => engine.histogram_max(&scores, row)?,
            };
            Ok(max)
        })?;
        // Scores are at most the max, so the difference is in -15..=0 and unique modulo 16.
        let difference = scores.sub_rows(&max, row);

        let exponential = self.step("exponential", |engine| {
            let opened = open(&mut engine.runtime, &difference)?;
            let inputs = [Input::each(&opened)];
            let ring = sum_ring(row);
            let exponential: Additive<u16> =
                engine
                    .softmax_table(layer, &inputs, count, ring, |softmax| &softmax.exponential)?;
            Ok(exponential)
        })?;

        let code = self.step("denominator", |engine| {
            let sum = exponential.sum_rows(row, 1);
            let opened = open(&mut engine.runtime, &sum)?;
            let inputs = [Input::each(&opened)];
            let code: Additive<u8> =
                engine.softmax_table(layer, &inputs, sum.len(), NIBBLE, |softmax| {
                    &softmax.denominator_code
                })?;
            Ok(code)
        })?;

        let quotient = self.step("quotient", |engine| {
            // An exponential is at most 15: its low 4 bits are all of it.
            let numerator: Additive<u8> = exponential.reduce_to(NIBBLE);
            let opened = open_all(&mut engine.runtime, &[&numerator, &code])?;
            let inputs = [Input::each(&opened[0]), Input::per_row(&opened[1], row)];
            let quotient: Additive<u8> =
                engine.softmax_table(layer, &inputs, count, NIBBLE, |softmax| &softmax.quotient)?;
            Ok(quotient)
        })?;
        Ok(quotient)
    }

    /// One of the layer's softmax tables; its entries are P0's.
    fn softmax_table<W: Word>(
        &mut self,
        layer: usize,
        inputs: &[Input<'_>],
        count: usize,
        ring: Ring,
        entries: impl Fn(&IntegerSoftmax) -> &[u64],
    ) -> Result<Additive<W>> {
        let model = self.known.model;
        lookup(&mut self.runtime, inputs, count, ring, || Contents {
            tables: model
                .map(|model| entries(&model.layers[layer].softmax))
                .map(|entries| entries.iter().map(|entry| W::from_u64(*entry)).collect())
                .into_iter()
                .collect(),
        })
    }

    /// From wider indices to 4-bit levels; nothing to do at 4 bits, the paper's width.
    fn narrow(&mut self, layer: usize, scores: Additive<u8>) -> Result<Additive<u8>> {
        if self.plan.index_bits == 4 {
            return Ok(scores);
        }
        let narrowed = self.step("narrow", |engine| {
            let opened = open(&mut engine.runtime, &scores)?;
            let narrowed = engine.signed_table::<u8>(
                Input::each(&opened),
                scores.len(),
                NIBBLE,
                |model, index| model.layers[layer].softmax.scores.level(index),
            )?;
            Ok(narrowed)
        })?;
        Ok(narrowed)
    }
}

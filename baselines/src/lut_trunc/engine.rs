//! The walk over the quantized BERT, with truncation.

use crate::fixed_point::bilinear::{Bilinear, MatmulShape};
use crate::fixed_point::heads;
use crate::fixed_trunc::products::{Factors, truncated, untruncated};
use crate::fixed_trunc::truncate::truncate;
use crate::fixed_trunc::weight::Weight;
use crate::fixed_trunc::{Choices, RING, Share, shares};
use qbench_protocols::lut::{Input, Opened, open, open_all};
use qbench_protocols::lut_rss::linear::input_scale;
use qbench_protocols::lut_rss::{self, LutRss};
use qbench_protocols::model::config::Head;
use qbench_protocols::model::walk::{Engine, Linear, Nonlinearity, Norm};
use qbench_protocols::net::Party;
use qbench_protocols::quantized::integer::{IntegerModel, PRODUCT};
use qbench_protocols::ring::Ring;
use qbench_protocols::share::{Additive, Replicated, additive_from, reshare, reveal_to_p1};
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};
use std::collections::HashMap;

/// Weights and biases, replicated in Z_{2^64}.
pub type Weights = HashMap<Linear, (Weight, Share)>;

/// An activation on its way through the walk.
#[derive(Default)]
pub struct Activation {
    /// A product that has not been truncated, in units of 2^-12.
    product: Option<Share>,
    /// A number that products take.
    pub(super) wide: Option<Share>,
    /// An index that a table gave.
    index: Option<Additive<u8>>,
    /// That index, opened.
    opened: Option<Opened>,
}

impl Activation {
    pub(super) fn of_index(index: Additive<u8>) -> Self {
        Self {
            index: Some(index),
            ..Self::default()
        }
    }

    fn of_product(product: Share) -> Self {
        Self {
            product: Some(product),
            ..Self::default()
        }
    }

    fn of_wide(wide: Share) -> Self {
        Self {
            wide: Some(wide),
            ..Self::default()
        }
    }

    pub(super) fn take_product(&mut self) -> Option<Share> {
        self.product.take()
    }

    pub(super) fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }
}

/// `lut-trunc` on the walk, in any phase and in the cost walk.
pub struct LutTrunc<'a> {
    /// `lut-rss`, which does what is not changed.
    pub inner: LutRss<'a>,
    pub(super) choices: &'a Choices,
    weights: &'a Weights,
}

impl<'a> LutTrunc<'a> {
    /// An engine around `lut-rss`, whose runtime it uses.
    pub fn new(inner: LutRss<'a>, choices: &'a Choices, weights: &'a Weights) -> Self {
        Self {
            inner,
            choices,
            weights,
        }
    }

    pub(super) fn missing(&self, what: &str) -> Error {
        self.inner.misplaced(what)
    }

    /// Bits that a cut of a product drops.
    fn dropped(&self) -> u32 {
        PRODUCT.bits() - self.inner.plan.index_bits
    }

    /// Keeps what came out of a truncation for the verifier, under the step at which the reference cuts: P1's two components' sum, and
    /// P2's other one.
    ///
    /// # Security
    /// As [`qbench_protocols::quantized::cut::cut`]: it goes to the verifier of a run alone.
    pub(super) fn record(&mut self, step: &str, bits: u32, out: &Share) {
        if !self.inner.known.record || !out.is_held() {
            return;
        }
        let pairs = out.previous.iter().zip(out.next.iter());
        let low: Vec<u64> = match self.inner.runtime.me() {
            Some(Party::P1) => pairs.map(|(a, b)| a.wrapping_add(*b)).collect(),
            Some(Party::P2) => out.previous.to_vec(),
            _ => return,
        };
        let evidence = &mut self.inner.evidence;
        evidence.record_cut(step, bits, low.into_iter());
    }

    /// Truncates, and keeps the outcome under the current step.
    pub(super) fn truncated(&mut self, x: &Share, bits: u32) -> Result<Share> {
        let out = truncate(&mut self.inner.runtime, self.choices, x, bits)?;
        let step = self.inner.runtime.label().to_owned();
        self.record(&step, bits, &out);
        Ok(out)
    }

    /// The index that a table takes, of a number: a local reduction of a fresh additive sharing.
    pub(super) fn narrowed(&mut self, x: &Share, ring: Ring) -> Result<Additive<u8>> {
        let additive = additive_from(&mut self.inner.runtime, x)?;
        Ok(additive.reduce_to(ring))
    }

    /// What a table of an opened index gives, in Z_{2^64}, additive.
    pub(super) fn lifted(
        &mut self,
        opened: &Opened,
        level: impl Fn(&IntegerModel<'_>, i64) -> i64,
    ) -> Result<Additive<u64>> {
        let input = Input::each(opened);
        self.inner.signed_table(input, opened.len(), RING, level)
    }

    /// The number that a layer takes: that of a product, or a lifted index, which is opened once.
    fn number(
        &mut self,
        x: &mut Activation,
        level: impl Fn(&IntegerModel<'_>, i64) -> i64,
    ) -> Result<()> {
        if x.wide.is_some() {
            return Ok(());
        }
        self.enter("convert")?;
        let index = x.index.as_ref().ok_or_else(|| self.missing("an index"))?;
        let opened = open(&mut self.inner.runtime, index)?;
        let lifted = self.lifted(&opened, level)?;
        x.opened = Some(opened);
        x.wide = reshare(&mut self.inner.runtime, &[&lifted])?.pop();
        self.leave()
    }

    /// The index of a number that a product has become.
    fn index(&mut self, x: &Activation) -> Result<Additive<u8>> {
        let wide = x.wide.as_ref().ok_or_else(|| self.missing("a number"))?;
        self.narrowed(wide, self.inner.plan.index_ring())
    }

    fn weight(&self, linear: Linear) -> Result<&'a (Weight, Share)> {
        self.weights.get(&linear).ok_or_else(|| Error::Material {
            step: linear.to_string(),
            expected: "weights shared at setup".into(),
            actual: "none".into(),
        })
    }

    /// A product and its truncation, in a step of their own: what they need may be converted in the one around it.
    fn product(&mut self, factors: &Factors<'_>) -> Result<Share> {
        let (choices, dropped) = (self.choices, self.dropped());
        self.inner.runtime.step("product", |runtime| {
            truncated(runtime, choices, factors, dropped)
        })
    }

    /// A product and its truncation; where the reference cuts it in a later step, it is kept under that.
    fn number_of(&mut self, factors: &Factors<'_>, cut_at: &str) -> Result<Activation> {
        let out = self.product(factors)?;
        self.record(cut_at, self.dropped(), &out);
        Ok(Activation::of_wide(out))
    }

    fn split(&self, x: &Share) -> Share {
        shares::map(x, x.len, |x| heads::split(&self.inner.plan.config, x))
    }
}

impl Engine for LutTrunc<'_> {
    type Activation = Activation;
    type Error = Error;

    fn enter(&mut self, step: &str) -> Result<()> {
        self.inner.enter(step)
    }

    fn leave(&mut self) -> Result<()> {
        self.inner.leave()
    }

    /// As `lut-rss`: P1's tokens as indices.
    fn input(&mut self) -> Result<Activation> {
        let input = self.inner.input()?;
        let index = input.index().cloned();
        Ok(Activation {
            index,
            ..Activation::default()
        })
    }

    fn linear(&mut self, linear: Linear, x: &mut Activation) -> Result<Activation> {
        self.number(x, |model, index| input_scale(model, linear).level(index))?;
        let wide = x.wide.as_ref().ok_or_else(|| self.missing("a number"))?;
        let (weight, bias) = self.weight(linear)?;
        let factors = Factors::weights(wide, weight).plus_columns(bias);
        match linear {
            Linear::FeedForwardIn(layer) => {
                self.number_of(&factors, &format!("layer{layer}/feed-forward/activation"))
            }
            Linear::Pooler => self.number_of(&factors, "head/tanh"),
            // More is added before it is truncated, or it is an output.
            _ => {
                let runtime = &mut self.inner.runtime;
                let product = runtime.step("product", |runtime| untruncated(runtime, &factors))?;
                Ok(Activation::of_product(product))
            }
        }
    }

    /// All three in the rounds of one, and truncated at once: products of them take numbers.
    fn project_qkv(&mut self, layer: usize, x: &mut Activation) -> Result<[Activation; 3]> {
        let all = [
            Linear::Query(layer),
            Linear::Key(layer),
            Linear::Value(layer),
        ];
        self.enter("query-key-value")?;
        self.number(x, |model, index| input_scale(model, all[0]).level(index))?;
        let wide = x.wide.as_ref().ok_or_else(|| self.missing("a number"))?;
        let mut factors = Vec::with_capacity(3);
        for linear in all {
            let (weight, bias) = self.weight(linear)?;
            factors.push(Factors::weights(wide, weight).plus_columns(bias));
        }
        let out = self.product(&Factors::join(factors))?;
        self.leave()?;
        let parts: [Share; 3] = shares::parts(&out);
        // The reference cuts them where they are used.
        for (part, place) in parts.iter().zip(["scores", "scores", "context"]) {
            let step = format!("{}/{place}/convert", self.inner.runtime.label());
            self.record(&step, self.dropped(), part);
        }
        Ok(parts.map(Activation::of_wide))
    }

    fn scores(&mut self, layer: usize, q: Activation, k: Activation) -> Result<Activation> {
        let plan = self.inner.plan;
        let (Some(q), Some(k)) = (q.wide, k.wide) else {
            return Err(self.missing("numbers"));
        };
        let shape = MatmulShape::of_scores(&plan.config, plan.seq_len);
        let (q, k) = (self.split(&q), self.split(&k));
        let factors = Factors::bilinear(Bilinear::Matmul(shape), &q, &k);
        self.number_of(&factors, &format!("layer{layer}/attention/softmax"))
    }

    fn softmax(&mut self, layer: usize, scores: Activation) -> Result<Activation> {
        let index = self.index(&scores)?;
        let codes = self
            .inner
            .softmax(layer, lut_rss::Activation::of_index(index))?;
        let codes = codes.index().cloned();
        codes
            .map(Activation::of_index)
            .ok_or_else(|| self.missing("an index"))
    }

    fn context(&mut self, layer: usize, p: Activation, v: Activation) -> Result<Activation> {
        let plan = self.inner.plan;
        let (Some(codes), Some(v)) = (p.index, v.wide) else {
            return Err(self.missing("codes and a number"));
        };
        self.enter("convert")?;
        let opened = open_all(&mut self.inner.runtime, &[&codes])?;
        // The code of a probability is unsigned.
        let lifted = self.lifted(&opened[0], |model, index| {
            model.layers[layer].softmax.probability[(index & 15) as usize]
        })?;
        let p: Option<Replicated<u64>> = reshare(&mut self.inner.runtime, &[&lifted])?.pop();
        let p = p.ok_or_else(|| self.missing("a number"))?;
        self.leave()?;
        let shape = MatmulShape::of_context(&plan.config, plan.seq_len);
        let v = self.split(&v);
        let factors = Factors::bilinear(Bilinear::Matmul(shape), &p, &v);
        let context = self.product(&factors)?;
        let context = shares::map(&context, context.len, |x| heads::join(&plan.config, x));
        // The reference cuts it where the next layer takes it.
        let step = format!("layer{layer}/attention/output/convert");
        self.record(&step, self.dropped(), &context);
        Ok(Activation::of_wide(context))
    }

    fn add_and_norm(
        &mut self,
        norm: Norm,
        branch: Activation,
        residual: Activation,
    ) -> Result<Activation> {
        self.residual_norm(norm, branch, residual)
    }

    fn activate(&mut self, function: Nonlinearity, x: Activation) -> Result<Activation> {
        let index = self.index(&x)?;
        let opened = open(&mut self.inner.runtime, &index)?;
        let bits = self.inner.plan.index_bits;
        let lifted = self.lifted(&opened, |model, index| {
            let entry = Ring::new(bits).encode::<u16>(index) as usize;
            match function {
                Nonlinearity::FeedForward(layer) => model.layers[layer].activated[entry],
                Nonlinearity::Pooler => model.head.as_ref().map_or(0, |head| head.tanh[entry]),
            }
        })?;
        let wide = reshare(&mut self.inner.runtime, &[&lifted])?.pop();
        wide.map(Activation::of_wide)
            .ok_or_else(|| self.missing("a number"))
    }

    fn first_token(&mut self, x: Activation) -> Result<Activation> {
        let hidden = self.inner.plan.config.hidden;
        let index = x.index.ok_or_else(|| self.missing("an index"))?;
        Ok(Activation::of_index(index.slice(0..hidden)))
    }

    /// P2 sends its share of the output to P1: logits in Z_{2^16}, or indices.
    ///
    /// # Security
    /// This is the protocol's output, and P1's alone, in a fresh sharing.
    fn output(&mut self, mut x: Activation) -> Result<()> {
        let output = match self.inner.plan.config.head {
            Head::Classifier { .. } => {
                let product = x.product.take().ok_or_else(|| self.missing("a product"))?;
                let logits = additive_from(&mut self.inner.runtime, &product)?;
                reveal_to_p1(&mut self.inner.runtime, &logits.reduce_to::<u16>(PRODUCT))?
            }
            Head::Hidden => {
                let index = x.index.take().ok_or_else(|| self.missing("an index"))?;
                let output = reveal_to_p1(&mut self.inner.runtime, &index)?;
                output.map(|output| {
                    output
                        .iter()
                        .map(|index| u16::from(*index))
                        .collect::<Wiped<u16>>()
                })
            }
        };
        self.inner.keep_output(output);
        Ok(())
    }
}

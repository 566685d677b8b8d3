//! The engine `lut-rss`: arXiv 2508.01636, 1-bit weights and 4-bit activations, every non-linear
//! function and every precision change by a secret lookup table, no truncation protocol.
//!
//! | file | paper |
//! |---|---|
//! | [`linear`] | Alg. 3: fully connected layers with 1-bit weights; Q K^T and P V |
//! | [`softmax`] | section 5: max, exponential, sum, quotient |
//! | [`norm`] | section 5: residual connection and LayerNorm |
//! | [`weights`] | sharing of the weights at setup |
//! | [`plan`] | shapes, settings and protocols of a run |
//! | [`system`] | what the harness asks of it |
//! | [`verify`] | the check of a run against the references in the clear |
//!
//! # What each party learns
//! P0 receives nothing after the setup, but where maxima are found by radix sort: there all three
//! parties take part, and P0 sees masked components and shuffled permutations, all uniform. P1 and P2
//! see openings masked by P0's fresh offsets, masked
//! reshares and masked summands, all uniform; P1 learns the output. Public are the architecture, the
//! sequence length and the bit widths; the scales are in P0's weights and tables alone.

pub mod linear;
pub mod max;
pub mod memory;
pub mod norm;
pub mod plan;
pub mod softmax;
pub mod system;
#[cfg(test)]
mod tests;
pub mod verify;
pub mod weights;

use crate::lut::{Contents, Input, Opened, lookup, open};
use crate::model::config::Head;
use crate::model::walk::{Engine, Linear, Nonlinearity, Norm, step};
use crate::quantized::cut::cut;
use crate::quantized::evidence::Evidence;
use crate::quantized::integer::{IntegerModel, PRODUCT};
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::{Additive, Replicated, reshare, reveal_to_p1, share_from_p1};
use crate::wipe::Wiped;
use crate::{Error, Result};
use plan::Plan;
use weights::SharedWeights;

/// What one party brings to the walk beyond what is public.
#[derive(Clone, Copy, Default)]
pub struct Knowledge<'a> {
    /// P0's model.
    pub model: Option<&'a IntegerModel<'a>>,
    /// The party's shares of the weights; online only.
    pub weights: Option<&'a SharedWeights>,
    /// P1's embedded tokens as indices; online only.
    pub input: Option<&'a [u8]>,
    /// Whether to keep what verification needs.
    pub record: bool,
}

/// An activation on its way through the walk. Work waits until the next step knows what it needs: a
/// product is cut only when nothing more is added to it; an input is opened and converted once, however
/// many layers use it.
#[derive(Default)]
pub struct Activation {
    /// `[y]^16`, not yet cut.
    product: Option<Additive<u16>>,
    /// `[x]^b`.
    index: Option<Additive<u8>>,
    /// The index, opened.
    opened: Option<Opened>,
    /// Levels, converted to the product ring.
    lifted: Option<Replicated<u16>>,
}

impl Activation {
    /// `[y]^16`, to be cut by the next step.
    pub fn of_product(product: Additive<u16>) -> Self {
        Self {
            product: Some(product),
            ..Self::default()
        }
    }

    /// `[x]^b`.
    pub fn of_index(index: Additive<u8>) -> Self {
        Self {
            index: Some(index),
            ..Self::default()
        }
    }

    /// Levels in the product ring, as the next layer takes them.
    pub fn of_lifted(lifted: Replicated<u16>) -> Self {
        Self {
            lifted: Some(lifted),
            ..Self::default()
        }
    }

    /// The product, if it has not been cut.
    pub fn product(&self) -> Option<&Additive<u16>> {
        self.product.as_ref()
    }

    /// The product, taken out: the activation is used up.
    pub fn take_product(&mut self) -> Option<Additive<u16>> {
        self.product.take()
    }

    /// The index, if it has been cut: [`LutRss::index_of`] cuts it.
    pub fn index(&self) -> Option<&Additive<u8>> {
        self.index.as_ref()
    }

    /// The opened index, if it has been opened: [`LutRss::open_once`] opens it.
    pub fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// The levels, if they have been converted.
    pub fn lifted(&self) -> Option<&Replicated<u16>> {
        self.lifted.as_ref()
    }

    /// Keeps levels for other layers that use the activation.
    pub fn keep_lifted(&mut self, lifted: Replicated<u16>) {
        self.lifted = Some(lifted);
    }
}

/// `lut-rss` on the walk, in any phase and in the cost walk.
///
/// An engine that does some operations in another way can hold one of these and hand it the rest: all that such an engine needs is
/// public. What it makes itself, it records in the same [`Evidence`], under the same steps.
pub struct LutRss<'a> {
    /// What the steps run in.
    pub runtime: Runtime<'a>,
    /// Shapes and choices.
    pub plan: &'a Plan,
    /// What this party brings.
    pub known: Knowledge<'a>,
    /// What P1 learned, and the low bits that the cuts dropped, where they are to be kept.
    pub evidence: Evidence,
}

impl<'a> LutRss<'a> {
    /// An engine that runs in `runtime`.
    pub fn new(runtime: Runtime<'a>, plan: &'a Plan, known: Knowledge<'a>) -> Self {
        Self {
            runtime,
            plan,
            known,
            evidence: Evidence::default(),
        }
    }

    /// The index of an activation; cuts the product if that has not been done.
    ///
    /// # Errors
    /// An activation that has been used up.
    pub fn index_of(&mut self, x: &mut Activation) -> Result<Additive<u8>> {
        if let Some(index) = &x.index {
            return Ok(index.clone());
        }
        let product = x
            .product
            .take()
            .ok_or_else(|| self.misplaced("a product or an index"))?;
        let index = self.cut(&product, self.plan.index_bits);
        x.index = Some(index);
        x.index.clone().ok_or_else(|| self.misplaced("an index"))
    }

    /// Runs `body` inside step `name`.
    ///
    /// # Errors
    /// The body's.
    pub fn step<T>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        step(self, name, body)
    }

    /// The cut, with its low bits kept where the run is to be verified.
    pub fn cut<W: Word, V: Word>(&mut self, y: &Additive<W>, bits: u32) -> Additive<V> {
        let evidence = self.known.record.then_some(&mut self.evidence);
        cut(&self.runtime, evidence, y, bits)
    }

    /// Opens the index of an activation if that has not been done. Cost, security and errors as [`open()`].
    pub fn open_once(&mut self, x: &mut Activation) -> Result<()> {
        if x.opened.is_none() {
            let index = self.index_of(x)?;
            x.opened = Some(open(&mut self.runtime, &index)?);
        }
        Ok(())
    }

    /// Keeps what P1 has learned, for the verifier.
    pub fn keep_output(&mut self, output: Option<Wiped<u16>>) {
        let output = output.unwrap_or_default();
        self.evidence.output = output.iter().map(|x| u32::from(*x)).collect();
    }

    /// The error of an activation that does not hold what a step needs.
    pub fn misplaced(&self, expected: &str) -> Error {
        Error::Shape {
            step: self.runtime.label().to_owned(),
            what: format!("the walk asks for {expected} of an activation that has been used up"),
        }
    }

    /// A table of one function of a signed index: P0 evaluates `f(model, index)`. Cost, security and errors as [`lookup`].
    pub fn signed_table<W: Word>(
        &mut self,
        input: Input<'_>,
        count: usize,
        ring: Ring,
        f: impl Fn(&IntegerModel<'_>, i64) -> i64,
    ) -> Result<Additive<W>> {
        let model = self.known.model;
        let bits = input.opened.ring().bits();
        lookup(&mut self.runtime, &[input], count, ring, || match model {
            Some(model) => Contents::of_signed(bits, ring, |index| f(model, index)),
            None => Contents { tables: Vec::new() },
        })
    }
}

impl Engine for LutRss<'_> {
    type Activation = Activation;
    type Error = Error;

    fn enter(&mut self, step: &str) -> Result<()> {
        self.runtime.enter(step);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.runtime.leave();
        Ok(())
    }

    /// P1 shares its embedded tokens: P2's share is drawn from the P1-P2 seed, so nothing is sent.
    fn input(&mut self) -> Result<Activation> {
        let ring = self.plan.index_ring();
        let len = self.plan.seq_len * self.plan.config.hidden;
        let input = self.known.input;
        let shared = share_from_p1(&mut self.runtime, ring, input, len)?;
        Ok(Activation::of_index(shared))
    }

    fn linear(&mut self, linear: Linear, x: &mut Activation) -> Result<Activation> {
        self.fully_connected(linear, x)
    }

    fn scores(&mut self, layer: usize, q: Activation, k: Activation) -> Result<Activation> {
        self.attention_scores(layer, q, k)
    }

    fn softmax(&mut self, layer: usize, mut scores: Activation) -> Result<Activation> {
        let scores = self.index_of(&mut scores)?;
        Ok(Activation::of_index(self.row_softmax(layer, scores)?))
    }

    fn context(&mut self, layer: usize, p: Activation, v: Activation) -> Result<Activation> {
        self.attention_context(layer, p, v)
    }

    fn add_and_norm(
        &mut self,
        norm: Norm,
        branch: Activation,
        residual: Activation,
    ) -> Result<Activation> {
        self.residual_norm(norm, branch, residual)
    }

    /// The non-linearity is folded into the conversion to the next layer's product ring: one table.
    fn activate(&mut self, function: Nonlinearity, mut x: Activation) -> Result<Activation> {
        self.open_once(&mut x)?;
        let opened = x
            .opened
            .take()
            .ok_or_else(|| self.misplaced("an opened index"))?;
        let count = opened.len();
        let bits = self.plan.index_bits;
        let lifted =
            self.signed_table::<u16>(Input::each(&opened), count, PRODUCT, |model, index| {
                let entry = Ring::new(bits).encode::<u16>(index) as usize;
                match function {
                    Nonlinearity::FeedForward(layer) => model.layers[layer].activated[entry],
                    Nonlinearity::Pooler => model.head.as_ref().map_or(0, |head| head.tanh[entry]),
                }
            })?;
        let lifted = reshare(&mut self.runtime, &[&lifted])?.pop();
        Ok(Activation {
            lifted,
            ..Activation::default()
        })
    }

    fn first_token(&mut self, mut x: Activation) -> Result<Activation> {
        let index = self.index_of(&mut x)?;
        Ok(Activation::of_index(
            index.slice(0..self.plan.config.hidden),
        ))
    }

    /// P2 sends its share of the output to P1.
    ///
    /// # Security
    /// This is the protocol's output, and P1's alone: a fresh sharing (of a masked product, or of what a
    /// table put out), so P2's share tells nothing beyond the output.
    fn output(&mut self, mut x: Activation) -> Result<()> {
        let output = match self.plan.config.head {
            Head::Classifier { .. } => {
                let product = x
                    .product
                    .take()
                    .ok_or_else(|| self.misplaced("a product"))?;
                reveal_to_p1(&mut self.runtime, &product)?
            }
            Head::Hidden => {
                let index = self.index_of(&mut x)?;
                let output = reveal_to_p1(&mut self.runtime, &index)?;
                output.map(|output| {
                    output
                        .iter()
                        .map(|index| u16::from(*index))
                        .collect::<Wiped<u16>>()
                })
            }
        };
        self.keep_output(output);
        Ok(())
    }
}

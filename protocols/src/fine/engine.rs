//! The engine of profile `fine` on the walk, in any phase and in the cost walk.

use super::integer::FineModel;
use super::plan::FinePlan;
use super::reference::projections;
use super::weights::FineWeights;
use crate::lut::{Contents, Input, lookup, open};
use crate::model::walk::{Engine, Linear, Nonlinearity, Norm, step};
use crate::net::Party;
use crate::quantized::cut::cut;
use crate::quantized::evidence::Evidence;
use crate::ring::{Ring, Word};
use crate::runtime::Runtime;
use crate::share::spare::{Factors, Spare, open_spare, scaled, times_row, widen};
use crate::share::{Additive, Masked, masked_from_p1, open_masked, reveal_to_p1};
use crate::wipe::Wiped;
use crate::{Error, Result};

/// What one party brings to the walk beyond what is public.
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    /// P0's model.
    pub model: Option<&'a FineModel<'a>>,
    /// The party's shares of the weights.
    pub weights: &'a FineWeights,
    /// P1's embedded tokens as elements of the product ring; online only.
    pub input: Option<&'a [u16]>,
    /// Whether to keep what verification needs.
    pub record: bool,
}

/// An activation on its way through the walk. Work waits until the next step knows what it needs.
pub enum Activation {
    /// What the next product takes.
    Wire(Masked<u16>),
    /// A product with weights, not yet cut.
    Product(Additive<u16>),
    /// Query, key or value, widened for the product of two activations.
    Wide(Masked<u32>),
    /// Exponentials with the shares of their masks, and the inverse of each row's sum.
    Exponentials(Masked<u64>, Additive<u64>, Additive<u64>),
    /// The context, not yet cut, and the bits that it is cut to.
    Context(Additive<u64>, u32),
    /// Normalized rows, not yet cut.
    Normal(Additive<u64>),
}

/// The engine.
pub struct Fine<'a> {
    /// What the steps run in.
    pub runtime: Runtime<'a>,
    /// Shapes and widths.
    pub plan: &'a FinePlan,
    /// What this party brings.
    pub known: Knowledge<'a>,
    /// What P1 learned, and what the cuts dropped, where it is to be kept.
    pub evidence: Evidence,
}

impl<'a> Fine<'a> {
    /// An engine that runs in `runtime`.
    pub fn new(runtime: Runtime<'a>, plan: &'a FinePlan, known: Knowledge<'a>) -> Self {
        Self {
            runtime,
            plan,
            known,
            evidence: Evidence::default(),
        }
    }

    pub(super) fn step<T>(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        step(self, name, body)
    }

    /// The cut, with its low bits kept where the run is to be verified.
    pub(super) fn cut<W: Word, V: Word>(&mut self, y: &Additive<W>, bits: u32) -> Additive<V> {
        let evidence = self.known.record.then_some(&mut self.evidence);
        cut(&self.runtime, evidence, y, bits)
    }

    /// [`widen`], with what tells how numbers beyond their bits came out kept where the run is to be verified.
    pub(super) fn widen<W: Word, V: Word>(
        &mut self,
        inputs: &[(&Spare<W>, Ring)],
    ) -> Result<Vec<Masked<V>>> {
        let mut seen: Vec<(usize, Wiped<u64>)> = Vec::new();
        let record = self.known.record;
        let wires = widen(&mut self.runtime, inputs, |number, tops: &[V]| {
            if record {
                seen.push((number, tops.iter().map(|top| top.to_u64() & 1).collect()));
            }
        })?;
        for (number, tops) in seen {
            self.record_opened(inputs[number].0, 1, tops.iter().copied());
        }
        Ok(wires)
    }

    /// Keeps, of numbers opened with a spare bit, what is open, and so many bits of the shares that tell their masks' top bits.
    ///
    /// # Security
    /// Nothing is sent here. Who verifies a run learns from both parties' records its masks' top bits, with the low bits of P0's factors: it
    /// holds the model and the input, or the run may not be verified.
    pub(super) fn record_opened<W: Word>(
        &mut self,
        x: &Spare<W>,
        bits: u32,
        tops: impl Iterator<Item = u64>,
    ) {
        let label = self.runtime.label();
        // Both know what is open: one says it.
        let first = self.runtime.me() == Some(Party::P1);
        let opened = x
            .values()
            .iter()
            .map(|x| if first { x.to_u64() } else { 0 });
        self.evidence.record_cut(label, x.ring().bits(), opened);
        self.evidence.record_cut(label, bits, tops);
    }

    /// [`times_row`], with what tells how numbers beyond their bits came out kept where the run is to be verified.
    pub(super) fn times_row<W: Word>(
        &mut self,
        x: &Spare<W>,
        factors: &Factors<u64>,
        y: &Masked<u64>,
    ) -> Result<Additive<u64>> {
        let (record, mut tops) = (self.known.record, Wiped::default());
        let product = times_row(&mut self.runtime, x, factors, y, |shares| {
            if record {
                tops = Wiped::copied(shares);
            }
        })?;
        if !tops.is_empty() {
            let bits = told_by(y.ring());
            let low = Ring::new(bits).mask();
            self.record_opened(x, bits, tops.iter().map(|top| top & low));
        }
        Ok(product)
    }

    pub(super) fn misplaced(&self, expected: &str) -> Error {
        Error::Shape {
            step: self.runtime.label().to_owned(),
            what: format!(
                "the walk asks for {expected} of an activation that holds something else"
            ),
        }
    }

    pub(super) fn product_of(&self, x: Activation) -> Result<Additive<u16>> {
        match x {
            Activation::Product(x) => Ok(x),
            _ => Err(self.misplaced("a product")),
        }
    }

    /// What a product takes; a context and normalized rows are cut and opened here, once.
    pub(super) fn wire(&mut self, x: &mut Activation) -> Result<Masked<u16>> {
        let ring = self.plan.widths.first().product();
        let wire = match x {
            Activation::Wire(wire) => return Ok(wire.clone()),
            Activation::Normal(y) => self.step("convert", |engine| {
                let normal: Additive<u16> = engine.cut(y, ring.bits());
                open_masked(&mut engine.runtime, &normal)
            })?,
            Activation::Context(y, bits) => self.step("convert", |engine| {
                let context: Additive<u8> = engine.cut(y, *bits + 1);
                let opened = open_spare(&mut engine.runtime, &[&context])?;
                Ok(engine.widen(&[(&opened[0], ring)])?.remove(0))
            })?,
            _ => return Err(self.misplaced("a wire")),
        };
        *x = Activation::Wire(wire.clone());
        Ok(wire)
    }
}

impl Engine for Fine<'_> {
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

    /// P1 sends its embedded tokens to P2 under a mask.
    fn input(&mut self) -> Result<Activation> {
        let ring = self.plan.widths.first().product();
        let len = self.plan.seq_len * self.plan.config.hidden;
        let input = self.known.input;
        let wire = masked_from_p1(&mut self.runtime, ring, input, len)?;
        Ok(Activation::Wire(wire))
    }

    fn linear(&mut self, linear: Linear, x: &mut Activation) -> Result<Activation> {
        let x = self.wire(x)?;
        Ok(Activation::Product(self.multiply(linear, &x)?))
    }

    /// The three are cut, opened and widened together.
    fn project_qkv(&mut self, layer: usize, x: &mut Activation) -> Result<[Activation; 3]> {
        let mut products = Vec::new();
        for (linear, name) in projections(layer) {
            let y = self.step(name, |engine| engine.linear(linear, x))?;
            products.push(self.product_of(y)?);
        }
        let widths = self.plan.widths.layer(layer);
        let wires = self.step("convert", |engine| {
            let cuts: Vec<Additive<u8>> = products
                .iter()
                .map(|y| engine.cut(y, widths.index + 1))
                .collect();
            let opened = open_spare(&mut engine.runtime, &cuts.iter().collect::<Vec<_>>())?;
            let values = widths.weighted_values(engine.plan.seq_len);
            let rings = [widths.product(), widths.product(), values];
            let inputs: Vec<_> = opened.iter().zip(rings).collect();
            engine.widen::<u8, u32>(&inputs)
        })?;
        let mut wires = wires.into_iter().map(Activation::Wide);
        let mut next = || {
            wires
                .next()
                .ok_or_else(|| Error::Internal("three wires".into()))
        };
        Ok([next()?, next()?, next()?])
    }

    fn scores(&mut self, layer: usize, q: Activation, k: Activation) -> Result<Activation> {
        self.attention_scores(layer, q, k)
    }

    fn softmax(&mut self, layer: usize, scores: Activation) -> Result<Activation> {
        self.row_exponentials(layer, scores)
    }

    fn context(&mut self, layer: usize, p: Activation, v: Activation) -> Result<Activation> {
        self.weighted_values(layer, p, v)
    }

    fn add_and_norm(
        &mut self,
        norm: Norm,
        branch: Activation,
        residual: Activation,
    ) -> Result<Activation> {
        self.residual_norm(norm, branch, residual)
    }

    /// A table a feature on the index, and a widening; or a table of elements of the product ring, opened under masks: a round less.
    fn activate(&mut self, function: Nonlinearity, x: Activation) -> Result<Activation> {
        let x = self.product_of(x)?;
        let (bits, widths) = match function {
            Nonlinearity::FeedForward(layer) => {
                let widths = self.plan.widths.layer(layer);
                (widths.inner, widths)
            }
            Nonlinearity::Pooler => {
                let widths = self.plan.widths.last();
                (widths.index, widths)
            }
        };
        let index: Additive<u8> = self.cut(&x, bits);
        let opened = open(&mut self.runtime, &index)?;
        let direct = self.plan.choices.direct_activation;
        let (model, narrow) = (self.known.model, Ring::new(widths.activated + 1));
        let ring = if direct { widths.product() } else { narrow };
        let tables = match model {
            Some(model) => model.activation(function)?.1,
            None => &[],
        };
        let inputs = [Input::each(&opened)];
        let wire = if direct {
            let contents = || centred(tables, ring);
            let values: Additive<u16> =
                lookup(&mut self.runtime, &inputs, opened.len(), ring, contents)?;
            open_masked(&mut self.runtime, &values)?
        } else {
            let contents = || centred(tables, ring);
            let values: Additive<u8> =
                lookup(&mut self.runtime, &inputs, opened.len(), ring, contents)?;
            let opened = open_spare(&mut self.runtime, &[&values])?;
            self.widen(&[(&opened[0], widths.product())])?.remove(0)
        };
        Ok(Activation::Wire(wire))
    }

    fn first_token(&mut self, x: Activation) -> Result<Activation> {
        let first = 0..self.plan.config.hidden;
        Ok(match x {
            Activation::Wire(x) => Activation::Wire(x.slice(first)),
            Activation::Normal(x) => Activation::Normal(x.slice(first)),
            _ => return Err(self.misplaced("normalized rows")),
        })
    }

    /// P2 sends its share of the output to P1.
    ///
    /// # Security
    /// This is the protocol's output, and P1's alone: a fresh sharing, since a dealt share is in it.
    fn output(&mut self, x: Activation) -> Result<()> {
        let widths = self.plan.widths.last();
        let output: Option<Wiped<u32>> = match (x, &self.known.weights.output) {
            (Activation::Product(logits), None) => {
                let logits = reveal_to_p1(&mut self.runtime, &logits)?;
                logits.map(|logits| logits.iter().map(|x| u32::from(*x)).collect())
            }
            (Activation::Normal(y), Some(factors)) => {
                let normal: Additive<u16> = self.cut(&y, widths.product);
                let opened = open_spare(&mut self.runtime, &[&normal])?;
                let constants = self.known.model.map(|model| model.output().constant);
                let constants = constants.unwrap_or_default();
                let constants: Vec<u32> = constants
                    .iter()
                    .map(|constant| factors.ring().encode(*constant))
                    .collect();
                let states = scaled(&mut self.runtime, &opened[0], factors, &constants)?;
                reveal_to_p1(&mut self.runtime, &states)?
            }
            _ => return Err(self.misplaced("logits or normalized rows")),
        };
        self.evidence.output = output.unwrap_or_default();
        Ok(())
    }
}

/// Tables of entries from the least signed index on, as a lookup takes them.
fn centred<W: Word>(tables: &[Vec<i64>], ring: Ring) -> Contents<W> {
    let from_zero = |table: &Vec<i64>| {
        let half = table.len() / 2;
        let entries = table[half..].iter().chain(&table[..half]);
        entries.map(|value| ring.encode(*value)).collect()
    };
    Contents {
        tables: tables.iter().map(from_zero).collect(),
    }
}

/// One table for all elements, of a model's entries; none where there is no model.
pub(super) fn one_table<W: Word>(entries: Option<&[i64]>, ring: Ring) -> Contents<W> {
    let table = entries.map(|entries| entries.iter().map(|entry| ring.encode(*entry)).collect());
    Contents {
        tables: table.into_iter().collect(),
    }
}

/// Low bits of a product with a mask's top bit, in a ring, that tell whether it is zero. A factor that is a multiple of
/// `2^(32 - b - 1)`, which is none of a calibrated model, would make the verification fail.
pub(super) fn told_by(ring: Ring) -> u32 {
    ring.bits().min(32)
}

//! The walk over BERT: `lut-rss` with other products.

use super::dots::Dots;
use super::operand::{Contents, Operand, transposed};
use super::product::sums_of_products;
use qbench_protocols::lut::{Opened, open_all};
use qbench_protocols::lut_rss::linear::{HeadShape, input_scale};
use qbench_protocols::lut_rss::plan::Plan;
use qbench_protocols::lut_rss::{self, Knowledge, LutRss};
use qbench_protocols::model::walk::{Engine, Linear, Nonlinearity, Norm};
use qbench_protocols::quantized::evidence::Evidence;
use qbench_protocols::quantized::integer::IntegerModel;
use qbench_protocols::ring::Ring;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Additive;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};

/// An activation of `lut-rss`, and the non-linearity that the tables of the next layer will contain.
#[derive(Default)]
pub struct Activation {
    inner: lut_rss::Activation,
    activated: Option<Nonlinearity>,
}

impl From<lut_rss::Activation> for Activation {
    fn from(inner: lut_rss::Activation) -> Self {
        Self {
            inner,
            activated: None,
        }
    }
}

impl From<Additive<u16>> for Activation {
    fn from(product: Additive<u16>) -> Self {
        lut_rss::Activation::of_product(product).into()
    }
}

/// `lut-mul` on the walk, in any phase and in the cost walk.
pub struct LutMul<'a> {
    inner: LutRss<'a>,
}

impl<'a> LutMul<'a> {
    /// An engine that runs in `runtime`. What is known are no weights: P0 has the model, and nobody else holds any.
    pub fn new(runtime: Runtime<'a>, plan: &'a Plan, known: Knowledge<'a>) -> Self {
        Self {
            inner: LutRss::new(runtime, plan, known),
        }
    }

    /// What P1 learned, and the low bits that the cuts dropped, where they are to be kept.
    pub fn evidence(self) -> Evidence {
        self.inner.evidence
    }

    /// Opens two activations in one round, inside the step in which `lut-rss` converts them.
    fn open_both(
        &mut self,
        mut one: Activation,
        mut other: Activation,
    ) -> Result<(Opened, Opened)> {
        self.inner.step("convert", |inner| {
            let one = inner.index_of(&mut one.inner)?;
            let other = inner.index_of(&mut other.inner)?;
            let mut opened = open_all(&mut inner.runtime, &[&one, &other])?.into_iter();
            opened
                .next()
                .zip(opened.next())
                .ok_or_else(|| Error::Internal("two openings of two inputs".into()))
        })
    }
}

/// P0's model; asked for where tables are filled.
fn of_p0<'a>(model: Option<&'a IntegerModel<'a>>) -> Result<&'a IntegerModel<'a>> {
    model.ok_or_else(|| Error::Internal("P0 has no model to deal from".into()))
}

/// What each index of `b` bits counts, `f` being a function of the signed index.
fn values(bits: u32, f: impl Fn(i64) -> i64) -> Wiped<i64> {
    let ring = Ring::new(bits);
    (0..1u64 << bits)
        .map(|index| f(ring.signed(index)))
        .collect()
}

/// What each index of a layer's input counts: its level, or what the non-linearity before the layer makes of it.
fn levels(model: &IntegerModel<'_>, linear: Linear, activated: Option<Nonlinearity>) -> Wiped<i64> {
    match activated {
        Some(Nonlinearity::FeedForward(layer)) => Wiped::copied(&model.layers[layer].activated),
        Some(Nonlinearity::Pooler) => {
            let tanh = model.head.as_ref().map(|head| &head.tanh[..]);
            Wiped::copied(tanh.unwrap_or_default())
        }
        None => {
            let scale = input_scale(model, linear);
            values(model.index_bits, |index| scale.level(index))
        }
    }
}

impl Engine for LutMul<'_> {
    type Activation = Activation;
    type Error = Error;

    fn enter(&mut self, step: &str) -> Result<()> {
        self.inner.enter(step)
    }

    fn leave(&mut self) -> Result<()> {
        self.inner.leave()
    }

    fn input(&mut self) -> Result<Activation> {
        self.inner.input().map(Activation::from)
    }

    /// The input is opened once, for all layers that use it; its conversion and the weights are in the tables.
    fn linear(&mut self, linear: Linear, x: &mut Activation) -> Result<Activation> {
        if x.inner.opened().is_none() {
            self.inner
                .step("convert", |inner| inner.open_once(&mut x.inner))?;
        }
        let opened = x.inner.opened();
        let opened = opened.ok_or_else(|| self.inner.misplaced("an opened index"))?;
        let (outputs, inputs) = linear.shape(&self.inner.plan.config);
        let dots = Dots::Layer {
            rows: opened.len() / inputs,
            outputs,
            inputs,
        };
        let (model, activated) = (self.inner.known.model, x.activated);
        let product = sums_of_products(&mut self.inner.runtime, dots, None, opened, || {
            let model = of_p0(model)?;
            let layer = model.linear(linear)?;
            let shape = (layer.source.outputs, layer.source.inputs);
            if shape != (outputs, inputs) {
                return Err(Error::Shape {
                    step: linear.to_string(),
                    what: format!("weights of {outputs} x {inputs}, the model has {shape:?}"),
                });
            }
            Ok(Contents {
                left: Operand::known(layer.weights()),
                right: Operand::opened(opened, &levels(model, linear, activated)),
                bias: layer.bias.iter().map(|bias| *bias as u16).collect(),
            })
        })?;
        Ok(product.into())
    }

    /// Neither P1 nor P2 knows an operand: tables of two inputs.
    fn scores(&mut self, layer: usize, q: Activation, k: Activation) -> Result<Activation> {
        let (q, k) = self.open_both(q, k)?;
        let dots = Dots::Scores(HeadShape::new(self.inner.plan));
        let model = self.inner.known.model;
        let product = sums_of_products(&mut self.inner.runtime, dots, Some(&q), &k, || {
            let model = of_p0(model)?;
            let (bits, layer) = (model.index_bits, &model.layers[layer]);
            let queries = values(bits, |i| layer.query_factor * layer.qkv[0].level(i));
            let keys = values(bits, |i| layer.qkv[1].level(i));
            Ok(Contents {
                left: Operand::opened(&q, &queries),
                right: Operand::opened(&k, &keys),
                bias: Wiped::default(),
            })
        })?;
        Ok(product.into())
    }

    fn softmax(&mut self, layer: usize, scores: Activation) -> Result<Activation> {
        let p = self.inner.softmax(layer, scores.inner)?;
        Ok(p.into())
    }

    /// As [`LutMul::scores`]; the codes of probabilities have 4 bits.
    fn context(&mut self, layer: usize, p: Activation, v: Activation) -> Result<Activation> {
        let (p, v) = self.open_both(p, v)?;
        let shape = HeadShape::new(self.inner.plan);
        let v = transposed(&v, shape.hidden);
        let model = self.inner.known.model;
        let dots = Dots::Context(shape);
        let product = sums_of_products(&mut self.inner.runtime, dots, Some(&p), &v, || {
            let model = of_p0(model)?;
            let (bits, layer) = (model.index_bits, &model.layers[layer]);
            let v_values = values(bits, |i| layer.value(layer.qkv[2].level(i)));
            Ok(Contents {
                left: Operand::opened(&p, &layer.softmax.probability),
                right: Operand::opened(&v, &v_values),
                bias: Wiped::default(),
            })
        })?;
        Ok(product.into())
    }

    fn add_and_norm(
        &mut self,
        norm: Norm,
        branch: Activation,
        residual: Activation,
    ) -> Result<Activation> {
        let out = self
            .inner
            .add_and_norm(norm, branch.inner, residual.inner)?;
        Ok(out.into())
    }

    /// Opens the index. The non-linearity itself is in the tables of the next layer: no table of its own, no resharing.
    ///
    /// # Security
    /// The opening is the one that the next layer would make: under fresh offsets, and once.
    fn activate(&mut self, function: Nonlinearity, mut x: Activation) -> Result<Activation> {
        self.inner.open_once(&mut x.inner)?;
        x.activated = Some(function);
        Ok(x)
    }

    fn first_token(&mut self, x: Activation) -> Result<Activation> {
        self.inner.first_token(x.inner).map(Activation::from)
    }

    /// Security as `lut-rss`'s output: P1's alone.
    fn output(&mut self, x: Activation) -> Result<()> {
        self.inner.output(x.inner)
    }
}

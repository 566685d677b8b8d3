//! The quantized encoder in the clear, in integers: the exact meaning of every table and every cut.
//!
//! The only thing that it does not determine is how each cut rounds: one bit an element, the carry of
//! the low bits that the two shares drop. Given the carries of a secure run, it reproduces that run bit
//! for bit; given random ones, it is a run of the ideal functionality.
//!
//! Products are integers as wide as they come out, multiplied by a kernel of its own, which has nothing in common with the
//! engine's; what the rings of a run make of them follows. Where a ring is too narrow for a value, the value wraps: the
//! reference does as the run does, and counts it.

mod multiply;

use super::carries::Carries;
use super::integer::norm::VARIANCE_BITS;
use super::integer::scale::Scale;
use super::integer::{IntegerModel, PRODUCT};
use crate::model::config::Head;
use crate::model::walk::{Engine, Linear, Nonlinearity, Norm};
use crate::ring::Ring;
use crate::system::Sites;
use crate::{Error, Result};
use std::ops::Range;

/// A matrix in the clear.
pub enum Clear {
    /// Not yet cut: the integers that Z_{2^16} stands for.
    Product(Vec<i64>),
    /// Signed indices.
    Index(Vec<i64>),
    /// What the next product takes; codes of probabilities.
    Levels(Vec<i64>),
}

/// The integer reference: an [`Engine`] on [`Clear`] matrices.
pub struct IntegerReference<'a> {
    model: &'a IntegerModel<'a>,
    seq_len: usize,
    input: Vec<u8>,
    carries: Carries,
    /// Whether products and what is cut of them stay in a ring that holds them all.
    wide: bool,
    path: crate::steps::StepPath,
    /// Values that were wrapped.
    pub sites: Sites,
    /// The output ring's elements: logits in Z_{2^16}, or the last hidden states' indices.
    pub output: Vec<u16>,
}

impl<'a> IntegerReference<'a> {
    /// `input` are P1's indices, `seq_len` x `hidden`.
    pub fn new(
        model: &'a IntegerModel<'a>,
        seq_len: usize,
        input: Vec<u8>,
        carries: Carries,
    ) -> Self {
        let path = crate::steps::StepPath::default();
        Self {
            model,
            seq_len,
            input,
            carries,
            wide: false,
            path,
            sites: Sites::default(),
            output: Vec::new(),
        }
    }

    /// The same model where a truncation protocol in a wide ring stands for each cut: values wrap where a table takes them, and
    /// nowhere else; and the private scales of queries and values are in their weights ([`IntegerModel::scaled_linear`]), since no
    /// table lifts them.
    pub fn in_a_wide_ring(mut self) -> Self {
        self.wide = true;
        self
    }

    /// Refuses recorded cuts that the reference does not make.
    pub fn expect_all_used(&self) -> Result<()> {
        self.carries.expect_all_used()
    }

    fn shape(&self, what: impl Into<String>) -> Error {
        Error::Shape {
            step: self.path.label().to_owned(),
            what: what.into(),
        }
    }

    /// Drops the low bits: `floor((y + unit - 1) / unit) - carry`, elements of `bits` bits of y in a ring of `ring` bits. What lies
    /// outside of `range`, the integers that the result can stand for, is counted at `site`, and wraps there, unless the ring is wide.
    fn cut(
        &mut self,
        ring: Ring,
        y: &[i64],
        bits: u32,
        site: &str,
        range: Range<i64>,
    ) -> Result<Vec<i64>> {
        let dropped = ring.bits() - bits;
        let low = (1i64 << dropped) - 1;
        let raised: Vec<i64> = y.iter().map(|y| y.wrapping_add(low)).collect();
        let carries = self.carries.take(self.path.label(), dropped, &raised)?;
        let tops = raised.iter().zip(carries);
        let tops: Vec<i64> = tops
            .map(|(y, carry)| (y >> dropped) - i64::from(carry))
            .collect();
        if self.wide {
            return Ok(tops);
        }
        self.count(site, &tops, range);
        let index = Ring::new(bits);
        Ok(tops.into_iter().map(|top| wrapped(index, top)).collect())
    }

    /// The index that a table takes, of a number in a wide ring.
    fn narrowed(&mut self, x: Vec<i64>, site: &str) -> Vec<i64> {
        if !self.wide {
            return x;
        }
        let index = Ring::new(self.model.index_bits);
        self.count(site, &x, signed(index));
        x.into_iter().map(|x| wrapped(index, x)).collect()
    }

    /// What an index counts in a product: its level, unless it has never been an index.
    fn operand(&self, scale: Scale, index: i64) -> i64 {
        if self.wide { index } else { scale.level(index) }
    }

    /// Counts the values that lie outside of what their ring can stand for.
    fn count(&mut self, site: &str, values: &[i64], range: Range<i64>) {
        let wrapped = values.iter().filter(|value| !range.contains(value)).count();
        let name = format!("{} {site}", self.path.label());
        self.sites.add(&name, values.len(), wrapped);
    }

    /// The signed indices of a matrix; cuts a product.
    fn index(&mut self, x: Clear) -> Result<Vec<i64>> {
        let ring = Ring::new(self.model.index_bits);
        match x {
            Clear::Product(y) => self.cut(PRODUCT, &y, ring.bits(), "cut", signed(ring)),
            Clear::Index(x) => Ok(x),
            Clear::Levels(_) => Err(self.shape("levels where an index is due")),
        }
    }

    /// The levels that a fully connected layer takes.
    fn input_levels(&mut self, linear: Linear, x: &mut Clear) -> Result<Vec<i64>> {
        let scale = match linear {
            Linear::Query(l) | Linear::Key(l) | Linear::Value(l) => self.model.layers[l].input,
            Linear::AttentionOutput(l) => self.model.layers[l].context,
            Linear::FeedForwardIn(l) => self.model.layers[l].attention_norm.output,
            _ => self
                .model
                .layers
                .last()
                .map_or(self.model.input, |l| l.feed_forward_norm.output),
        };
        if let Clear::Product(_) = x {
            // The engine converts an input inside this step, and so cuts it there.
            self.path.enter("convert");
            let taken = std::mem::replace(x, Clear::Index(Vec::new()));
            *x = Clear::Index(self.index(taken)?);
            self.path.leave();
        }
        match x {
            Clear::Index(x) => Ok(x.iter().map(|index| self.operand(scale, *index)).collect()),
            Clear::Levels(levels) => Ok(levels.clone()),
            Clear::Product(_) => Err(self.shape("a product where levels are due")),
        }
    }
}

impl Engine for IntegerReference<'_> {
    type Activation = Clear;
    type Error = Error;

    fn enter(&mut self, step: &str) -> Result<()> {
        self.path.enter(step);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        self.path.leave();
        Ok(())
    }

    fn input(&mut self) -> Result<Clear> {
        let ring = Ring::new(self.model.index_bits);
        let expected = self.seq_len * self.model.source.config.hidden;
        if self.input.len() != expected {
            return Err(self.shape(format!(
                "{expected} input indices, not {}",
                self.input.len()
            )));
        }
        Ok(Clear::Index(
            self.input.iter().map(|x| ring.signed(*x)).collect(),
        ))
    }

    fn linear(&mut self, linear: Linear, x: &mut Clear) -> Result<Clear> {
        let levels = self.input_levels(linear, x)?;
        let weights = match self.wide {
            true => self.model.scaled_linear(linear)?,
            false => self.model.linear(linear)?,
        };
        Ok(Clear::Product(multiply::fully_connected(&weights, &levels)))
    }

    fn scores(&mut self, layer: usize, q: Clear, k: Clear) -> Result<Clear> {
        self.path.enter("convert");
        let (q, k) = (self.index(q)?, self.index(k)?);
        self.path.leave();
        let scales = &self.model.layers[layer];
        let config = &self.model.source.config;
        let (hidden, width, n) = (config.hidden, config.head_width(), self.seq_len);
        let levels = |x: Vec<i64>, operand: usize| -> Vec<i64> {
            x.into_iter()
                .map(|index| self.operand(scales.qkv[operand], index))
                .collect()
        };
        let (q, k) = (levels(q, 0), levels(k, 1));
        let mut scores = Vec::with_capacity(config.heads * n * n);
        for head in 0..config.heads {
            for row in 0..n {
                for column in 0..n {
                    let dot: i64 = (head * width..(head + 1) * width)
                        .map(|f| q[row * hidden + f] * k[column * hidden + f])
                        .sum();
                    let factor = if self.wide { 1 } else { scales.query_factor };
                    let constants = scales.score_constant.as_ref();
                    let constant = constants.map_or(0, |c| c[head][column + n - 1 - row]);
                    scores.push(factor.wrapping_mul(dot) + constant);
                }
            }
        }
        Ok(Clear::Product(scores))
    }

    fn softmax(&mut self, layer: usize, scores: Clear) -> Result<Clear> {
        let scores = self.index(scores)?;
        let scores = self.narrowed(scores, "cut");
        let softmax = &self.model.layers[layer].softmax;
        let mut p = Vec::with_capacity(scores.len());
        for row in scores.chunks_exact(self.seq_len) {
            let levels: Vec<i64> = row
                .iter()
                .map(|index| softmax.scores.level(*index))
                .collect();
            let max = levels.iter().copied().max().unwrap_or(0);
            let e: Vec<u64> = levels
                .iter()
                .map(|level| softmax.exponential[((level - max) & 15) as usize])
                .collect();
            let code = softmax.denominator_code[e.iter().sum::<u64>() as usize];
            let code = |e: &u64| softmax.quotient[(e * 16 + code) as usize] as i64;
            p.extend(e.iter().map(code));
        }
        Ok(Clear::Levels(p))
    }

    fn context(&mut self, layer: usize, p: Clear, v: Clear) -> Result<Clear> {
        self.path.enter("convert");
        let v = self.index(v)?;
        self.path.leave();
        let Clear::Levels(p) = p else {
            return Err(self.shape("codes of probabilities"));
        };
        let scales = &self.model.layers[layer];
        let p: Vec<i64> = p
            .into_iter()
            .map(|code| scales.softmax.probability[(code & 15) as usize])
            .collect();
        let config = &self.model.source.config;
        let (hidden, width, n) = (config.hidden, config.head_width(), self.seq_len);
        let v: Vec<i64> = v
            .into_iter()
            .map(|v| match self.wide {
                true => v,
                false => scales.value(scales.qkv[2].level(v)),
            })
            .collect();
        let mut context = vec![0; n * hidden];
        for head in 0..config.heads {
            for row in 0..n {
                for f in head * width..(head + 1) * width {
                    context[row * hidden + f] = (0..n)
                        .map(|j| p[(head * n + row) * n + j] * v[j * hidden + f])
                        .sum();
                }
            }
        }
        Ok(Clear::Product(context))
    }

    fn add_and_norm(&mut self, norm: Norm, branch: Clear, residual: Clear) -> Result<Clear> {
        let hidden = self.model.source.config.hidden;
        let bits = self.model.index_bits;
        let index = Ring::new(bits);
        let residual = self.index(residual)?;
        let Clear::Product(branch) = branch else {
            return Err(self.shape("a product"));
        };
        let norm = self.model.norm(norm);
        self.path.enter("residual");
        let sum: Vec<i64> = branch
            .iter()
            .zip(&residual)
            .map(|(branch, residual)| branch.wrapping_add(norm.residual(*residual)))
            .collect();
        let sum = self.cut(PRODUCT, &sum, bits, "sum", signed(index))?;
        self.path.leave();

        self.path.enter("mean");
        let means: Vec<i64> = sum
            .chunks_exact(hidden)
            .map(|row| {
                let total: i64 = row.iter().sum();
                total * norm.mean_factor as i64
            })
            .collect();
        let means = self.cut(norm.wide, &means, bits, "mean", signed(index))?;
        let deviation: Vec<i64> = sum
            .chunks_exact(hidden)
            .zip(means)
            .flat_map(|(row, mean)| row.iter().map(move |v| v - mean))
            .collect();
        self.count("deviation", &deviation, signed(index));
        self.path.leave();
        let deviation: Vec<i64> = deviation.into_iter().map(|d| wrapped(index, d)).collect();

        self.path.enter("variance");
        let squares: Vec<i64> = deviation
            .chunks_exact(hidden)
            .map(|row| {
                let total: i64 = row.iter().map(|d| d * d).sum();
                total.wrapping_mul(norm.square_factor as i64)
            })
            .collect();
        let windows = 0..1 << VARIANCE_BITS;
        let variance = self.cut(norm.wide, &squares, VARIANCE_BITS, "variance", windows)?;
        self.path.leave();
        let window = Ring::new(VARIANCE_BITS);
        let variance = variance.into_iter().map(|v| window.encode::<u64>(v));

        let out = deviation
            .chunks_exact(hidden)
            .zip(variance)
            .flat_map(|(row, variance)| {
                row.iter()
                    .enumerate()
                    .map(move |(feature, d)| norm.affine(feature, *d, variance))
            })
            .collect();
        Ok(Clear::Index(out))
    }

    fn activate(&mut self, function: Nonlinearity, x: Clear) -> Result<Clear> {
        let x = self.index(x)?;
        let x = self.narrowed(x, "cut");
        let ring = Ring::new(self.model.index_bits);
        let table = match function {
            Nonlinearity::FeedForward(layer) => &self.model.layers[layer].activated,
            Nonlinearity::Pooler => match &self.model.head {
                Some(head) => &head.tanh,
                None => return Err(self.shape("a model with a pooler")),
            },
        };
        Ok(Clear::Levels(
            x.iter()
                .map(|x| table[ring.encode::<u16>(*x) as usize])
                .collect(),
        ))
    }

    fn first_token(&mut self, x: Clear) -> Result<Clear> {
        let mut index = self.index(x)?;
        index.truncate(self.model.source.config.hidden);
        Ok(Clear::Index(index))
    }

    fn output(&mut self, x: Clear) -> Result<()> {
        let ring = Ring::new(self.model.index_bits);
        self.output = match (self.model.source.config.head, x) {
            (Head::Classifier { .. }, Clear::Product(logits)) => {
                self.count("logits", &logits, signed(PRODUCT));
                logits.into_iter().map(|logit| logit as u16).collect()
            }
            (Head::Hidden, x) => self.index(x)?.into_iter().map(|x| ring.encode(x)).collect(),
            _ => return Err(self.shape("logits")),
        };
        Ok(())
    }
}

/// What a ring makes of an integer.
fn wrapped(ring: Ring, x: i64) -> i64 {
    ring.signed(ring.encode::<u64>(x))
}

/// The integers that a ring's elements stand for.
fn signed(ring: Ring) -> Range<i64> {
    let half = 1i64 << (ring.bits() - 1);
    -half..half
}

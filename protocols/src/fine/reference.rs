//! The integer reference of profile `fine` in the clear: an engine on the walk. Products are integers as wide as they come out; what the
//! rings of a run make of them follows. What the integers do not determine is how the cuts round, and what becomes of a number that is
//! beyond its bits: [`Carries`] say it.

use super::engine::told_by;
use super::integer::{FineModel, OUTPUT};
use crate::model::config::Head;
use crate::model::walk::{Engine, Linear, Nonlinearity, Norm, step};
use crate::quantized::carries::Carries;
use crate::ring::Ring;
use crate::steps::StepPath;
use crate::system::Sites;
use crate::{Error, Result};

/// A matrix in the clear.
#[derive(Clone, Debug)]
pub enum Clear {
    /// Not yet cut.
    Product(Vec<i64>),
    /// Normalized rows, not yet cut.
    Normal(Vec<i64>),
    /// The integers that the next product takes.
    Wire(Vec<i64>),
}

/// The integer reference.
pub struct FineReference<'a> {
    model: &'a FineModel<'a>,
    seq_len: usize,
    input: Vec<i64>,
    carries: Carries,
    path: StepPath,
    /// Values that were wrapped, or beyond their bits.
    pub sites: Sites,
    /// What P1 learns: logits, or the last hidden states, as the integers that their ring's elements stand for.
    pub output: Vec<i64>,
}

/// The projections of a layer, with their steps.
pub(super) fn projections(layer: usize) -> [(Linear, &'static str); 3] {
    [
        (Linear::Query(layer), "query"),
        (Linear::Key(layer), "key"),
        (Linear::Value(layer), "value"),
    ]
}

/// What a ring makes of a number.
fn wrap(ring: Ring, x: i64) -> i64 {
    ring.signed(ring.encode::<u64>(x))
}

/// The maximum as comparisons of pairs find it, the first half with the second: of scores that differ by more than the ring can say,
/// something else.
fn by_differences(ring: Ring, row: &[i64]) -> i64 {
    let mut left = row.to_vec();
    while left.len() > 1 {
        let pairs = left.len() / 2;
        let odd = left.split_off(2 * pairs);
        let (a, b) = left.split_at(pairs);
        let winners = a.iter().zip(b);
        let winners = winners.map(|(a, b)| wrap(ring, b + wrap(ring, a - b).max(0)));
        left = winners.chain(odd).collect();
    }
    left.first().copied().unwrap_or(0)
}

impl<'a> FineReference<'a> {
    /// `input` are P1's integers, `seq_len` x `hidden`.
    pub fn new(
        model: &'a FineModel<'a>,
        seq_len: usize,
        input: Vec<i64>,
        carries: Carries,
    ) -> Self {
        Self {
            model,
            seq_len,
            input,
            carries,
            path: StepPath::default(),
            sites: Sites::default(),
            output: Vec::new(),
        }
    }

    /// Refuses recorded cuts that the reference does not make.
    pub fn expect_all_used(&self) -> Result<()> {
        self.carries.expect_all_used()
    }

    fn shape(&self, what: &str) -> Error {
        Error::Shape {
            step: self.path.label().to_owned(),
            what: what.to_owned(),
        }
    }

    /// Drops the low bits of numbers in `ring`, down to `bits`: `floor((y + unit - 1) / unit) - carry`.
    fn tops(&mut self, ring: Ring, y: &[i64], bits: u32) -> Result<Vec<i64>> {
        let dropped = ring.bits() - bits;
        let raised: Vec<i64> = y.iter().map(|y| y + ((1i64 << dropped) - 1)).collect();
        let carries = self.carries.take(self.path.label(), dropped, &raised)?;
        let tops = raised.iter().zip(carries);
        Ok(tops
            .map(|(y, carry)| (y >> dropped) - i64::from(carry))
            .collect())
    }

    /// The same, and what the smaller ring makes of it: what it cannot stand for is counted at `site`, and wraps.
    fn cut(&mut self, ring: Ring, y: &[i64], bits: u32, site: &str) -> Result<Vec<i64>> {
        let tops = self.tops(ring, y, bits)?;
        Ok(self.wrapped(&tops, bits, site))
    }

    fn wrapped(&mut self, values: &[i64], bits: u32, site: &str) -> Vec<i64> {
        self.count_beyond(values, bits, site);
        let ring = Ring::new(bits);
        values.iter().map(|x| wrap(ring, *x)).collect()
    }

    /// What numbers of `bits` bits come out as where they are opened with a spare bit and widened; those beyond are counted at `site`.
    fn widened(&mut self, values: &[i64], bits: u32, site: &str) -> Result<Vec<i64>> {
        self.count_beyond(values, bits, site);
        self.carries.widened(self.path.label(), bits, 1, values)
    }

    /// The same of numbers that are not widened, but multiplied in a ring in step `scale` later on.
    fn opened(
        &mut self,
        values: &[i64],
        bits: u32,
        site: &str,
        (ring, scale): (Ring, &str),
    ) -> Result<Vec<i64>> {
        self.count_beyond(values, bits, site);
        self.carries.widened(scale, bits, told_by(ring), values)
    }

    fn count_beyond(&mut self, values: &[i64], bits: u32, site: &str) -> usize {
        let half = 1i64 << (bits - 1);
        self.count_outside(values, -half..half, site)
    }

    fn count_outside(&mut self, values: &[i64], range: std::ops::Range<i64>, site: &str) -> usize {
        let outside = values.iter().filter(|x| !range.contains(*x)).count();
        let name = format!("{} {site}", self.path.label());
        self.sites.add(&name, values.len(), outside);
        outside
    }

    /// Runs `body` in the step in which an engine opens what it needs.
    fn convert<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        step(self, "convert", body)
    }

    /// The integers that a product takes; normalized rows are cut and opened here, once.
    fn wire(&mut self, x: &mut Clear) -> Result<Vec<i64>> {
        if let Clear::Normal(y) = x {
            let widths = self.model.widths.first();
            let (ring, bits) = (widths.normal(), widths.product);
            let wire = self.convert(|engine| engine.cut(ring, y, bits, "normal"))?;
            *x = Clear::Wire(wire);
        }
        match x {
            Clear::Wire(x) => Ok(x.clone()),
            _ => Err(self.shape("a product where a wire is due")),
        }
    }

    fn product(&self, x: Clear) -> Result<Vec<i64>> {
        match x {
            Clear::Product(x) => Ok(x),
            _ => Err(self.shape("a wire where a product is due")),
        }
    }

    fn normalized(&mut self, norm: Norm, sum: &[i64], mean: &[i64]) -> Result<Vec<i64>> {
        let widths = self.model.widths.layer(norm.layer());
        let norm = self.model.norm(norm).0;
        let hidden = norm.factor.len();
        let rows = || {
            sum.chunks_exact(hidden).zip(mean).map(|(row, mean)| {
                let units = row.iter().zip(&norm.factor).map(|(x, c)| x * c);
                (units, norm.mean_factor * mean)
            })
        };
        let squares: Vec<i64> = rows()
            .map(|(units, mean)| units.map(|x| x * x).sum::<i64>() - hidden as i64 * mean * mean)
            .collect();
        let windows = 1i64 << widths.variance;
        let tops = self.tops(widths.squares(), &squares, widths.variance)?;
        self.count_outside(&tops, 0..windows, "variance");
        let inverses = tops
            .iter()
            .map(|v| norm.inverse[v.rem_euclid(windows) as usize]);
        let normal = rows()
            .zip(inverses)
            .flat_map(|((units, mean), inverse)| units.map(move |x| (x - mean) * inverse));
        Ok(normal.collect())
    }
}

impl Engine for FineReference<'_> {
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
        let expected = self.seq_len * self.model.source.config.hidden;
        if self.input.len() != expected {
            return Err(self.shape(&format!("{expected} inputs, not {}", self.input.len())));
        }
        Ok(Clear::Wire(self.input.clone()))
    }

    fn linear(&mut self, linear: Linear, x: &mut Clear) -> Result<Clear> {
        if let (Linear::AttentionOutput(layer), Clear::Product(y)) = (linear, &*x) {
            let (widths, y) = (self.model.widths.layer(layer), y.clone());
            let wire = self.convert(|engine| {
                let tops = engine.tops(widths.weighted(), &y, widths.context + 1)?;
                engine.widened(&tops, widths.context, "context")
            })?;
            *x = Clear::Wire(wire);
        }
        let x = self.wire(x)?;
        Ok(Clear::Product(self.model.linear(linear)?.multiply(&x)))
    }

    /// The three are cut, opened and widened together.
    fn project_qkv(&mut self, layer: usize, x: &mut Clear) -> Result<[Clear; 3]> {
        let widths = self.model.widths.layer(layer);
        let mut products = Vec::new();
        for (linear, name) in projections(layer) {
            let y = step(self, name, |engine| engine.linear(linear, x))?;
            products.push(self.product(y)?);
        }
        let wires = self.convert(|engine| {
            let mut tops = Vec::new();
            for y in &products {
                tops.push(engine.tops(widths.product(), y, widths.index + 1)?);
            }
            let mut wires = Vec::new();
            for (tops, (_, name)) in tops.iter().zip(projections(layer)) {
                wires.push(Clear::Wire(engine.widened(tops, widths.index, name)?));
            }
            Ok(wires)
        })?;
        wires.try_into().map_err(|_| self.shape("three products"))
    }

    fn scores(&mut self, layer: usize, mut q: Clear, mut k: Clear) -> Result<Clear> {
        let (q, k) = (self.wire(&mut q)?, self.wire(&mut k)?);
        let attention = &self.model.layers[layer].attention;
        let config = &self.model.source.config;
        let (hidden, width, n) = (config.hidden, config.head_width(), self.seq_len);
        let mut scores = Vec::with_capacity(config.heads * n * n);
        for head in 0..config.heads {
            for row in 0..n {
                for column in 0..n {
                    let features = head * width..(head + 1) * width;
                    let dot = features.map(|f| {
                        attention.query_factor[f] * q[row * hidden + f] * k[column * hidden + f]
                    });
                    let constants = &attention.score_constant[head];
                    scores.push(dot.sum::<i64>() + constants[column + n - 1 - row]);
                }
            }
        }
        Ok(Clear::Product(scores))
    }

    fn softmax(&mut self, layer: usize, scores: Clear) -> Result<Clear> {
        let (widths, n) = (self.model.widths.layer(layer), self.seq_len);
        let scores = self.product(scores)?;
        let bits = widths.scores + self.model.choices.spare_of_scores();
        let scores = self.tops(widths.product(), &scores, bits)?;
        self.count_beyond(&scores, widths.scores, "score");
        let ring = Ring::new(bits);
        let scores: Vec<i64> = scores.iter().map(|x| wrap(ring, *x)).collect();
        let tables = &self.model.layers[layer].attention.exponential;
        let (rows, spare) = (
            scores.chunks_exact(n).enumerate(),
            ring.bits() > widths.scores,
        );
        let exponentials = rows.flat_map(|(r, row)| {
            let max = match spare {
                true => by_differences(ring, row),
                false => row.iter().copied().max().unwrap_or(0),
            };
            let table = &tables[r / n];
            row.iter()
                .map(move |x| table[(max - x).rem_euclid(table.len() as i64) as usize])
        });
        Ok(Clear::Wire(exponentials.collect()))
    }

    fn context(&mut self, layer: usize, mut p: Clear, mut v: Clear) -> Result<Clear> {
        let (e, v) = (self.wire(&mut p)?, self.wire(&mut v)?);
        let attention = &self.model.layers[layer].attention;
        let config = &self.model.source.config;
        let (hidden, width, n) = (config.hidden, config.head_width(), self.seq_len);
        let mut weighted = vec![0; n * hidden];
        for head in 0..config.heads {
            for row in 0..n {
                let e = &e[(head * n + row) * n..][..n];
                for f in head * width..(head + 1) * width {
                    let values = e.iter().enumerate().map(|(j, e)| e * v[j * hidden + f]);
                    weighted[row * hidden + f] = values.sum::<i64>();
                }
            }
        }
        let widths = self.model.widths.layer(layer);
        let bits = widths.weighted_values(n).bits() - 1;
        let label = self.path.label().to_owned();
        let scale = (widths.weighted(), &label[..]);
        let mut context = self.opened(&weighted, bits, "weighted", scale)?;
        for (i, context) in context.iter_mut().enumerate() {
            let (row, head) = (i / hidden, i % hidden / width);
            let e = &e[(head * n + row) * n..][..n];
            *context *= attention.inverse[e.iter().sum::<i64>() as usize];
        }
        Ok(Clear::Product(context))
    }

    fn add_and_norm(&mut self, norm: Norm, branch: Clear, mut residual: Clear) -> Result<Clear> {
        let widths = self.model.widths.layer(norm.layer());
        let hidden = self.model.source.config.hidden;
        let (branch, residual) = (self.product(branch)?, self.wire(&mut residual)?);
        let factors = self.model.residual(norm);
        let rows = branch.chunks_exact(hidden + 1);
        let rows = rows.zip(residual.chunks_exact(hidden));
        let (mut sum, mut mean) = (Vec::with_capacity(residual.len()), Vec::new());
        for (branch, residual) in rows {
            let added = residual.iter().zip(&factors.own).map(|(y, own)| y * own);
            sum.extend(
                branch
                    .iter()
                    .zip(added)
                    .map(|(branch, added)| branch + added),
            );
            let added = residual.iter().zip(&factors.in_mean);
            mean.push(branch[hidden] + added.map(|(y, in_mean)| y * in_mean).sum::<i64>());
        }
        let scale = format!("{}/normalize/scale", self.path.label());
        let scale = (widths.normal(), &scale[..]);
        let (sum, mean) = step(self, "residual", |engine| {
            let sum = engine.tops(widths.product(), &sum, widths.sum + 1)?;
            let sum = engine.opened(&sum, widths.sum, "sum", scale)?;
            let mean = engine.opened(&mean, widths.product - 1, "mean", scale)?;
            Ok((sum, mean))
        })?;
        let normal = step(self, "normalize", |engine| {
            engine.normalized(norm, &sum, &mean)
        })?;
        Ok(Clear::Normal(normal))
    }

    fn activate(&mut self, function: Nonlinearity, x: Clear) -> Result<Clear> {
        let widths = match function {
            Nonlinearity::FeedForward(layer) => self.model.widths.layer(layer),
            Nonlinearity::Pooler => self.model.widths.last(),
        };
        let x = self.product(x)?;
        let (bits, tables) = self.model.activation(function)?;
        let x = self.cut(widths.product(), &x, bits, "index")?;
        let half = 1i64 << (bits - 1);
        let values = x.iter().zip(tables.iter().cycle());
        let values: Vec<i64> = values
            .map(|(x, table)| table[(x + half) as usize])
            .collect();
        if self.model.choices.direct_activation {
            // A table's entry is what it is.
            return Ok(Clear::Wire(values));
        }
        let wire = self.widened(&values, widths.activated, "activated")?;
        Ok(Clear::Wire(wire))
    }

    fn first_token(&mut self, x: Clear) -> Result<Clear> {
        let first = |mut x: Vec<i64>| {
            x.truncate(self.model.source.config.hidden);
            x
        };
        Ok(match x {
            Clear::Product(x) => Clear::Product(first(x)),
            Clear::Normal(x) => Clear::Normal(first(x)),
            Clear::Wire(x) => Clear::Wire(first(x)),
        })
    }

    fn output(&mut self, x: Clear) -> Result<()> {
        let widths = self.model.widths.last();
        self.output = match (self.model.source.config.head, x) {
            (Head::Classifier { .. }, Clear::Product(logits)) => {
                self.wrapped(&logits, widths.product, "logits")
            }
            (Head::Hidden, Clear::Normal(y)) => {
                let tops = self.tops(widths.normal(), &y, widths.product)?;
                if self.count_beyond(&tops, widths.product - 1, "normal") > 0 {
                    return Err(Error::Verification(format!(
                        "a normalized feature at `{}` is beyond its {} bits",
                        self.path.label(),
                        widths.product - 1
                    )));
                }
                let x = tops;
                let output = self.model.output();
                let features = output.factor.iter().zip(&output.constant).cycle();
                let states = x.iter().zip(features);
                let states: Vec<i64> = states
                    .map(|(x, (factor, constant))| factor * x + constant)
                    .collect();
                self.wrapped(&states, OUTPUT.bits(), "states")
            }
            _ => return Err(self.shape("logits or normalized rows")),
        };
        Ok(())
    }
}

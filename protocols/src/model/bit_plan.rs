//! The bit plan of a model: how many bits each site of each layer has in the systems that take one (`lut-fine`). Public, since it decides
//! the length of messages; a model without one has the default at every layer.

use super::config::ModelConfig;
use serde::{Deserialize, Serialize};

/// Bits of every site of one layer. Ranges and scales are the model's, and P0's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Widths {
    /// The ring of products with weights; the same in every layer.
    pub product: u32,
    /// Bits below one of a normalized feature; the same in every layer.
    pub fraction: u32,
    /// Query, key and value, without their spare bit.
    pub index: u32,
    /// Context, without its spare bit: in the range of the values that it is made of, which it cannot leave.
    pub context: u32,
    /// Scores, as the softmax takes them.
    pub scores: u32,
    /// An exponential.
    pub exponential: u32,
    /// Before the feed-forward non-linearity.
    pub inner: u32,
    /// After it, without its spare bit.
    pub activated: u32,
    /// branch + residual, without its spare bit.
    pub sum: u32,
    /// A row's variance.
    pub variance: u32,
    /// The ring of a row's sum of squares, of which the variance is cut.
    pub squares: u32,
    /// The ring of weighted values times the inverse of their row's sum of exponentials.
    pub weighted: u32,
    /// The ring of branch + residual times the inverse of a row's standard deviation; the same in every layer.
    pub normal: u32,
}

impl Default for Widths {
    /// What keeps the accuracy of sentence encoders within a hundredth: widths of the linear path cost as much as narrow ones would.
    fn default() -> Self {
        Self {
            product: 16,
            fraction: 4,
            index: 6,
            context: 7,
            scores: 5,
            exponential: 4,
            inner: 5,
            activated: 7,
            sum: 12,
            variance: 12,
            squares: 44,
            weighted: 26,
            normal: 36,
        }
    }
}

/// A site's name, the least and the most bits that it can have, and its place.
type Site = (&'static str, u32, u32, fn(&mut Widths) -> &mut u32);

/// Every site in the order of the walk, and then the rings.
pub const SITES: [Site; 13] = [
    ("fraction", 1, 8, |w| &mut w.fraction),
    ("index", 2, 7, |w| &mut w.index),
    // One-hot vectors of a row's maximum have at least 8 places.
    ("scores", 3, 8, |w| &mut w.scores),
    ("exponential", 2, 8, |w| &mut w.exponential),
    ("context", 2, 7, |w| &mut w.context),
    ("sum", 6, 15, |w| &mut w.sum),
    ("variance", 4, 16, |w| &mut w.variance),
    ("inner", 2, 8, |w| &mut w.inner),
    ("activated", 2, 7, |w| &mut w.activated),
    ("product", 10, 16, |w| &mut w.product),
    ("weighted", 16, 48, |w| &mut w.weighted),
    ("squares", 24, 62, |w| &mut w.squares),
    ("normal", 20, 56, |w| &mut w.normal),
];

/// The most bits that a cut drops.
pub const MOST_DROPPED: u32 = 32;

/// Sites that all layers share: what one layer puts out is what the next one takes.
const SHARED: [&str; 3] = ["fraction", "product", "normal"];

/// The widths of every layer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BitPlan {
    /// One a layer.
    pub layers: Vec<Widths>,
}

impl BitPlan {
    /// A model's own plan, or the default.
    pub fn of(config: &ModelConfig) -> Self {
        let own = config.bit_plan.clone();
        own.unwrap_or_else(|| Self::uniform(Widths::default(), config.layers))
    }

    /// The same widths in every layer.
    pub fn uniform(widths: Widths, layers: usize) -> Self {
        Self {
            layers: vec![widths; layers],
        }
    }

    /// Of a layer.
    pub fn layer(&self, layer: usize) -> Widths {
        self.layers[layer]
    }

    /// Of what comes before the first layer.
    pub fn first(&self) -> Widths {
        self.layers[0]
    }

    /// Of what comes after the last layer.
    pub fn last(&self) -> Widths {
        self.layers[self.layers.len() - 1]
    }

    /// Says what is impossible about a plan for a model, if anything: the site's name, and what would be possible.
    pub fn check(&self, config: &ModelConfig) -> std::result::Result<(), String> {
        if self.layers.len() != config.layers || self.layers.is_empty() {
            return Err(format!(
                "the bit plan has widths of {} layers, and the model {} layers",
                self.layers.len(),
                config.layers
            ));
        }
        for (l, widths) in self.layers.iter().enumerate() {
            widths
                .check(config.hidden)
                .map_err(|what| format!("the bit plan of layer {l}: {what}"))?;
            for (name, _, _, place) in SITES.iter().filter(|(name, ..)| SHARED.contains(name)) {
                let (own, first) = (*place(&mut widths.clone()), *place(&mut self.first()));
                if own != first {
                    return Err(format!(
                        "the bit plan of layer {l}: `{name}` has {own} bits, and {first} in layer 0: it must be the same in all"
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Widths {
    fn check(&self, hidden: usize) -> std::result::Result<(), String> {
        let mut own = *self;
        for (name, least, most, place) in SITES {
            let bits = *place(&mut own);
            if !(least..=most).contains(&bits) {
                return Err(format!(
                    "`{name}` must have {least} to {most} bits, not {bits}"
                ));
            }
        }
        // What is cut out of a ring, with its spare bit, is narrower than it.
        for (name, bits, ring, of) in [
            ("index", self.index + 1, "product", self.product),
            ("scores", self.scores, "product", self.product),
            ("inner", self.inner, "product", self.product),
            ("sum", self.sum + 1, "product", self.product),
            ("activated", self.activated + 1, "product", self.product),
            ("context", self.context + 1, "product", self.product),
            ("variance", self.variance, "squares", self.squares),
            ("context", self.context + 1, "weighted", self.weighted),
            ("product", self.product + 1, "normal", self.normal),
        ] {
            if bits > of {
                return Err(format!(
                    "`{name}` takes {bits} bits, which its ring `{ring}` of {of} bits does not have"
                ));
            }
        }
        // A verified run keeps what a cut drops in 32 bits.
        for (name, dropped) in [
            ("squares", self.squares - self.variance),
            ("weighted", self.weighted - self.context - 1),
            ("normal", self.normal - self.product),
        ] {
            if dropped > MOST_DROPPED {
                return Err(format!(
                    "`{name}` has {dropped} bits more than what is cut out of it, and at most {MOST_DROPPED} can be dropped"
                ));
            }
        }
        if self.context < self.index {
            return Err(format!(
                "`context` has {} bits, fewer than the {} of the values (`index`) in whose range it is",
                self.context, self.index
            ));
        }
        // No normalized feature is beyond sqrt(H - 1), which all of a row's deviation in one feature gives.
        let largest = ((hidden.max(2) - 1) as f64).sqrt() * f64::from(1u32 << self.fraction);
        if largest >= f64::from(1u32 << (self.product - 1)) {
            return Err(format!(
                "`fraction`: a normalized feature of {hidden} can come to {largest:.0}, which overflows `product` of {} bits",
                self.product
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_that_cannot_be_right_are_refused_with_the_site() {
        let config = ModelConfig::preset("bert-base").unwrap();
        BitPlan::of(&config).check(&config).unwrap();
        let changed = |change: fn(&mut Widths)| {
            let mut plan = BitPlan::of(&config);
            change(&mut plan.layers[7]);
            plan.check(&config).unwrap_err()
        };
        for (fault, expected) in [
            (
                changed(|w| w.index = 8),
                "layer 7: `index` must have 2 to 7 bits, not 8",
            ),
            (changed(|w| w.scores = 1), "`scores` must have"),
            (
                changed(|w| w.context = 5),
                "`context` has 5 bits, fewer than the 6",
            ),
            (
                changed(|w| w.fraction = 5),
                "`fraction` has 5 bits, and 4 in layer 0",
            ),
            (
                changed(|w| w.variance = 11),
                "`squares` has 33 bits more than what is cut out of it",
            ),
            (
                changed(|w| w.product = 12),
                "`sum` takes 13 bits, which its ring `product` of 12",
            ),
        ] {
            assert!(
                fault.contains(expected),
                "expected `{expected}` in `{fault}`"
            );
        }
        let mut short = BitPlan::of(&config);
        short.layers.pop();
        assert!(
            short
                .check(&config)
                .unwrap_err()
                .contains("11 layers, and the model 12")
        );
        // All of a row's deviation in one feature of 768 comes to 27.7: with 8 bits below one and 13 in all it overflows.
        let wide = Widths {
            fraction: 8,
            product: 13,
            ..Widths::default()
        };
        let fault = BitPlan::uniform(wide, 12).check(&config).unwrap_err();
        assert!(
            fault.contains("`fraction`: a normalized feature of 768 can come to 7090"),
            "{fault}"
        );
    }
}

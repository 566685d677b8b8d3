//! The operands that stay the same for all of a model's inferences, and how often they are opened.

use super::bilinear::{combine, draw};
use super::correlation::WORD;
use super::{RING, Share};
use crate::fixed_point::weights::Elements;
use qbench_protocols::Result;
use qbench_protocols::net::Party;
use qbench_protocols::prg::Stream;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::share_from_p0;
use qbench_protocols::system::settings::{Setting, Values};
use qbench_protocols::wipe::Wiped;

/// How often a weight is opened.
pub const WEIGHT_MASKS: Setting = Setting {
    key: "weight_masks",
    values: Values::Names(&["fresh", "reused"]),
    default: "fresh",
    default_of_infer: None,
    auto: false,
    label: "masks of the weights",
    help: "Whether a weight is opened at every inference, as the original does, or once a model",
};

/// How often a weight is opened; in the order of [`WEIGHT_MASKS`]'s names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum WeightMasks {
    /// Against a fresh mask in every inference: what the original does with an encrypted model.
    #[default]
    Fresh,
    /// Once, when it is shared, against one mask that its triples then have in common. Deviation from the original, and what
    /// a tuned use of its protocol would do.
    Reused,
}

/// This party's share of a tensor of weights.
pub struct Weight {
    /// The share itself.
    pub share: Share,
    /// What is reused, where masks are.
    pub(super) reused: Option<Reused>,
}

/// A weight's one mask.
pub(super) enum Reused {
    /// P0, who knows the mask: the streams that its two parts are drawn from.
    Mask(Box<[Stream; 2]>),
    /// P1 and P2: the weight less the mask, opened.
    Opened(Wiped<u64>),
    /// In the cost walk.
    Declared,
}

impl From<Share> for Weight {
    /// To be opened against a fresh mask whenever it is used.
    fn from(share: Share) -> Self {
        let reused = None;
        Self { share, reused }
    }
}

impl Weight {
    /// P0 shares a tensor of weights; reused masks are drawn and the weight is opened against them.
    ///
    /// Cost: 1 word an element from P0 to P2; with [`WeightMasks::Reused`] 1 word an element each way between P1 and P2 besides, and a
    /// round.
    ///
    /// # Security
    /// As [`share_from_p0`]. What is opened is W - B, where B is uniform, unknown to P1 and P2, and masks this weight
    /// alone: opened once, and used in every product, it tells no more than the first time.
    ///
    /// # Errors
    /// The network's.
    pub fn share(
        runtime: &mut Runtime<'_>,
        masks: WeightMasks,
        len: usize,
        values: Elements<'_>,
    ) -> Result<Self> {
        let share = share_from_p0(runtime, RING, len, values)?;
        if masks == WeightMasks::Fresh {
            return Ok(share.into());
        }
        runtime.declare_exchange(len * WORD);
        let reused = match runtime.me() {
            None => Reused::Declared,
            Some(Party::P0) => {
                let session = runtime.session()?;
                let streams = [Party::P1, Party::P2].map(|peer| session.shared_stream(peer));
                Reused::Mask(Box::new(streams))
            }
            Some(_) => Reused::Opened(open_once(runtime, &share)?),
        };
        let reused = Some(reused);
        Ok(Self { share, reused })
    }
}

/// P1 and P2: `share` less a mask that P0 knows, opened.
fn open_once(runtime: &mut Runtime<'_>, share: &Share) -> Result<Wiped<u64>> {
    let session = runtime.session()?;
    let stream = session.shared_stream(Party::P0);
    let threads = session.threads();
    let mut masked = draw(threads, &stream, 0, share.len());
    combine(
        threads,
        &mut masked,
        share.values(),
        #[inline(always)]
        |b, w| w.wrapping_sub(b),
    );
    let mut opening = runtime.buffer(masked.len() * WORD);
    let threads = runtime.session()?.threads();
    super::multiply::write(threads, &masked, opening.as_chunks_mut::<WORD>().0);
    let theirs = runtime.exchange(opening)?;
    let threads = runtime.session()?.threads();
    super::multiply::add_words(threads, &mut masked, theirs.as_chunks::<WORD>().0);
    runtime.recycle(theirs);
    Ok(masked)
}

//! Sums of products by tables.

use super::deal::{fill, table_bytes};
use super::dots::Dots;
use super::look_up::{Differences, sums};
use super::operand::Contents;
use qbench_protocols::lut::Opened;
use qbench_protocols::lut::evaluate::Shares;
use qbench_protocols::material::Dealt;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::quantized::integer::PRODUCT;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::Additive;
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};
use std::fmt;
use std::ops::Range;

/// Largest piece of correlated randomness, unless one dot product takes more. Each is one message, which P2 keeps as it came: smaller
/// ones would leave threads little to do, larger ones keep P2 waiting for what P0 has yet to compute.
pub(super) const PIECE_BYTES: usize = 4 << 20;

/// What the store keeps of the tables of some dot products.
#[derive(PartialEq)]
struct Tables {
    dots: Dots,
    part: Range<usize>,
    bits: [u32; 2],
}

impl fmt::Display for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tables of dot products {} to {} of {:?}, operands of {} and {} bits",
            self.part.start, self.part.end, self.dots, self.bits[0], self.bits[1]
        )
    }
}

/// The dot products of each piece: whole ones, at least one.
fn pieces(count: usize, dot_bytes: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (PIECE_BYTES / dot_bytes).max(1);
    let starts = (0..count).step_by(step);
    starts.map(move |start| start..count.min(start + step))
}

/// `[y]^16`: every dot product of `dots`. `right` are opened, and `left` too unless P0 knows them.
///
/// For each product P0 deals the table of `left(d) * right(d')` over all values that the operands may be opened as, rotated by
/// their offsets; the bias is added into one table of each dot product. P1 and P2 look up the entry that was opened and add.
///
/// Cost: `16 * 2^(b + b')` bits a product from P0 to P2 offline, where b and b' are the widths of the operands that are opened, and zero where P0
/// knows one; nothing online, and nothing to P1, whose shares are the output of the P0-P1 generator: it computes the entries
/// that it looks up. The openings are paid where they are made, once for all products.
///
/// Deviation: a table whose entries are pairs of an input and a weight, as an operator on two secret values, would take
/// `2^(b + b')` entries and another opening. Here P0 is the dealer and knows the weights, so products with weights take `2^b`. It
/// is in favour of this system wherever the original does otherwise, which its abstract does not say. And tables put out 16 bits,
/// which the sums of the quantized model need, where the abstract counts tables that put out 8.
///
/// # Security
/// Each table has a fresh mask, P1's share, a part of a stream that is used once; P2 receives it under that mask. All that P1 and
/// P2 see beside are the openings, and every table is looked up at the one place that they say.
///
/// `contents` is called at P0 only, offline only.
///
/// # Errors
/// Tables that were dealt for something else; the network's; those of `contents`.
pub fn sums_of_products(
    runtime: &mut Runtime<'_>,
    dots: Dots,
    left: Option<&Opened>,
    right: &Opened,
    contents: impl FnOnce() -> Result<Contents>,
) -> Result<Additive<u16>> {
    let bits = [
        left.map_or(0, |left| left.ring().bits()),
        right.ring().bits(),
    ];
    let dot_bytes = dots.terms() * table_bytes(bits);
    let pieces = pieces(dots.count(), dot_bytes);
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => {
            for part in pieces {
                runtime.declare_dealt(Party::P2, part.len() * dot_bytes);
            }
        }
        (Phase::Offline, Some(Party::P0)) => {
            let contents = contents()?;
            for part in pieces {
                deal(runtime, dots, part, dot_bytes, &contents)?;
            }
        }
        (Phase::Offline, Some(Party::P1)) => {
            for part in pieces {
                let stream = runtime.session()?.shared_stream(Party::P0);
                runtime.put(Tables { dots, part, bits }, Dealt::stream(stream))?;
            }
        }
        (Phase::Offline, Some(Party::P2)) => {
            for part in pieces {
                let bytes = part.len() * dot_bytes;
                let tables = runtime.session()?.receive(Party::P0, bytes)?;
                runtime.put(Tables { dots, part, bits }, Dealt::bytes(tables))?;
            }
        }
        (Phase::Online, Some(Party::P1 | Party::P2)) => {
            let differences = Differences {
                left: left.map_or(&[], Opened::elements),
                right: right.elements(),
                bits,
            };
            let mut out = Wiped::zeros(dots.count());
            for part in pieces {
                let (first, range) = (part.start, part.clone());
                let dealt = runtime.take(&Tables { dots, part, bits })?;
                let tables = shares(&dealt)?;
                let threads = runtime.session()?.threads();
                threads.chunks_mut(&mut out[range], 1, |skipped, out| {
                    sums(tables, dots, differences, first, skipped, out);
                });
            }
            return Ok(Additive::held(PRODUCT, out));
        }
        _ => {}
    }
    Ok(Additive::absent(PRODUCT, dots.count()))
}

/// P0 makes one piece and sends it to P2.
fn deal(
    runtime: &mut Runtime<'_>,
    dots: Dots,
    part: Range<usize>,
    dot_bytes: usize,
    contents: &Contents,
) -> Result<()> {
    let session = runtime.session()?;
    let stream = session.shared_stream(Party::P1);
    let mut tables = vec![0; part.len() * dot_bytes];
    let fill_part = |byte: usize, out: &mut [u8]| {
        fill(dots, contents, &stream, part.start, byte / dot_bytes, out);
    };
    session
        .threads()
        .chunks_mut(&mut tables, dot_bytes, fill_part);
    session.send(Party::P2, tables)
}

fn shares(dealt: &Dealt) -> Result<Shares<'_>> {
    match (&dealt.bytes, &dealt.stream) {
        (Some(bytes), _) => Ok(Shares::Packed(bytes)),
        (None, Some(stream)) => Ok(Shares::Stream(stream)),
        (None, None) => Err(Error::Internal("tables without their shares".into())),
    }
}

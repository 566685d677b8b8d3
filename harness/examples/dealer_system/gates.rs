//! The gate: a bilinear map of two masked wires.

use qbench_baselines::fixed_point::bilinear::Bilinear;
use qbench_baselines::fixed_point::encoding::truncate;
use qbench_baselines::fixed_point::local::each;
use qbench_baselines::fixed_point::{Fixed, RING64, Share};
use qbench_protocols::material::Dealt;
use qbench_protocols::net::Party;
use qbench_protocols::phase::Phase;
use qbench_protocols::ring::Word;
use qbench_protocols::runtime::Runtime;
use qbench_protocols::share::{Masked, open_masked_all};
use qbench_protocols::wipe::Wiped;
use qbench_protocols::{Error, Result};
use std::fmt;

/// 16 fractional bits in Z_{2^64}.
pub const FIXED: Fixed = Fixed::new(64, 16);

/// A wire: P1 and P2 know `x + r`, P0 knows r.
pub type Wire = Masked<u64>;

/// What the store keeps of one product: shares of both masks and of the masks' product.
#[derive(PartialEq)]
struct Key(Bilinear);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a key for {:?}", self.0)
    }
}

/// `x * y` element by element.
///
/// Cost and security: both are opened, one round, and as [`product`].
pub fn multiply(runtime: &mut Runtime<'_>, x: &Share, y: &Share) -> Result<Share> {
    let (rows, width) = (1, x.len());
    let wires = open_masked_all(runtime, &[x, y])?;
    product(
        runtime,
        Bilinear::Columns { rows, width },
        &wires[0],
        &wires[1],
    )
}

/// `x * y` under a bilinear map, truncated, as an additive share, of which [`open_masked_all`]
/// makes a wire.
///
/// With X = x + r and Y = y + s known to both, `xy = XY - X s - r Y + r s`: P0 deals shares of r, s and `r s`.
///
/// Cost: nothing online; offline the words of both operands and of the product from P0 to P2. P1's part comes from its seed.
///
/// # Security
/// P2 receives r, s and `r s` less generator output that it does not know and that nothing else uses. Online nothing is sent.
/// Truncation is local (see [`truncate`] for how it can fail).
pub fn product(runtime: &mut Runtime<'_>, map: Bilinear, x: &Wire, y: &Wire) -> Result<Share> {
    let [left, right, len] = map.lengths();
    runtime.ensure((x.len(), y.len()) == (left, right), || {
        format!("{} and {} elements for {map:?}", x.len(), y.len())
    })?;
    let words = left + right + len;
    match (runtime.phase(), runtime.me()) {
        (Phase::Offline, None) => runtime.declare_dealt(Party::P2, RING64.wire_bytes(words)),
        (Phase::Offline, Some(Party::P0)) => {
            let session = runtime.session()?;
            let mut masks_product = Wiped::zeros(len);
            map.accumulate(session.threads(), x.masks(), y.masks(), &mut masks_product);
            let key = Wiped::joined(words, [x.masks(), y.masks(), &masks_product]);
            let first: Wiped<u64> = session.draw(Party::P1, RING64, words);
            session.send_elements(Party::P2, RING64, &RING64.subtract(&key, &first))?;
        }
        (Phase::Offline, Some(Party::P1)) => {
            let stream = runtime.session()?.shared_stream(Party::P0);
            runtime.put(Key(map), Dealt::stream(stream))?;
        }
        (Phase::Offline, Some(Party::P2)) => {
            let bytes = RING64.wire_bytes(words);
            let key = runtime.session()?.receive(Party::P0, bytes)?;
            runtime.put(Key(map), Dealt::bytes(key))?;
        }
        (Phase::Online, Some(me @ (Party::P1 | Party::P2))) => {
            let key = own_part(runtime.take(&Key(map))?, words)?;
            return evaluate(runtime, me, map, x, y, &key);
        }
        _ => {}
    }
    Ok(Share::absent(RING64, len))
}

/// A computing party's shares of r, s and `r s`, one after the other.
fn own_part(dealt: Dealt, words: usize) -> Result<Wiped<u64>> {
    let mut key = Wiped::zeros(words);
    match (dealt.bytes, dealt.stream) {
        (Some(bytes), _) => u64::read_le(&bytes, &mut key),
        (None, Some(stream)) => stream.fill(RING64, 0, &mut key),
        (None, None) => return Err(Error::Internal("a key without its words".into())),
    }
    Ok(key)
}

fn evaluate(
    runtime: &mut Runtime<'_>,
    me: Party,
    map: Bilinear,
    x: &Wire,
    y: &Wire,
    key: &[u64],
) -> Result<Share> {
    let [left, right, len] = map.lengths();
    let (r, rest) = key.split_at(left);
    let (s, masks_product) = rest.split_at(right);
    let threads = runtime.session()?.threads();
    // X (Y - s) at P1 and -X s at P2 add up to XY - Xs.
    let right_factor: Wiped<u64> = match me {
        Party::P1 => RING64.subtract(y.values(), s),
        _ => s.iter().map(|s| s.wrapping_neg()).collect(),
    };
    let minus_r: Wiped<u64> = r.iter().map(|r| r.wrapping_neg()).collect();
    let mut out = Wiped::copied(masks_product);
    map.accumulate(threads, x.values(), &right_factor, &mut out);
    map.accumulate(threads, &minus_r, y.values(), &mut out);
    debug_assert_eq!(out.len(), len);
    Ok(rescale(runtime, Share::held(RING64, out)))
}

/// Local truncation by the fractional bits.
fn rescale(runtime: &Runtime<'_>, x: Share) -> Share {
    each(runtime, x, |x| truncate(x, FIXED.fraction_bits))
}

/// A share times a public real number: local.
pub fn scale(runtime: &Runtime<'_>, x: Share, factor: f64) -> Share {
    let factor: u64 = FIXED.encode(factor);
    rescale(runtime, each(runtime, x, |x| x.wrapping_mul(factor)))
}

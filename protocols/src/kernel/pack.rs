//! Bit-exact packing of ring elements: element `i` of width l takes bits `i*l .. (i+1)*l` of the
//! message, least significant bit first; the message is padded with zero bits to a whole byte.

use crate::ring::{Ring, Word};

/// Appends `elements`, packed, to `out`. High bits of the words beyond the ring are ignored.
pub fn pack<W: Word>(ring: Ring, elements: &[W], out: &mut Vec<u8>) {
    let _ = (ring, elements, out);
    todo!()
}

/// Unpacks `out.len()` elements; `bytes` must hold exactly `ring.wire_bytes(out.len())` bytes.
pub fn unpack<W: Word>(ring: Ring, bytes: &[u8], out: &mut [W]) {
    let _ = (ring, bytes, out);
    todo!()
}

/// Reads the one element of `ring` that starts at bit `bit` of `bytes`.
pub fn read_at<W: Word>(ring: Ring, bytes: &[u8], bit: u64) -> W {
    let _ = (ring, bytes, bit);
    todo!()
}

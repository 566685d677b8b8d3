//! P0's inner loop: tables of products, less P1's shares of them.

use super::dots::Dots;
use super::operand::Contents;
use qbench_protocols::kernel::outer16::subtract_from_products;
use qbench_protocols::prg::Stream;

/// Bytes of tables that are made at a time, to stay in the first-level cache between the generator and the multiplication.
const BLOCK_BYTES: usize = 32 << 10;

/// Bytes of one product's table: two an entry, and an entry for every pair of values that its operands are opened as.
pub fn table_bytes(bits: [u32; 2]) -> usize {
    2 << (bits[0] + bits[1])
}

/// P2's shares of the tables of whole dot products: those of `dots` from `first + skipped` on, where `first` is the one with which
/// `stream`, P1's shares, begins. Two AES blocks and sixteen multiplications a product with a weight at 4 bits.
pub fn fill(
    dots: Dots,
    contents: &Contents,
    stream: &Stream,
    first: usize,
    skipped: usize,
    out: &mut [u8],
) {
    let terms = dots.terms();
    let size = table_bytes([contents.left.bits, contents.right.bits]);
    let block = (BLOCK_BYTES / size).max(1);
    for (i, out) in out.chunks_exact_mut(terms * size).enumerate() {
        let place = skipped + i;
        let dot = first + place;
        let [left, right] = dots.operands(dot);
        for (j, shares) in out.chunks_mut(block * size).enumerate() {
            let term = j * block;
            stream.fill_bytes(((place * terms + term) * size) as u64, shares);
            let count = shares.len() / size;
            subtract_from_products(
                shares,
                contents.left.words(left + term, count),
                1 << contents.left.bits,
                contents.right.words(right + term, count),
                1 << contents.right.bits,
            );
        }
        if !contents.bias.is_empty() {
            add(&mut out[..size], contents.bias[dot % contents.bias.len()]);
        }
    }
}

/// Adds `bias` to every entry of one table, and so to whichever is looked up.
fn add(table: &mut [u8], bias: u16) {
    for entry in table.as_chunks_mut::<2>().0 {
        *entry = u16::from_le_bytes(*entry).wrapping_add(bias).to_le_bytes();
    }
}

//! The inner loops of P1 and P2: one entry of each product's table, added up at once. There is never a vector of products.

use super::deal::table_bytes;
use super::dots::Dots;
use qbench_protocols::lut::evaluate::Shares;
use qbench_protocols::quantized::integer::PRODUCT;
use qbench_protocols::wipe::Wiped;

/// Products that are looked up at a time, so that the generator works on many blocks: a multiple of what it takes.
const BATCH: usize = 512;

/// What P1 and P2 know of the operands: differences `d = x - D`, and their widths.
#[derive(Clone, Copy)]
pub struct Differences<'a> {
    /// Of the left operands; none where P0 knows them.
    pub left: &'a [u16],
    /// Of the right operands.
    pub right: &'a [u16],
    /// Widths of the two; zero where P0 knows the operand.
    pub bits: [u32; 2],
}

impl Differences<'_> {
    /// Which entries of the tables the dot product takes: `positions`, one a term, where the first table is number `table`.
    fn locate(&self, dots: Dots, dot: usize, table: usize, positions: &mut [u64]) {
        let [left, right] = dots.operands(dot);
        let width = self.bits[0] + self.bits[1];
        let right = &self.right[right..right + positions.len()];
        for (i, (position, right)) in positions.iter_mut().zip(right).enumerate() {
            *position = (((table + i) as u64) << width) + u64::from(*right);
        }
        if self.bits[0] > 0 {
            let left = &self.left[left..left + positions.len()];
            for (position, left) in positions.iter_mut().zip(left) {
                *position += u64::from(*left) << self.bits[1];
            }
        }
    }
}

/// This party's shares of the dot products from `first + skipped` on, where `first` is the one with which `tables` begin.
///
/// Cost: at P1 one AES block a product, at P2 a read of two bytes in each table.
///
/// # Panics
/// If the tables are too few.
pub fn sums(
    tables: Shares<'_>,
    dots: Dots,
    differences: Differences<'_>,
    first: usize,
    skipped: usize,
    out: &mut [u16],
) {
    let terms = dots.terms();
    let group = (BATCH / terms).max(1).min(out.len());
    let mut positions = vec![0; group * terms];
    let mut entries = Wiped::zeros(group * terms);
    for (i, out) in out.chunks_mut(group).enumerate() {
        let place = skipped + i * group;
        let parts = positions.chunks_exact_mut(terms).take(out.len());
        for (j, positions) in parts.enumerate() {
            let place = place + j;
            differences.locate(dots, first + place, place * terms, positions);
        }
        let count = out.len() * terms;
        let (positions, entries) = (&positions[..count], &mut entries[..count]);
        match tables {
            Shares::Stream(stream) => stream.gather(PRODUCT, positions, entries),
            Shares::Packed(tables) => read(tables, differences.bits, positions, entries),
        }
        for (out, entries) in out.iter_mut().zip(entries.chunks_exact(terms)) {
            *out = entries
                .iter()
                .fold(0, |sum: u16, entry| sum.wrapping_add(*entry));
        }
    }
}

/// The words at `positions`, of which each table in turn has one.
fn read(tables: &[u8], bits: [u32; 2], positions: &[u64], out: &mut [u16]) {
    let size = table_bytes(bits);
    let Some(first) = positions.first() else {
        return;
    };
    let start = *first as usize * 2 / size * size;
    let tables = tables[start..start + positions.len() * size].chunks_exact(size);
    for ((out, position), table) in out.iter_mut().zip(positions).zip(tables) {
        let at = 2 * *position as usize % size;
        *out = u16::from_le_bytes([table[at], table[at + 1]]);
    }
}

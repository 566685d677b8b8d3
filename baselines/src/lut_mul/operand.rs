//! What P0 puts into the tables of products.

use qbench_protocols::lut::Opened;
use qbench_protocols::wipe::Wiped;

/// One side of the products at P0: what each element counts, for every value that it may be opened as.
pub struct Operand {
    /// `2^bits` words an element: entry d is `f(d + D)`, D being the element's offset.
    pub entries: Wiped<u16>,
    /// Width of what is opened; zero where P0 knows the element itself.
    pub bits: u32,
}

impl Operand {
    /// Elements that P0 knows.
    pub fn known(values: Wiped<u16>) -> Self {
        Self {
            entries: values,
            bits: 0,
        }
    }

    /// Elements that are opened: `values` holds what each of the `2^b` indices counts. Rotated once here, and not again for
    /// every product that the element enters.
    ///
    /// # Panics
    /// If there are fewer values than indices.
    pub fn opened(opened: &Opened, values: &[i64]) -> Self {
        let bits = opened.ring().bits();
        let count = 1 << bits;
        let doubled: Wiped<u16> = (0..2 * count)
            .map(|index| values[index % count] as u16)
            .collect();
        let mut entries = Wiped::zeros(count * opened.elements().len());
        for (entries, offset) in entries.chunks_exact_mut(count).zip(opened.elements()) {
            entries.copy_from_slice(&doubled[usize::from(*offset)..][..count]);
        }
        Self { entries, bits }
    }

    /// Words of `terms` elements from `first` on.
    pub fn words(&self, first: usize, terms: usize) -> &[u16] {
        &self.entries[first << self.bits..(first + terms) << self.bits]
    }
}

/// All that P0 puts into the tables of one step.
pub struct Contents {
    /// Left operands.
    pub left: Operand,
    /// Right operands.
    pub right: Operand,
    /// What is added to each dot product, by its place modulo the length; nothing if empty.
    pub bias: Wiped<u16>,
}

/// The elements of a `[rows, columns]` matrix as `[columns, rows]`, where they are known.
pub fn transposed(opened: &Opened, columns: usize) -> Opened {
    let elements = opened.elements();
    let rows = elements.len() / columns;
    let turned: Wiped<u16> = (0..rows * columns)
        .map(|i| elements[i % rows * columns + i / rows])
        .collect();
    Opened::from_elements(opened.ring(), turned)
}

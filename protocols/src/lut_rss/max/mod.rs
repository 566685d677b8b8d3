//! Row maxima of signed 4-bit values, by three protocols, so that the choice is measured.

mod histogram;
mod radix_sort;
mod tournament;

pub use histogram::maxima_of_opened;

#[cfg(test)]
pub(super) use {histogram::count_ring, radix_sort::position_ring};

#[cfg(test)]
mod tests;

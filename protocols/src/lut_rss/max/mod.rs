//! Row maxima of signed values of few bits, by four protocols, so that the choice is measured.

mod differences;
mod histogram;
mod radix_sort;
mod tournament;

pub use differences::maxima_by_differences;
pub use histogram::maxima_of_opened;

#[cfg(test)]
pub(super) use {histogram::count_ring, radix_sort::position_ring};

#[cfg(test)]
mod tests;

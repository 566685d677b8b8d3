//! Row maxima of signed 4-bit values, by two protocols, so that the choice is measured.

mod radix_sort;
mod tournament;

#[cfg(test)]
pub(super) use radix_sort::position_ring;

#[cfg(test)]
mod tests;

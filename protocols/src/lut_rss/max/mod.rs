//! Row maxima of signed 4-bit values, by two protocols, so that the choice is measured.

mod radix_sort;
mod tournament;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

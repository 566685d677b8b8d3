//! Row maxima of signed 4-bit values, by two protocols, so that the choice is measured.

mod tournament;

//! Function secret sharing with a dealer: keys that P0 deals on the masks of wires, and that P1 and P2 evaluate on the masked
//! values.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@words`] | shares of ring elements: P1's from a generator, P2's sent |
//! | [`dpf`] | distributed point functions: comparisons with, and tables at, the mask of a wire, from one type of key |
//! | [`dcf`] | comparisons whose outcome is an element of a ring, for the few that need it |
//!
//! A function here deals offline, evaluates online and declares its cost; what P0 gives it (masks) is empty elsewhere, and what
//! P1 and P2 give it (masked values) is empty at P0.

pub mod dcf;
pub mod dpf;
pub mod words;

pub use words::{covered, fresh_masks, words};

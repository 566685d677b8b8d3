//! Systems beside each other: which rows may be compared, and their ratios.
//!
//! A ratio is always `base / other`, so that above 1 the other system is faster, or sends less. It never mixes
//! models, sequence lengths, links, threads, phases or any other setting that both systems have.
//!
//! | module | what it holds |
//! |---|---|
//! | [`runs`] | run folders as read |
//! | [`settings`] | what must be equal |
//! | [`groups`] | rows that may be compared, by system |
//! | [`ratio`] | paired and unpaired ratios |
//! | [`changes`] | the same cells of two runs |

pub mod changes;
pub mod groups;
pub mod ratio;
pub mod runs;
pub mod settings;

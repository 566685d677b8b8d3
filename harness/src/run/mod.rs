//! Running a plan: one repetition is three processes and a row.

pub mod agree;
pub mod control;
pub mod controller;
pub mod host;
pub mod interrupt;
pub mod memory;
pub mod party;
pub mod resume;
pub mod sweep;
pub mod trio;
pub mod watch;

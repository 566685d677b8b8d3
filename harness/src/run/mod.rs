//! One repetition of a cell: three processes and what they measure.

pub mod agree;
pub mod agreement;
pub mod control;
pub mod controller;
pub mod launch;
pub mod links;
pub mod order;
pub mod party;
pub mod start;
pub mod steady;
pub mod trio;
pub mod watch;

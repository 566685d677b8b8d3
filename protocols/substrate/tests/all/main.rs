//! Everything that is tested from outside the substrate, in one binary: a module a file.

#![allow(clippy::unwrap_used)]

mod examine;
mod masked;
mod material;
mod network;
mod replicated;
mod session;
mod sharings;
mod spare;
mod tables;
mod trace;

//! The network between the parties: one suite for every backend, and how the TCP mesh comes about.

#![allow(clippy::unwrap_used)]

mod connect;
mod ends;
mod suite;

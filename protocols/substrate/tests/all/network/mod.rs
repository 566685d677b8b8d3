//! The network between the parties: one suite for every backend, how the TCP mesh comes about, and shaped links.

mod connect;
mod ends;
mod suite;
mod timing;

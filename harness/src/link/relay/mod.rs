//! The relay: one process in the middle of three namespaces that delays and serializes every frame between
//! them, so that real TCP, of any program, runs over an emulated link where the kernel has no netem.
//!
//! | module | what it holds |
//! |---|---|
//! | [`messages`] | what it is told and what it answers |
//! | [`mod@line`] | one direction: serialization, delay, bounded queue |
//! | [`socket`] | raw packet sockets, which carry uncut segments |
//! | [`process`] | the loop |

pub mod line;
pub mod messages;
pub mod process;
pub mod socket;

//! External systems: programs that the harness does not contain, run inside the emulated links and put beside
//! its own systems in the same rows. `docs/EXTERNAL.md` describes the protocol for those who write one.
//!
//! | module | what it holds |
//! |---|---|
//! | [`words`] | the description that a program reads and the answer that it writes |
//! | [`availability`] | whether a program can run here |
//! | [`supervisor`] | the process of ours around each program |
//! | [`supervised`] | one program with its supervisor, as the controller sees it |
//! | [`programs`] | the programs of one repetition: started, heard, and ended together |
//! | [`repetition`] | one repetition: probe, programs, one row |

pub mod availability;
pub mod programs;
pub mod repetition;
pub mod supervised;
pub mod supervisor;
pub mod words;

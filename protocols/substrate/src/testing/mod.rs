//! For tests, and for trying a protocol out before the harness runs it as three processes: three parties in one process,
//! one functionality dealt, computed and put together, transcripts, planted faults, and chi-square tests on what a party
//! saw.
//!
//! A test of a protocol step is one call of [`functionality::run`], at every width by [`at_every_width`](crate::at_every_width):
//!
//! ```
//! use qbench_substrate::ring::{Ring, Word};
//! use qbench_substrate::share::reshare;
//! use qbench_substrate::testing::functionality::{components, elements, run, share};
//!
//! fn resharing<W: Word>(ring: Ring) {
//!     let clear: Vec<W> = elements(ring, 67, 1);
//!     let ran = run(1, |runtime| {
//!         let x = share(runtime, ring, &clear, 2);
//!         Ok(reshare(runtime, &[&x])?.remove(0))
//!     });
//!     assert_eq!(components(&ran.outputs).sum(), clear);
//! }
//! qbench_substrate::at_every_width!(resharing);
//! ```

pub mod examine;
pub mod functionality;
pub mod transcript;
pub mod trio;
pub mod view;

pub use crate::fault::Fault;

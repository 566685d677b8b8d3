//! Tasks: labelled examples, what a model predicts for each, and how good that is.
//!
//! | module | what |
//! |---|---|
//! | [`examples`] | a file of labelled texts |
//! | [`metrics`] | accuracy, correlations and the like, with intervals |
//! | [`model`] | what a model predicts for an example |
//! | [`prepared`] | a task of a scenario with its model |
//! | [`score`] | what answers come to: metrics with intervals, agreement |

pub mod examples;
pub mod metrics;
pub mod model;
pub mod prepared;
pub mod score;

//! The harness as a whole: one binary, a module for what each file is about.

#![allow(clippy::unwrap_used)]

mod agreement;
mod archive;
mod bit_plans;
mod compare;
mod crypten;
mod engine;
mod evaluate;
mod examples;
mod external;
mod extrapolated;
mod failures;
mod figures;
mod fixture;
mod folders;
mod instruction_sets;
mod lut_rss;
mod memory;
mod model_folders;
mod model_forms;
mod names_no_text;
mod netem_kernel;
mod output;
mod plans;
mod predict;
mod published;
mod records;
mod rigs;
mod scenarios;
mod sessions;
mod shipped_model;
mod splice;
mod support;
mod tasks;

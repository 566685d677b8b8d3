//! The systems that `lut-rss` is compared with: one folder each, each an engine on the walk of
//! `qbench_protocols::model`. None is here yet.

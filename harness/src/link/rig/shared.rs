//! Rigs that several commands use.

//! `qbench report --published`.

use crate::published::{Published, page};
use anyhow::Result;

/// Prints `docs/PUBLISHED.md`.
///
/// # Errors
/// A statement of the page that the committed numbers do not bear out.
pub fn published() -> Result<bool> {
    crate::say!("{}", page::page(&Published::committed()?)?.trim_end());
    Ok(true)
}

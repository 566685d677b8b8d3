//! `qbench report --published`.

use crate::published::{Published, page};
use anyhow::Result;
use qbench_protocols::system::System;

/// Prints `docs/PUBLISHED.md`.
///
/// # Errors
/// A statement of the page that the committed numbers do not bear out.
pub fn published(systems: &[&'static dyn System]) -> Result<bool> {
    let page = page::page(systems, &Published::committed()?)?;
    crate::say!("{}", page.trim_end());
    Ok(true)
}

//! Ctrl-C and SIGTERM: a flag that the controller looks at, so that children are ended and finished rows
//! stay.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The user wants to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}
impl std::error::Error for Interrupted {}

/// Watches for the signals from now on. A second signal while the first is being handled ends the
/// process at once.
///
/// # Errors
/// The operating system's.
pub fn watch() -> Result<()> {
    let flag = Arc::clone(FLAG.get_or_init(Arc::default));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
            .context("watching for signals")?;
        signal_hook::flag::register(signal, Arc::clone(&flag)).context("watching for signals")?;
    }
    Ok(())
}

/// Whether a signal came, as an error.
///
/// # Errors
/// [`Interrupted`].
pub fn check() -> Result<()> {
    match FLAG.get() {
        Some(flag) if flag.load(Ordering::SeqCst) => Err(Interrupted.into()),
        _ => Ok(()),
    }
}

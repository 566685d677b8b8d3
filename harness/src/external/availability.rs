//! Whether an external program can run here: what its `check` command says.

use crate::scenario::External;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A check may take so long: some programs load a large library first.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the check. Its last line says what the program is (a version, say), or why it cannot run.
///
/// # Errors
/// The reason, one line.
pub fn check(external: &External) -> Result<String, String> {
    let [program, arguments @ ..] = external.check.as_slice() else {
        return Ok(String::new());
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    let out = drain(child.stdout.take());
    let err = drain(child.stderr.take());
    let status = wait(&mut child).map_err(|error| format!("`{program}`: {error}"))?;
    let Some(success) = status else {
        return Err(format!(
            "`{}` did not end within {} s",
            external.check.join(" "),
            PATIENCE.as_secs()
        ));
    };
    let last = |text: std::thread::JoinHandle<String>| {
        let text = text.join().unwrap_or_default();
        let line = text.lines().rev().find(|line| !line.trim().is_empty());
        line.map(|line| line.trim().to_owned())
    };
    let (out, err) = (last(out), last(err));
    if success {
        Ok(out.unwrap_or_default())
    } else {
        let silent = || format!("`{}` failed without a word", external.check.join(" "));
        Err(out.or(err).unwrap_or_else(silent))
    }
}

/// Whether it ended well; `None` if it had to be ended.
fn wait(child: &mut Child) -> std::io::Result<Option<bool>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if began.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn drain(from: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            // What came before an error is still worth reading.
            let _ = from.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

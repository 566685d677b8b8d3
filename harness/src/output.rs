//! What a command prints for the person who called it.

use std::io::{ErrorKind, Write};

/// Prints a line. A reader that has seen enough (`| head`) ends the program, quietly.
pub fn line(text: std::fmt::Arguments<'_>) {
    if let Err(error) = writeln!(std::io::stdout(), "{text}") {
        if error.kind() != ErrorKind::BrokenPipe {
            eprintln!("error: cannot print: {error}");
        }
        std::process::exit(1);
    }
}

/// [`line()`] with the arguments of `println!`.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::output::line(format_args!($($argument)*)) };
}

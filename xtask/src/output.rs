//! What the commands print. `print!` panics where the reader has closed the pipe, as `head` does.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context as _, Result};

/// Prints `text`. A closed pipe is no failure: the reader has seen enough, and a command ends its work all
/// the same.
pub(crate) fn print(text: impl Display) -> Result<()> {
    write_to(&mut io::stdout().lock(), text)
}

/// Prints `text` and a line break.
pub(crate) fn line(text: impl Display) -> Result<()> {
    print(format_args!("{text}\n"))
}

/// Prints `text` and a line break to the standard error, if somebody reads it.
pub(crate) fn problem(text: impl Display) {
    let _ = write_to(&mut io::stderr().lock(), format_args!("{text}\n"));
}

fn write_to(out: &mut impl Write, text: impl Display) -> Result<()> {
    match write!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("can't print"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind, Result, Write};

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> Result<usize> {
            Err(Error::from(self.0))
        }
        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        assert!(super::write_to(&mut Failing(ErrorKind::BrokenPipe), "text").is_ok());
        let error = super::write_to(&mut Failing(ErrorKind::StorageFull), "text").unwrap_err();
        assert_eq!(error.to_string(), "can't print");
        let mut text = Vec::new();
        super::write_to(&mut text, "text").unwrap();
        assert_eq!(text, b"text");
    }
}

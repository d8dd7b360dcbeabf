//! Running the commands of SLURM. Arguments are passed one by one; no shell is involved.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// A program, and how long it may take.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) limit: Duration,
}

/// What a program printed.
#[derive(Debug)]
pub(crate) struct Printed {
    /// The command, for messages.
    pub(crate) command: String,
    status: ExitStatus,
    text: String,
    errors: String,
}

/// Why a command failed. It names the command and the line of its output.
#[derive(Debug)]
pub(crate) enum CommandError {
    Start { command: String, source: io::Error },
    Late { command: String, limit: Duration },
    Failed { command: String, status: ExitStatus, line: String },
    Unexpected { command: String, number: usize, line: String, problem: &'static str },
    Without { command: String, account: String },
    HasJobs { command: String },
    Name { name: String },
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { command, source } => write!(f, "`{command}` can't be run: {source}"),
            Self::Late { command, limit } => write!(f, "`{command}` was stopped after {limit:?}"),
            Self::Failed { command, status, line } => write!(f, "`{command}` failed ({status}): {line}"),
            Self::Unexpected { command, number, line, problem } => {
                write!(f, "`{command}` printed in line {number}: {line:?}: {problem}")
            }
            Self::Without { command, account } => {
                write!(
                    f,
                    "`{command}` didn't print the account {account}: there is none, or the database failed"
                )
            }
            Self::HasJobs { command } => write!(f, "`{command}` did nothing: jobs are running or queued"),
            Self::Name { name } => {
                write!(f, "{name:?} is no name for SLURM: it has capitals or special characters")
            }
        }
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Start { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl Program {
    /// Runs the program with these arguments. A status other than 0 is no error here: see [`Printed::fail`].
    pub(crate) async fn run(&self, arguments: &[String]) -> Result<Printed, CommandError> {
        let mut command = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        arguments.iter().for_each(|argument| command.push_str(&format!(" {argument}")));
        tracing::debug!(command, "running");
        let mut child = Command::new(&self.path);
        child.args(arguments);
        // The output is parsed, so it must not be translated.
        child.env("LC_ALL", "C").stdin(Stdio::null()).kill_on_drop(true);
        let output = match timeout(self.limit, child.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(source)) => return Err(CommandError::Start { command, source }),
            Err(_) => return Err(CommandError::Late { command, limit: self.limit }),
        };
        Ok(Printed {
            command,
            status: output.status,
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }
}

impl Printed {
    /// Returns the exit status; none if a signal ended the command.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns whether the command ended with the status 0.
    pub(crate) fn is_success(&self) -> bool {
        self.status.success()
    }

    /// Returns whether it printed a line with this text.
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.text.contains(text) || self.errors.contains(text)
    }

    /// Returns the failure of the command, with the line that says most.
    pub(crate) fn fail(self) -> CommandError {
        let mut lines = self.errors.lines().chain(self.text.lines()).map(str::trim);
        let line = lines.find(|line| !line.is_empty()).unwrap_or("it printed nothing").to_owned();
        CommandError::Failed { command: self.command, status: self.status, line }
    }

    /// Parses the lines as this number of fields, and passes each to `read`.
    pub(crate) fn read<const N: usize, T>(
        self,
        separator: char,
        read: impl Fn([&str; N]) -> Result<T, &'static str>,
    ) -> Result<Vec<T>, CommandError> {
        if !self.is_success() {
            return Err(self.fail());
        }
        let lines = self.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let rows = lines.map(|(at, line)| {
            let fields: Vec<&str> = line.split(separator).map(str::trim).collect();
            let fields = <[&str; N]>::try_from(fields).map_err(|_| "it has another number of fields");
            fields.and_then(&read).map_err(|problem| CommandError::Unexpected {
                command: self.command.clone(),
                number: at + 1,
                line: line.to_owned(),
                problem,
            })
        });
        rows.collect()
    }
}

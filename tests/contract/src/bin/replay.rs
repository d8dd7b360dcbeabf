//! Replays recorded exchanges through the client's types, and prints the fields that they lose. The exit code
//! is 1 if an exchange FAILED, 2 if a file can't be read or has no exchange.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use waldur_contract::meaning::without_indexes;
use waldur_contract::recording;
use waldur_contract::replay::{Total, Verdict, operation, replay};

/// Replays recorded exchanges with a Waldur server through the client's types.
///
/// A file has one JSON object per line: {name, request: {method, path, content_type, body}, response:
/// {status, headers, body}}. The output for each is "ok", "ok, N fields dropped: paths", "error kind: …" for
/// a request that the server refused, or "FAILED: why". Fields that the schema doesn't have are ignored and
/// listed at the end.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The recordings; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Treat a dropped field as a failure
    #[arg(long)]
    strict: bool,
}

#[derive(Default)]
struct Tally {
    all: Total,
    by_operation: BTreeMap<String, Total>,
    unknown: BTreeMap<String, BTreeSet<String>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut tally = Tally::default();
    for file in &arguments.files {
        let read = open(file).and_then(|lines| run(lines, arguments.strict, &mut tally));
        match read {
            // Else a wrong file would pass for a good one.
            Ok(0) => {
                let _ = writeln!(io::stderr(), "replay: {}: there is no exchange", file.display());
                return ExitCode::from(2);
            }
            Ok(_) => {}
            Err(error) => {
                let _ = writeln!(io::stderr(), "replay: {}: {error}", file.display());
                return ExitCode::from(2);
            }
        }
    }
    match report(&tally) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "replay: can't print: {error}");
            ExitCode::from(2)
        }
        _ if tally.all.failed == 0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn open(file: &PathBuf) -> io::Result<Box<dyn BufRead>> {
    Ok(if file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file)?))
    })
}

/// Replays the lines of a file. Returns how many there are.
fn run(lines: impl BufRead, strict: bool, tally: &mut Tally) -> io::Result<usize> {
    let mut out = io::stdout().lock();
    let mut replayed = 0;
    for (index, line) in lines.split(b'\n').enumerate() {
        let line = line?;
        // Some editors begin a file with this.
        let line = line.strip_prefix(b"\xef\xbb\xbf").filter(|_| index == 0).unwrap_or(&line);
        if line.trim_ascii().is_empty() {
            continue;
        }
        replayed += 1;
        let exchange = match std::str::from_utf8(line) {
            Ok(line) => recording::parse(line).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let (name, operation, verdict) = match exchange {
            Ok(exchange) => (exchange.name.clone(), operation(&exchange.request), replay(&exchange, strict)),
            Err(error) => (
                String::new(),
                "no exchange".to_owned(),
                Verdict::Failed(format!("not an exchange: {error}")),
            ),
        };
        let name = if name.is_empty() { format!("line {}", index + 1) } else { name };
        match writeln!(out, "{name} {operation}: {verdict}") {
            // The reader has seen enough, but a failure still shows in the exit code.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
        tally.all.add(&verdict);
        tally.by_operation.entry(operation.clone()).or_default().add(&verdict);
        if let Verdict::Ok { unknown, .. } = verdict
            && !unknown.is_empty()
        {
            let paths = unknown.iter().map(|path| without_indexes(path));
            tally.unknown.entry(operation).or_default().extend(paths);
        }
    }
    Ok(replayed)
}

fn report(tally: &Tally) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\nby operation")?;
    for (operation, total) in &tally.by_operation {
        writeln!(out, "  {operation}: {total}")?;
    }
    if !tally.unknown.is_empty() {
        writeln!(out, "\nfields that this build's schema doesn't have, which were passed over")?;
        for (operation, paths) in &tally.unknown {
            writeln!(
                out,
                "  {operation}: {}",
                paths.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            )?;
        }
    }
    writeln!(out, "\n{}", tally.all)
}

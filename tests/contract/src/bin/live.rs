//! Visits a server without changing anything, and prints how its responses fit the client. The exit code is 1
//! if something doesn't hold, 2 if the server can't be visited or a file can't be written.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use clap::builder::RangedI64ValueParser;
use waldur_api_client::ClientBuilder;
use waldur_contract::live::{Settings, Visit, visit};
use waldur_contract::recording::Exchange;

/// Visits a Waldur server without changing anything, and reports how its responses fit the client.
///
/// The server and the token are those of the client: WALDUR_API_URL and WALDUR_ACCESS_TOKEN, or a profile
/// in waldur/config.toml. Requests are GET, HEAD and OPTIONS only; nothing else is sent to the server. The
/// report has its version, the operations of a provider that it has, the first page of each list read
/// through the client's types, paging, the parameter `field`, and times. It holds no values of the server
/// but its version and words of its vocabulary.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Writes the report as Markdown as well
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Writes the responses, with personal details replaced, as recordings for `replay`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// The number of requests that are sent at most
    #[arg(long, value_name = "NUMBER", default_value_t = Settings::default().max_requests)]
    max_requests: usize,
    /// The number of requests per second
    #[arg(long, value_name = "NUMBER", default_value_t = 5.0, value_parser = rate)]
    rate: f64,
    /// The number of items of the first page of each list
    #[arg(long, value_name = "ITEMS", default_value_t = 5, value_parser = page_size())]
    page_size: u16,
    /// How often each time is measured; 0 measures none
    #[arg(long, value_name = "NUMBER", default_value_t = Settings::default().repeat)]
    repeat: usize,
    /// The number of items of the pages whose time is measured
    #[arg(long, value_name = "ITEMS", default_value_t = 100, value_parser = page_size())]
    timed_page_size: u16,
}

/// Returns the parser of the number of items of a page, of which servers send 300 at most.
fn page_size() -> RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=300)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| *rate > 0.0 && rate.is_finite());
    rate.ok_or_else(|| "is not a number above 0".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "live: {error}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let settings = Settings {
        max_requests: arguments.max_requests,
        rate: Some(arguments.rate),
        page_size: arguments.page_size.into(),
        repeat: arguments.repeat,
        timed_page_size: arguments.timed_page_size.into(),
        // A visit takes minutes, and longer where the server limits requests.
        on_step: if io::stderr().is_terminal() {
            |step| _ = writeln!(io::stderr(), "live: {step}")
        } else {
            |_| ()
        },
    };
    let builder = ClientBuilder::from_env()?;
    // A visit takes minutes, so a file that can't be written shows before it.
    let files = [&arguments.markdown, &arguments.record].into_iter().flatten();
    let prepared = files.map(|file| Prepared::new(file)).collect::<Result<Vec<_>, _>>()?;
    if let (Some(markdown), Some(record)) = (&arguments.markdown, &arguments.record)
        && markdown.canonicalize()? == record.canonicalize()?
    {
        return Err("--markdown and --record are the same file".into());
    }
    let Visit { report, recording } = visit(builder, settings).await?;
    prepared.into_iter().for_each(Prepared::keep);

    let document = report.document();
    let files = [(&arguments.markdown, document.to_markdown()), (&arguments.record, lines(&recording))];
    for (file, text) in files {
        if let Some(file) = file {
            std::fs::write(file, text).map_err(|error| of_file(file, &error))?;
        }
    }
    match io::stdout().lock().write_all(document.to_text().as_bytes()) {
        // The reader has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    Ok(if report.problems().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A file that can be written. It is removed again if it is new and nothing is written to it.
struct Prepared<'a> {
    file: &'a Path,
    is_new: bool,
}

impl<'a> Prepared<'a> {
    fn new(file: &'a Path) -> Result<Self, String> {
        let is_new = !file.exists();
        let opened = OpenOptions::new().append(true).create(true).open(file);
        opened.map(|_| Self { file, is_new }).map_err(|error| of_file(file, &error))
    }

    fn keep(mut self) {
        self.is_new = false;
    }
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        if self.is_new {
            let _ = std::fs::remove_file(self.file);
        }
    }
}

fn of_file(file: &Path, error: &io::Error) -> String {
    format!("{}: {error}", file.display())
}

/// Returns the exchanges as JSON lines.
fn lines(recording: &[Exchange]) -> String {
    let lines = recording.iter().filter_map(|exchange| serde_json::to_string(exchange).ok());
    lines.map(|line| line + "\n").collect()
}

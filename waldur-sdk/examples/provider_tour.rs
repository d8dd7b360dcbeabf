//! A provider's day: approve what waits, complete what executes, report usage, print what happened.
//!
//! It runs on a sandbox in this process. With `--live` it takes the server of `WALDUR_API_URL` and
//! `WALDUR_ACCESS_TOKEN`, shows what it would do, and does it only with `--yes`.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::orders::{Order, Orders};
use waldur_sdk::resources::Resources;
use waldur_sdk::{Client, ClientExt as _, Decimal, Progress, Provider, Report, Uuid};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Debug, Parser)]
#[command(about = "Approves, completes and reports, on a sandbox or a real server")]
struct Args {
    /// Take the server of WALDUR_API_URL and WALDUR_ACCESS_TOKEN, and only show what would be done
    #[arg(long)]
    live: bool,
    /// Do it, on the live server
    #[arg(long, requires = "live")]
    yes: bool,
    /// Only this offering
    #[arg(long, value_name = "UUID")]
    offering: Option<Uuid>,
    /// The amount to report for every component
    #[arg(long, default_value = "12.50")]
    amount: Decimal,
}

/// One line of the table.
struct Row {
    what: &'static str,
    item: String,
    result: String,
    ok: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = write!(io::stderr(), "provider_tour: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                let _ = write!(io::stderr(), ": {error}");
                cause = error.source();
            }
            let _ = writeln!(io::stderr());
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<bool> {
    if args.live {
        let client = Client::from_env()?;
        let scope = Scope::new(&client, &args);
        if !args.yes {
            return preview(&scope, args.amount).await;
        }
        return tour(&scope, args.amount).await;
    }
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let ok = tour(&Scope::new(&client, &args), args.amount).await;
    sandbox.shutdown().await;
    ok
}

/// What the tour is about: all offerings, or one.
struct Scope {
    provider: Provider,
    offering: Option<Uuid>,
}

impl Scope {
    fn new(client: &Client, args: &Args) -> Self {
        Self { provider: client.provider(), offering: args.offering }
    }

    fn resources(&self) -> Resources {
        let live = self.provider.resources().live();
        match self.offering {
            Some(offering) => live.offering(offering),
            None => live,
        }
    }

    fn orders(&self) -> Orders {
        let orders = self.provider.orders();
        match self.offering {
            Some(offering) => orders.offering(offering),
            None => orders,
        }
    }
}

/// What a tour would do. Nothing is changed.
async fn preview(scope: &Scope, amount: Decimal) -> Result<bool> {
    let mut out = io::stdout().lock();
    for order in scope.orders().pending().all().await? {
        writeln!(out, "would approve and complete {} {} {}", order.type_, order.uuid, order.resource_name)?;
    }
    for order in scope.orders().executing().all().await? {
        writeln!(out, "would complete {} {} {}", order.type_, order.uuid, order.resource_name)?;
    }
    for resource in scope.resources().all().await? {
        let (uuid, name) = (resource.uuid, &resource.name);
        writeln!(out, "would report {amount} for every component of {uuid} {name}")?;
    }
    writeln!(out, "resources of the orders above would be reported too; nothing was changed: add --yes")?;
    Ok(true)
}

async fn tour(scope: &Scope, amount: Decimal) -> Result<bool> {
    let mut rows = Vec::new();

    let bar = Bar::new("approving");
    let report = scope.orders().pending().approve_all().on_progress(|progress| bar.order(&progress)).await?;
    bar.end();
    add(&mut rows, "approve", &report);

    let bar = Bar::new("completing");
    let report =
        scope.orders().executing().complete_all().on_progress(|progress| bar.order(&progress)).await?;
    bar.end();
    add(&mut rows, "complete", &report);

    let bar = Bar::new("reporting");
    let report = scope.resources().report_usage_all(|_, _| Some(amount)).allow_decrease();
    let report = report.on_progress(|progress| bar.at(progress.finished, progress.total)).await?;
    bar.end();
    for item in report {
        let sent = item.target.reported().map(|sent| sent.usages.as_slice()).unwrap_or_default();
        let usages: Vec<String> =
            sent.iter().map(|usage| format!("{} {}", usage.type_, usage.amount)).collect();
        let result = match item.outcome.error() {
            Some(error) => format!("failed: {error}"),
            None => usages.join(", "),
        };
        rows.push(Row { what: "usage", item: item.target.resource.name, result, ok: item.outcome.is_ok() });
    }

    print(&rows)?;
    Ok(rows.iter().all(|row| row.ok))
}

fn add(rows: &mut Vec<Row>, what: &'static str, report: &Report<Order>) {
    rows.extend(report.items.iter().map(|item| Row {
        what,
        item: format!("{} {}", item.target.type_, item.target.resource_name),
        result: item.outcome.to_string(),
        ok: item.outcome.is_ok(),
    }));
}

fn print(rows: &[Row]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let width = rows.iter().map(|row| row.item.chars().count()).max().unwrap_or(0).clamp(4, 40);
    writeln!(out, "{:<8}  {:<width$}  result", "what", "item")?;
    for row in rows {
        writeln!(out, "{:<8}  {:<width$}  {}", row.what, row.item, row.result)?;
    }
    writeln!(out)?;
    for what in ["approve", "complete", "usage"] {
        let all = rows.iter().filter(|row| row.what == what).count();
        let failed = rows.iter().filter(|row| row.what == what && !row.ok).count();
        writeln!(out, "{what:<8}  {} of {all} succeeded", all - failed)?;
    }
    Ok(())
}

/// A progress bar on a terminal, nothing elsewhere: the table says it all.
struct Bar(ProgressBar);

impl Bar {
    fn new(what: &'static str) -> Self {
        if !io::stdout().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{msg:<11} {bar:40} {pos}/{len}");
        let bar = ProgressBar::new(0).with_message(what);
        Self(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    fn at(&self, position: usize, total: usize) {
        self.0.set_length(total as u64);
        self.0.set_position(position as u64);
    }

    fn order(&self, progress: &Progress<'_, Order>) {
        self.at(progress.finished, progress.total);
    }

    fn end(self) {
        self.0.finish();
    }
}

//! Approves pending orders, completes executing ones, reports usage, and prints a summary.
//!
//! `cargo run --example provider_tour` runs on a sandbox in this process. With `-- --live`, it uses the
//! server of `WALDUR_API_URL` and `WALDUR_ACCESS_TOKEN`, and only shows what it would do; `--yes` does it.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use console::{Term, style};
use indicatif::{ProgressBar, ProgressStyle};
use tabled::Table;
use tabled::builder::Builder;
use tabled::settings::object::{Cell, Columns, Rows};
use tabled::settings::{Alignment, Color, Style, Width};
use waldur_sandbox::{Actor, Sandbox};
use waldur_sdk::orders::{Order, Orders};
use waldur_sdk::resources::Resources;
use waldur_sdk::usage::ResourceUsage;
use waldur_sdk::{Client, ClientExt as _, Decimal, Item, Outcome, Progress, Report, Uuid};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The width of the table if there is no terminal.
const WIDTH: usize = 100;
/// How many failures are listed by name.
const FAILURES: usize = 5;

#[derive(Debug, Parser)]
#[command(about = "Approves and completes orders and reports usage, on a sandbox or a real server")]
struct Args {
    /// Use the server of WALDUR_API_URL and WALDUR_ACCESS_TOKEN, and only show what would be done
    #[arg(long)]
    live: bool,
    /// Change the live server
    #[arg(long, requires = "live")]
    yes: bool,
    /// Only this offering
    #[arg(long, value_name = "UUID")]
    offering: Option<Uuid>,
    /// The amount to report for every component
    #[arg(long, default_value = "12.50")]
    amount: Decimal,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "provider_tour: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> Result<bool> {
    if args.live {
        return tour(&Client::from_env()?, args, !args.yes).await;
    }
    let sandbox = Sandbox::start().await?;
    let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    let is_ok = tour(&client, args, false).await;
    sandbox.shutdown().await;
    is_ok
}

/// Runs the three steps. A dry run changes nothing.
async fn tour(client: &Client, args: &Args, dry_run: bool) -> Result<bool> {
    let mut summary = Summary::default();

    let bar = Bar::new("approving orders");
    let approvals = orders(client, args).pending().approve_all().on_progress(|progress| bar.show(&progress));
    let report = if dry_run { approvals.dry_run().await? } else { approvals.await? };
    bar.finish();
    summary.add_orders(Step::Approve, &report);

    let bar = Bar::new("completing orders");
    let completions = orders(client, args).executing().complete_all();
    let completions = completions.on_progress(|progress| bar.show(&progress));
    let report = if dry_run { completions.dry_run().await? } else { completions.await? };
    bar.finish();
    summary.add_orders(Step::Complete, &report);

    let bar = Bar::new("reporting usage");
    let reports = resources(client, args).report_usage_all(|_resource, _component| Some(args.amount));
    let reports = reports.allow_decrease().on_progress(|progress| bar.show(&progress));
    let report = if dry_run { reports.dry_run().await? } else { reports.await? };
    bar.finish();
    summary.add_usage(&report);

    summary.print(dry_run)?;
    Ok(summary.failures.is_empty())
}

fn orders(client: &Client, args: &Args) -> Orders {
    let orders = client.provider().orders();
    match args.offering {
        Some(offering) => orders.offering(offering),
        None => orders,
    }
}

fn resources(client: &Client, args: &Args) -> Resources {
    let live = client.provider().resources().live();
    match args.offering {
        Some(offering) => live.offering(offering),
        None => live,
    }
}

/// A row of the table: the step, the offering, and the result.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    step: Step,
    offering: String,
    result: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Approve,
    Complete,
    ReportUsage,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve orders",
            Self::Complete => "complete orders",
            Self::ReportUsage => "report usage",
        }
    }
}

/// The results of the tour, grouped.
#[derive(Default)]
struct Summary {
    /// The number of objects of each kind, such as the type of an order.
    groups: BTreeMap<Group, BTreeMap<String, usize>>,
    failures: Vec<String>,
}

impl Summary {
    fn add_orders(&mut self, step: Step, report: &Report<Order>) {
        for item in &report.items {
            let Order { offering_name, type_, resource_name, .. } = &item.target;
            self.add(step, offering_name, type_.to_string(), resource_name, item);
        }
        self.add_unreadable(report);
    }

    fn add_usage(&mut self, report: &Report<ResourceUsage>) {
        for item in &report.items {
            let usages = item.target.reported().map(|reported| reported.usages.as_slice());
            let usages = usages.unwrap_or_default().iter();
            let amounts: Vec<String> =
                usages.map(|usage| format!("{} {}", usage.amount, usage.type_)).collect();
            let amounts = if amounts.is_empty() { "no amount".to_owned() } else { amounts.join(", ") };
            let resource = &item.target.resource;
            self.add(Step::ReportUsage, &resource.offering_name, amounts, &resource.name, item);
        }
        self.add_unreadable(report);
    }

    fn add<T>(&mut self, step: Step, offering: &str, kind: String, name: &str, item: &Item<T>) {
        let result = match &item.outcome {
            Outcome::Applied => "done",
            Outcome::Unchanged => "unchanged",
            Outcome::Skipped { .. } => "planned",
            Outcome::Refused { .. } => "refused",
            _ => "failed",
        };
        let group = Group { step, offering: offering.to_owned(), result };
        *self.groups.entry(group).or_default().entry(kind).or_default() += 1;
        if item.outcome.error().is_some() {
            self.failures.push(format!("{}: {name}: {}", step.name(), item.outcome));
        }
    }

    fn add_unreadable<T>(&mut self, report: &Report<T>) {
        self.failures.extend(report.unreadable.iter().map(ToString::to_string));
    }

    fn print(&self, dry_run: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{}", self.table())?;
        for failure in self.failures.iter().take(FAILURES) {
            writeln!(out, "{failure}")?;
        }
        if self.failures.len() > FAILURES {
            writeln!(out, "… and {} more failures", self.failures.len() - FAILURES)?;
        }
        let total: usize = self.groups.values().flat_map(BTreeMap::values).sum();
        let failed = self.failures.len();
        let line = match (failed, dry_run) {
            (0, true) => {
                style(format!("{total} changes planned, none made. Add --yes to make them.")).yellow()
            }
            (0, false) => style(format!("All {total} changes succeeded.")).green(),
            (_, _) => style(format!("{failed} of {total} changes failed.")).red(),
        };
        writeln!(out, "{}", line.bold())
    }

    fn table(&self) -> Table {
        let mut rows = Builder::default();
        rows.push_record(["step", "offering", "count", "of them", "result"]);
        for (Group { step, offering, result }, kinds) in &self.groups {
            let count = kinds.values().sum::<usize>().to_string();
            let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
            rows.push_record([step.name(), offering, &count, &kinds.join("; "), result]);
        }
        let mut table = rows.build();
        let width = Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns));
        table.with(Style::sharp()).with(Width::wrap(width)).modify(Columns::one(2), Alignment::right());
        // Colours only on a terminal, and not if NO_COLOR is set.
        if console::colors_enabled() {
            table.modify(Rows::first(), Color::BOLD);
            for (index, group) in self.groups.keys().enumerate() {
                let color = match group.result {
                    "refused" | "failed" => Color::FG_RED,
                    "done" => Color::FG_GREEN,
                    _ => Color::FG_YELLOW,
                };
                table.modify(Cell::new(index + 1, 4), color);
            }
        }
        table
    }
}

/// A progress bar on standard error, if that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(step: &'static str) -> Self {
        let bar = ProgressBar::new(0).with_message(step);
        Self(match ProgressStyle::with_template("{msg:<18} {bar:40} {pos}/{len}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    fn show<T>(&self, progress: &Progress<'_, T>) {
        self.0.set_length(progress.total as u64);
        self.0.set_position(progress.finished as u64);
    }

    fn finish(self) {
        self.0.finish_and_clear();
    }
}

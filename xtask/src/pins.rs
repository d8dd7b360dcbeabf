//! `cargo xtask pins`: whether the workspace compiles with other schemas than the pin.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::count::counted;
use crate::layout::Layout;
use crate::{generator, output, source};

/// Which schemas to try.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Schemas, YAML or JSON: files, or folders of them.
    #[arg(required = true, value_name = "FILE|DIR")]
    schemas: Vec<PathBuf>,
}

/// What is checked with each schema: a title, and the arguments of `cargo check`.
const CHECKS: [(&str, &[&str]); 4] = [
    ("client", &["-p", "waldur-api-client"]),
    ("client, full", &["-p", "waldur-api-client", "--features", "full"]),
    ("workspace", &["--workspace", "--all-targets"]),
    ("SDK, all features", &["-p", "waldur-sdk", "--all-targets", "--all-features"]),
];

/// Whether `regen` and each check passed, as far as they were run.
type Results = [Option<bool>; CHECKS.len() + 1];

/// The results of a schema that can't be pinned: nothing is compiled with it.
const NOT_PINNED: Results = [Some(false), None, None, None, None];

/// How many lines of a failure are shown.
const SHOWN: usize = 40;

/// Pins each schema in a copy of the repository and checks that everything compiles. Prints a table.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    let mut schemas = Vec::new();
    for given in &options.schemas {
        schemas.extend(files(given)?);
    }
    ensure!(!schemas.is_empty(), "there is no schema: no .yaml, .yml or .json");
    let target = target(layout)?;
    // One copy for all, so that cargo compiles what doesn't depend on the schema once.
    let copy = target.join("repository");
    let mut table = head();
    let mut failures = 0;
    for schema in &schemas {
        let began = Instant::now();
        copy_of(layout, &copy)?;
        let name = schema.display().to_string();
        // One that can't be read is a failure like others, and the rest is tried.
        let (version, results) = match source::read(&name) {
            Ok(source) => {
                let version = source.document["info"]["version"].as_str().unwrap_or("?").to_owned();
                output::line(format_args!("== {version} ({name})"))?;
                (version, try_one(&copy, &target, schema)?)
            }
            Err(error) => {
                output::line(format_args!("== {name}\n    {error:#}"))?;
                (name, NOT_PINNED)
            }
        };
        failures += usize::from(results.iter().any(|passed| *passed != Some(true)));
        row(&mut table, &version, &results, began.elapsed());
    }
    output::print(&table)?;
    ensure!(failures == 0, "{failures} of {} failed", counted(schemas.len(), "schema", "schemas"));
    Ok(())
}

/// Pins `schema` in the repository `copy` and runs the checks. What wasn't run, because the schema can't be
/// pinned, is None. A schema to which the corrections don't apply is pinned without them.
fn try_one(copy: &Path, target: &Path, schema: &Path) -> Result<Results> {
    let schema = schema.canonicalize().with_context(|| format!("can't read {}", schema.display()))?;
    let mut results = NOT_PINNED;
    let regen = |options: &[&str]| {
        let mut regen = generator::command();
        regen.arg("--root").arg(copy).args(["regen", "--allow-shrink", "--from"]).arg(&schema).args(options);
        regen
    };
    let pinned = passes("regen", &mut regen(&[]))?
        || passes("regen without corrections", &mut regen(&["--overlay", "none"]))?;
    results[0] = Some(pinned);
    if pinned {
        for (result, (title, arguments)) in results[1..].iter_mut().zip(CHECKS) {
            let mut check = generator::cargo();
            check.args(["check", "--quiet", "--locked", "--keep-going"]).args(arguments).current_dir(copy);
            check.env("CARGO_TARGET_DIR", target.join("target"));
            *result = Some(passes(title, &mut check)?);
        }
    }
    Ok(results)
}

/// Runs a command of cargo. Prints its errors where it fails.
fn passes(title: &str, command: &mut Command) -> Result<bool> {
    let began = Instant::now();
    let output =
        command.env("CARGO_TERM_COLOR", "never").stdin(Stdio::null()).output().context("can't run cargo")?;
    let passed = output.status.success();
    let verb = if passed { "passes" } else { "fails" };
    output::line(format_args!("{title}: {verb} ({} s)", began.elapsed().as_secs()))?;
    if !passed {
        let errors = String::from_utf8_lossy(&output.stderr);
        for line in errors.lines().filter(|line| !is_progress(line)).take(SHOWN) {
            output::line(format_args!("    {line}"))?;
        }
    }
    Ok(passed)
}

/// Returns whether cargo tells by this line what it does.
fn is_progress(line: &str) -> bool {
    let verb = line.trim_start().split(' ').next().unwrap_or_default();
    let verbs =
        ["Compiling", "Checking", "Finished", "Running", "Blocking", "Updating", "Downloading", "Downloaded"];
    line.starts_with(' ') && verbs.contains(&verb)
}

/// Returns the schemas of `given`, a file or a folder, sorted.
fn files(given: &Path) -> Result<Vec<PathBuf>> {
    if !given.is_dir() {
        return Ok(vec![given.to_owned()]);
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(given)
        .with_context(|| format!("can't read {}", given.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|one| end == *one))
        })
        .collect();
    files.sort();
    Ok(files)
}

/// Returns the folder of the copy and of what is compiled there.
fn target(layout: &Layout) -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| layout.file("target"), PathBuf::from);
    let folder = std::path::absolute(target)?.join("pins");
    std::fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
    Ok(folder)
}

/// Makes `copy` the repository's files: those that git knows, and new ones that it doesn't ignore.
fn copy_of(layout: &Layout, copy: &Path) -> Result<()> {
    let root = layout.file("");
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .context("can't run git to list the repository's files")?;
    ensure!(
        output.status.success(),
        "git can't list the repository's files: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    // Git also lists those that were deleted and are not yet committed so.
    let names: BTreeSet<&str> = names.split('\0').filter(|name| root.join(name).is_file()).collect();
    remove_others(copy, copy, &names)?;
    for name in names {
        let (from, to) = (root.join(name), copy.join(name));
        let bytes = std::fs::read(&from).with_context(|| format!("can't read {}", layout.said(&from)))?;
        if std::fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
        }
        std::fs::write(&to, bytes).with_context(|| format!("can't write {}", to.display()))?;
    }
    Ok(())
}

/// Removes the files in `folder` of the copy that are none of `names`: those of an earlier run.
fn remove_others(copy: &Path, folder: &Path, names: &BTreeSet<&str>) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.with_context(|| format!("can't read {}", folder.display()))?.path();
        if path.is_dir() {
            remove_others(copy, &path, names)?;
        } else if !path
            .strip_prefix(copy)
            .ok()
            .and_then(Path::to_str)
            .is_some_and(|name| names.contains(name))
        {
            std::fs::remove_file(&path).with_context(|| format!("can't remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn head() -> String {
    let titles: Vec<&str> = CHECKS.iter().map(|(title, _)| *title).collect();
    format!(
        "\n| version | regen | {} | seconds |\n|---|---|{}---:|\n",
        titles.join(" | "),
        "---|".repeat(CHECKS.len())
    )
}

fn row(table: &mut String, version: &str, results: &[Option<bool>], took: Duration) {
    let _ = write!(table, "| {version} |");
    for result in results {
        let _ = write!(
            table,
            " {} |",
            match result {
                Some(true) => "passes",
                Some(false) => "fails",
                None => "-",
            }
        );
    }
    let _ = writeln!(table, " {} |", took.as_secs());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn of_a_failure_the_errors_are_shown() {
        for progress in
            ["   Compiling quote v1.0.47", "    Finished `dev` profile", "    Blocking waiting for file lock"]
        {
            assert!(super::is_progress(progress), "{progress}");
        }
        for shown in [
            "error: overlay action 2 matches 0 places",
            "  --> src/lib.rs:1:1",
            "   |",
            "",
            "Compiling is hard",
        ] {
            assert!(!super::is_progress(shown), "{shown}");
        }
    }

    #[test]
    fn a_row_says_what_passed_and_what_was_not_run() {
        let mut table = super::head();
        super::row(
            &mut table,
            "8.0.3",
            &[Some(true), Some(false), None, None, None],
            Duration::from_secs(61),
        );
        let last = table.lines().last().unwrap();
        assert_eq!(last, "| 8.0.3 | passes | fails | - | - | - | 61 |");
        let columns = |line: &str| line.matches('|').count();
        assert!(table.lines().skip(1).all(|line| columns(line) == columns(last)), "{table}");
    }

    #[test]
    fn schemas_are_those_of_a_folder_and_files_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yaml", "a.json", "c.md"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |path: &std::path::Path| -> Vec<String> {
            let files = super::files(path).unwrap();
            files.iter().map(|file| file.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(folder.path()), ["a.json", "b.yaml"]);
        assert_eq!(names(&folder.path().join("c.md")), ["c.md"]);
    }
}

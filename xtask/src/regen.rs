//! `cargo xtask regen`: from an upstream schema to everything that is committed of it.

use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::count::counted;
use crate::document::{operations, schemas};
use crate::features::{Features, Resolved};
use crate::generator::{Files, Generator};
use crate::layout::Layout;
use crate::overlay::Overlay;
use crate::pin::{self, Pin};
use crate::replace::replace;
use crate::{canonical, diff, facts, lint, needs, output, passes, sdk, source, suspects, tables, versions};

/// What to make the pin from.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A schema, YAML or JSON: a file or a URL.
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) from: Option<String>,
    /// The version to fetch or, with --from, the one that the schema must be.
    #[arg(long, value_name = "X.Y.Z")]
    pub(crate) version: Option<String>,
    /// Another overlay than openapi/overlay.yaml, or `none`.
    #[arg(long, value_name = "FILE|none")]
    pub(crate) overlay: Option<String>,
    /// Keep the upstream prose, for use outside this repository.
    #[arg(long)]
    pub(crate) keep_docs: bool,
    /// Accept a schema with fewer operations than the pin, by more than 5 %.
    #[arg(long)]
    pub(crate) allow_shrink: bool,
    #[command(flatten)]
    pub(crate) versions: versions::Published,
}

impl Options {
    /// Tells whether neither a schema nor a version is named.
    pub(crate) fn names_nothing(&self) -> bool {
        self.from.is_none() && self.version.is_none()
    }
}

/// Prints the published versions, and returns the error that one must be named.
pub(crate) fn refuse(layout: &Layout, options: &Options) -> Result<()> {
    const NOTHING: &str = "nothing to make a pin from: give --version X.Y.Z or --from FILE|URL";
    match versions::list(layout, &options.versions) {
        Ok(list) => {
            output::print(list)?;
            bail!("{NOTHING}; the versions above are published")
        }
        Err(error) => bail!("{NOTHING} (the published versions can't be listed: {error:#})"),
    }
}

/// Every file that a pin consists of, made but not written.
pub(crate) struct Made {
    pub(crate) pin: Pin,
    pub(crate) pinned: Value,
    normalised: Value,
    pub(crate) files: Vec<(PathBuf, String)>,
    report: Vec<String>,
    /// The actions of the overlay that must be adapted to this newer schema.
    pub(crate) stale: Vec<String>,
}

/// What the generator reads.
pub(crate) struct Normalised {
    pub(crate) document: Value,
    /// The features of each operation.
    pub(crate) resolved: Resolved,
    report: Vec<String>,
    /// The actions of the overlay that must be adapted to this newer schema.
    pub(crate) stale: Vec<String>,
}

/// Makes and writes the pin.
pub(crate) fn run(layout: &Layout, options: &Options, generator: Generator) -> Result<()> {
    let old_pin = Pin::read(&layout.pin())?;
    let template = old_pin.as_ref().map_or(pin::URL_TEMPLATE, |pin| &pin.source.url_template).to_owned();
    let from = match (&options.from, &options.version) {
        (Some(from), _) => from.clone(),
        (None, Some(version)) => pin::url(&template, version),
        (None, None) => return refuse(layout, options),
    };
    let source = source::read(&from).map_err(|error| match &options.from {
        Some(_) => error,
        None => error.context("this version can't be used, and `cargo xtask versions` lists those there are"),
    })?;
    let version = source.document["info"]["version"].as_str().unwrap_or_default().to_owned();
    if let Some(asked) = &options.version {
        ensure!(*asked == version, "{from} is version {version}, not {asked} as asked");
    }
    let old: Option<Value> = match std::fs::read_to_string(layout.pinned()) {
        Ok(text) => {
            Some(serde_json::from_str(&text).context("openapi/waldur.json is not JSON: restore it first")?)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).context("can't read openapi/waldur.json: restore it first"),
    };
    let count = operations(&source.document).count();
    // An older release has fewer, and that it is whole was checked.
    let pinned = old_pin.as_ref().and_then(|pin| versions::precedence(&pin.source.version));
    let is_older = matches!((versions::precedence(&version), pinned), (Some(new), Some(old)) if new < old);
    let may_shrink = options.allow_shrink || is_older;
    if let Some(before) = old.as_ref().map(|old| operations(old).count()).filter(|_| !may_shrink) {
        ensure!(
            count * 100 >= before * 95,
            "{from} ({version}) has {} where the pin has {before}{}: more than 5 % fewer. If it is whole: --allow-shrink",
            counted(count, "operation", "operations"),
            old_pin.as_ref().map(|pin| format!(" ({})", pin.source.version)).unwrap_or_default()
        );
    }
    let url = match &options.from {
        Some(from) if from.starts_with("http") => from.clone(),
        _ => pin::url(&template, &version),
    };
    let (overlay_file, overlay) = overlay(layout, options.overlay.as_deref())?;
    let mut made = make(
        layout,
        &source.document,
        pin::Source { version, url, url_template: template, sha256: source.sha256, docs: options.keep_docs },
        &overlay_file,
        &overlay,
    )?;
    let kept = (generator.try_all)(&made.normalised)?;
    for line in &made.report {
        output::line(line)?;
    }
    for action in &made.stale {
        output::line(format_args!("warning: {action}: adapt it, `cargo xtask check` fails until then"))?;
    }
    let lacking = sdk::lacking(layout, &made.normalised, old.as_ref())?;
    if !lacking.is_empty() {
        output::line(format_args!("warning: {}", sdk::said(&lacking, &made.pin.source.version)))?;
    }
    made.files.extend(placed(layout, kept)?);
    replace(layout, &made.files)?;
    output::line(format_args!(
        "pinned {}: {}, {} ({} normalised)",
        made.pin.source.version,
        counted(made.pin.pinned.operations, "operation", "operations"),
        counted(made.pin.pinned.models, "model", "models"),
        counted(made.pin.normalised.models, "model", "models")
    ))?;
    match &old {
        Some(old) if *old == made.pinned => output::line("no change since the last pin")?,
        Some(old) => {
            let [old, new] = [old, &made.pinned].map(|document| facts::facts(document, false).0);
            output::print(format_args!("\n{}", diff::between(&old, &new).summary()))?;
        }
        None => {}
    }
    output::print(suspects::news(made.pinned, old, &overlay)?)
}

/// Returns where each file of the generated code goes that the client keeps, and makes the folders.
fn placed(layout: &Layout, kept: Files) -> Result<Vec<(PathBuf, String)>> {
    let files: Vec<_> = kept.into_iter().map(|(name, text)| (layout.kept(&name), text)).collect();
    for folder in files.iter().filter_map(|(path, _)| path.parent()) {
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", layout.said(folder)))?;
    }
    Ok(files)
}

/// Writes anew the generated code that the client keeps, after a change of the generator.
pub(crate) fn generate(layout: &Layout, generator: Generator) -> Result<()> {
    let path = layout.normalised();
    let said = layout.said(&path);
    let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {said}"))?;
    let normalised = serde_json::from_str(&text).with_context(|| format!("{said} is not JSON"))?;
    let files = placed(layout, (generator.kept)(&normalised)?)?;
    replace(layout, &files)?;
    for (path, _) in &files {
        output::line(format_args!("wrote {}", layout.said(path)))?;
    }
    Ok(())
}

/// How the pin knows the repository's own overlay.
pub(crate) const OWN: &str = "overlay.yaml";

/// The overlay to apply, and the name under which the pin knows it.
pub(crate) fn overlay(layout: &Layout, option: Option<&str>) -> Result<(String, Overlay)> {
    match option {
        Some("none") => Ok(("none".to_owned(), Overlay::none())),
        Some(file) => {
            let path = PathBuf::from(file);
            let overlay = Overlay::read(&path)?;
            let is_own =
                matches!((path.canonicalize(), layout.overlay().canonicalize()), (Ok(a), Ok(b)) if a == b);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let name = match (is_own, name.as_ref()) {
                (true, _) => OWN.to_owned(),
                (false, OWN | "none") => format!("another {name}"),
                (false, name) => name.to_owned(),
            };
            Ok((name, overlay))
        }
        None => Ok((OWN.to_owned(), Overlay::read(&layout.overlay())?)),
    }
}

/// Makes everything from an upstream document, without writing anything.
pub(crate) fn make(
    layout: &Layout,
    upstream: &Value,
    source: pin::Source,
    overlay_file: &str,
    overlay: &Overlay,
) -> Result<Made> {
    let mut report = Vec::new();
    let (pinned, dropped) = facts::facts(upstream, source.docs);
    let prose: Vec<String> = dropped.iter().map(|(key, times)| format!("{key} {times}")).collect();
    report.push(format!(
        "facts: left out {}",
        if prose.is_empty() { "nothing".to_owned() } else { prose.join(", ") }
    ));
    let Normalised { document: normalised, resolved, report: more, stale } =
        normalise(layout, &pinned, overlay)?;
    report.extend(more);

    let pinned_text = canonical::to_string(&pinned);
    let normalised_text = canonical::to_string(&normalised);
    let overlay_sha256 = match overlay_file {
        "none" => String::new(),
        OWN => source::sha256_of(&layout.overlay())?,
        _ => "of another file".to_owned(),
    };
    let pin = Pin {
        source,
        pinned: output(&pinned_text, &pinned),
        overlay: pin::Overlay { file: overlay_file.to_owned(), sha256: overlay_sha256 },
        normalised: output(&normalised_text, &normalised),
        tools: pin::tools(&layout.lock())?,
    };
    let mut files = vec![
        (layout.pinned(), pinned_text),
        (layout.normalised(), normalised_text),
        (layout.pin(), pin.to_text()?),
    ];
    files.extend(tables::files(layout, &resolved)?);
    Ok(Made { pin, pinned, normalised, files, report, stale })
}

/// From the pinned facts to what the generator reads, with the features of each operation, linted.
pub(crate) fn normalise(layout: &Layout, pinned: &Value, overlay: &Overlay) -> Result<Normalised> {
    let mut report = Vec::new();
    let mut document = pinned.clone();
    let applied = overlay.apply(&mut document)?;
    report.extend(applied.report.into_iter().map(|line| format!("overlay: {line}")));
    for applied in passes::run(&mut document) {
        report.push(format!("pass: {}: {}", applied.pass, applied.times));
        report.extend(applied.names.iter().map(|name| format!("  {name}")));
    }
    let changes = needs::adapt(&mut document, &needs::read(layout)?)?;
    report.push(format!(
        "needs: {} taken from openapi/needs.json, which the workspace needs so",
        counted(changes.len(), "place", "places")
    ));
    report.extend(changes.into_iter().map(|line| format!("  {line}")));
    let resolved = Features::read(&layout.features())?.resolve(&document);
    resolved.mark(&mut document);
    for (feature, absent) in &resolved.absent {
        report.push(format!(
            "feature {feature}: {} not in this version",
            counted(absent.len(), "named operation is", "named operations are")
        ));
    }
    for tag in &resolved.strange_tags {
        report.push(format!("tag {tag}: no feature names it, its operations are in the rest"));
    }
    let found = lint::lint(&document);
    ensure!(
        found.is_empty(),
        "the normalised schema holds what the generator can't take or would misread: {}{}",
        found.iter().take(3).cloned().collect::<Vec<_>>().join("; "),
        if found.len() > 3 { format!("; and {} more", found.len() - 3) } else { String::new() }
    );
    Ok(Normalised { document, resolved, report, stale: applied.stale })
}

fn output(text: &str, document: &Value) -> pin::Output {
    pin::Output {
        sha256: source::sha256(text.as_bytes()),
        operations: operations(document).count(),
        models: schemas(document).map_or(0, serde_json::Map::len),
    }
}

//! `cargo xtask check`: everything that is committed of the schema agrees with everything else.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::count::counted;
use crate::layout::Layout;
use crate::pin::Pin;
use crate::{canonical, needs, output, regen, sdk, source, tables};

const MEND: &str = "run `cargo xtask regen --version";

/// Compares; with `upstream`, also makes the pin anew from the raw file.
pub(crate) fn run(layout: &Layout, upstream: Option<&str>) -> Result<()> {
    let pin = Pin::read(&layout.pin())?.context("there is no openapi/pin.toml: run `cargo xtask regen`")?;
    let mend = format!("{MEND} {}`", pin.source.version);
    let text = |path: &std::path::Path| {
        std::fs::read_to_string(path).with_context(|| format!("can't read {}: {mend}", layout.said(path)))
    };

    let mut differing = Vec::new();
    for (path, recorded) in
        [(layout.pinned(), &pin.pinned.sha256), (layout.normalised(), &pin.normalised.sha256)]
    {
        if source::sha256(text(&path)?.as_bytes()) != *recorded {
            differing.push(format!("{} is not what openapi/pin.toml says (sha256)", layout.said(&path)));
        }
    }
    let (overlay_file, overlay) = match pin.overlay.file.as_str() {
        regen::OWN => regen::overlay(layout, None)?,
        "none" => regen::overlay(layout, Some("none"))?,
        other => bail!(
            "the pin was made with the overlay {other}, which is not openapi/overlay.yaml: put it there, then {mend}"
        ),
    };
    if overlay_file == regen::OWN && source::sha256_of(&layout.overlay())? != pin.overlay.sha256 {
        differing.push("openapi/overlay.yaml changed since the pin was made".to_owned());
    }
    if crate::pin::tools(&layout.lock())? != pin.tools {
        differing.push("Cargo.lock has other generators than openapi/pin.toml".to_owned());
    }
    ensure!(differing.is_empty(), "{}: {mend}", differing.join("; "));

    let stale = match upstream {
        Some(file) => {
            let raw = source::read(file)?;
            ensure!(
                raw.sha256 == pin.source.sha256,
                "{file} is not the file that the pin was made from (sha256 {}, the pin has {}): {mend}",
                raw.sha256,
                pin.source.sha256
            );
            let made = regen::make(layout, &raw.document, pin.source.clone(), &overlay_file, &overlay)?;
            for (path, made) in &made.files {
                ensure!(text(path)? == *made, "{} is not what {file} gives: {mend}", layout.said(path));
            }
            made.stale
        }
        None => {
            let pinned: Value =
                serde_json::from_str(&text(&layout.pinned())?).context("openapi/waldur.json")?;
            ensure!(
                canonical::to_string(&pinned) == text(&layout.pinned())?,
                "openapi/waldur.json is not in canonical form: {mend}"
            );
            let (_, dropped) = crate::facts::facts(&pinned, pin.source.docs);
            ensure!(dropped.is_empty(), "openapi/waldur.json holds more than facts ({dropped:?}): {mend}");
            let regen::Normalised { document, resolved, stale, .. } =
                regen::normalise(layout, &pinned, &overlay)?;
            ensure!(
                canonical::to_string(&document) == text(&layout.normalised())?,
                "{} is not what openapi/waldur.json, the overlay, openapi/features.toml and the passes give: {mend}",
                layout.said(&layout.normalised())
            );
            for (path, made) in tables::files(layout, &resolved)? {
                ensure!(
                    text(&path)? == made,
                    "{} is not what openapi/features.toml gives: {mend}",
                    layout.said(&path)
                );
            }
            stale
        }
    };
    ensure!(
        stale.is_empty(),
        "{}: adapt openapi/overlay.yaml to {}, and {mend}",
        stale.join("; "),
        pin.source.version
    );
    let normalised: Value = serde_json::from_str(&text(&layout.normalised())?)
        .with_context(|| layout.said(&layout.normalised()).to_string())?;
    let lacking = sdk::lacking(layout, &normalised, None)?;
    ensure!(lacking.is_empty(), "{}: pin a version that has them", sdk::said(&lacking, &pin.source.version));
    needs::check(layout, &normalised)?;
    output::line(format_args!(
        "everything agrees: {} and {} of {}",
        counted(pin.pinned.operations, "operation", "operations"),
        counted(pin.pinned.models, "model", "models"),
        pin.source.version
    ))
}

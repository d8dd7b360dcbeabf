//! Corrections of upstream's errors, as an OpenAPI Overlay 1.0 document with two more fields for each action:
//! `x-reason`, why it is there, and `x-expect`, how many places it must match. An action that matches another number
//! of places is an error: the overlay is wrong. In a schema of another release than the one that the overlay `extends`,
//! it corrects what it matches. Nobody adapts the overlay to an older release. To a newer one it must be adapted, since
//! upstream mended what it corrects, or moved it: `regen` warns, and `check` fails until then.

use std::cmp::Ordering;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::count::counted;
use crate::versions::precedence;

/// An overlay file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Overlay {
    overlay: String,
    /// The schema that it is for, by the URL of that.
    #[serde(default)]
    extends: Option<String>,
    #[serde(rename = "info")]
    _info: Value,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    target: String,
    #[serde(default)]
    update: Option<Value>,
    #[serde(default)]
    remove: bool,
    #[serde(rename = "x-reason")]
    reason: String,
    #[serde(rename = "x-expect")]
    expect: usize,
}

/// What an overlay did.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// A line for each action.
    pub(crate) report: Vec<String>,
    /// The actions that must be adapted, since they match another number of places in this newer schema.
    pub(crate) stale: Vec<String>,
}

impl Overlay {
    /// An overlay that corrects nothing.
    pub(crate) fn none() -> Self {
        Self { overlay: "1.0.0".to_owned(), extends: None, _info: Value::Null, actions: Vec::new() }
    }

    /// Reads the overlay of `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read the overlay {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the overlay {} can't be used", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let overlay: Self = yaml_serde::from_str(text)?;
        ensure!(overlay.overlay.starts_with("1."), "its version is {:?}, not 1.x", overlay.overlay);
        for (index, action) in overlay.actions.iter().enumerate() {
            let named = || format!("action {} ({})", index + 1, action.target);
            ensure!(!action.reason.trim().is_empty(), "{} gives no x-reason", named());
            ensure!(
                action.remove != action.update.is_some(),
                "{} must either update or remove, and does {}",
                named(),
                if action.remove { "both" } else { "neither" },
            );
        }
        Ok(overlay)
    }

    /// Applies every action in order.
    pub(crate) fn apply(&self, document: &mut Value) -> Result<Applied> {
        let age = self.compare(document["info"]["version"].as_str().unwrap_or_default());
        let mut applied = Applied::default();
        for (index, action) in self.actions.iter().enumerate() {
            let path = JsonPath::parse(&action.target).with_context(|| {
                format!("overlay action {}: {:?} is no JSONPath", index + 1, action.target)
            })?;
            let hits: Vec<String> =
                path.query_located(document).locations().map(|location| location.to_json_pointer()).collect();
            let mut of = String::new();
            if hits.len() != action.expect {
                let said = format!(
                    "overlay action {} ({}) matches {} and expects {}",
                    index + 1,
                    action.target,
                    counted(hits.len(), "place", "places"),
                    action.expect,
                );
                let reason = action.reason.trim();
                match age {
                    Ordering::Less => of = format!(" (and not {}, in this older schema)", action.expect),
                    Ordering::Greater => {
                        of = format!(" (and not {}, in this newer schema)", action.expect);
                        applied
                            .stale
                            .push(format!("{said}: upstream mended or moved what it corrects ({reason})"));
                    }
                    Ordering::Equal => {
                        bail!("{said} ({reason}). Mend it, or do without corrections: --overlay none")
                    }
                }
            }
            // From the last to the first, so that removing an array's element doesn't move those still to be removed.
            for pointer in hits.iter().rev() {
                match &action.update {
                    Some(update) => {
                        if let Some(target) = document.pointer_mut(pointer) {
                            merge(target, update);
                        }
                    }
                    None => remove(document, pointer),
                }
            }
            let verb = if action.remove { "removed" } else { "updated" };
            applied.report.push(format!(
                "{verb} {}{of} at {}: {}",
                hits.len(),
                action.target,
                action.reason.trim()
            ));
        }
        Ok(applied)
    }

    /// Compares the release `version` with that of the schema that this is for. Where one isn't known, they count as
    /// equal.
    fn compare(&self, version: &str) -> Ordering {
        let own = self.extends.as_deref().and_then(|url| {
            let file = url.rsplit('/').next()?;
            // The version stands at the end of the name, before what ends the file: schema-8.0.6-rc.1.yaml.
            let name = file.rsplit_once('.')?.0;
            name.match_indices('-').find_map(|(at, _)| precedence(&name[at + 1..]))
        });
        match (precedence(version), own) {
            (Some(version), Some(own)) => version.cmp(&own),
            _ => Ordering::Equal,
        }
    }
}

/// Merges as the Overlay specification says: objects by key, arrays by appending, anything else replaced.
fn merge(target: &mut Value, update: &Value) {
    match (target, update) {
        (Value::Object(target), Value::Object(update)) => {
            for (key, value) in update {
                match target.get_mut(key) {
                    Some(inner) => merge(inner, value),
                    None => {
                        target.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (Value::Array(target), Value::Array(update)) => target.extend(update.iter().cloned()),
        (target, update) => *target = update.clone(),
    }
}

fn remove(document: &mut Value, pointer: &str) {
    let Some((parent, key)) = pointer.rsplit_once('/') else { return };
    let key = key.replace("~1", "/").replace("~0", "~");
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&key);
        }
        Some(Value::Array(list)) => {
            if let Ok(index) = key.parse::<usize>() {
                list.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use serde_json::json;

    use super::Overlay;

    fn apply(actions: &str, mut document: serde_json::Value) -> anyhow::Result<serde_json::Value> {
        Overlay::parse(&format!("overlay: 1.0.0\ninfo: {{title: t, version: '1'}}\nactions:\n{actions}"))?
            .apply(&mut document)?;
        Ok(document)
    }

    #[test]
    fn updates_merge_and_removals_remove() {
        let actions = "
- {target: $.a.b, update: {type: number, format: null}, x-reason: r, x-expect: 1}
- {target: '$.list[?@ > 1]', remove: true, x-reason: r, x-expect: 2}
- {target: '$.path[\"/x/{y}/\"]', remove: true, x-reason: r, x-expect: 1}
";
        let document =
            json!({"a": {"b": {"type": "integer", "x": 1}}, "list": [1, 2, 3], "path": {"/x/{y}/": 1}});
        assert_eq!(
            apply(actions, document).unwrap(),
            json!({"a": {"b": {"type": "number", "format": null, "x": 1}}, "list": [1], "path": {}})
        );
    }

    #[test]
    fn another_number_of_hits_names_the_action() {
        let error = apply("- {target: $.gone, remove: true, x-reason: was wrong, x-expect: 1}", json!({}))
            .unwrap_err();
        let text = error.to_string();
        assert!(text.contains("action 1 ($.gone) matches 0 places and expects 1"), "{text}");
        assert!(text.contains("was wrong") && text.contains("--overlay none"), "{text}");
    }

    #[test]
    fn in_a_schema_of_another_release_an_action_corrects_what_it_matches() {
        let overlay = Overlay::parse(
            "overlay: 1.0.0\ninfo: {}\nextends: https://example.org/schema-8.0.5.yaml\nactions:\n\
             - {target: '$.a[*]', remove: true, x-reason: was wrong, x-expect: 3}",
        )
        .unwrap();
        let apply = |version: &str| {
            let mut document = json!({"info": {"version": version}, "a": [1, 2]});
            overlay.apply(&mut document).map(|applied| (applied, document["a"].clone()))
        };
        for version in ["7.10.0", "8.0.5-rc.1", "8.0.4"] {
            let (applied, rest) = apply(version).unwrap();
            assert_eq!(applied.report, ["removed 2 (and not 3, in this older schema) at $.a[*]: was wrong"]);
            assert_eq!((applied.stale.len(), rest), (0, json!([])), "{version}");
        }
        for version in ["8.0.10", "8.0.6-rc.1", "9.0.0"] {
            let (applied, rest) = apply(version).unwrap();
            assert_eq!(applied.report, ["removed 2 (and not 3, in this newer schema) at $.a[*]: was wrong"]);
            let stale = "overlay action 1 ($.a[*]) matches 2 places and expects 3: upstream mended or moved what it corrects (was wrong)";
            assert_eq!((applied.stale, rest), (vec![stale.to_owned()], json!([])), "{version}");
        }
        for version in ["8.0.5", "develop", ""] {
            let error = apply(version).unwrap_err().to_string();
            assert!(error.contains("matches 2 places and expects 3"), "{version}: {error}");
        }
    }

    #[test]
    fn the_release_of_an_overlay_is_read_from_the_schema_that_it_extends() {
        let compare = |url: &str, version: &str| {
            let text = format!("overlay: 1.0.0\ninfo: {{}}\nextends: {url}");
            Overlay::parse(&text).unwrap().compare(version)
        };
        for url in ["https://a-1.org/x/waldur-openapi-schema-8.0.6-rc.1.yaml", "schema-8.0.6-rc.1.json"] {
            assert_eq!(compare(url, "8.0.6"), Ordering::Greater, "{url}");
            assert_eq!(compare(url, "8.0.6-rc.2"), Ordering::Equal, "{url}");
            assert_eq!(compare(url, "8.0.5"), Ordering::Less, "{url}");
        }
        assert_eq!(compare("https://example.org/schema.yaml", "8.0.5"), Ordering::Equal);
    }

    #[test]
    fn an_action_without_a_reason_or_a_verb_is_refused() {
        for (action, word) in [
            ("- {target: $.a, remove: true, x-reason: ' ', x-expect: 1}", "x-reason"),
            ("- {target: $.a, x-reason: r, x-expect: 1}", "neither"),
            ("- {target: $.a, update: {}, remove: true, x-reason: r, x-expect: 1}", "both"),
        ] {
            let text = apply(action, json!({})).unwrap_err().to_string();
            assert!(text.contains(word), "{text}");
        }
    }
}

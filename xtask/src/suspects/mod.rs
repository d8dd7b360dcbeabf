//! `cargo xtask suspects`: declarations that are probably wrong, for whoever refreshes the pin to look at.
//!
//! Upstream's schema is generated, and where its generator can't tell a type it guesses. A guess shows in a
//! name that contradicts the type, or in a property that other models declare otherwise. Nothing here is
//! certain, and nothing fails because of it. What turns out to be wrong gets an action in
//! openapi/overlay.yaml, and is not reported again.
//!
//! The document is read after the overlay and before the passes, which make many types lenient. Only models
//! that servers send count, except where a name contradicts the type: then a request can't be made either.

mod declarations;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;
use serde_json::Value;

use declarations::{Declarations, Kind, Property};
use rules::RULES;

use crate::layout::Layout;
use crate::overlay::Overlay;
use crate::{facts, output, regen, source};

/// Which schema to look at.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A schema, YAML or JSON: a file or a URL. The pinned one if not given.
    #[arg(value_name = "FILE|URL")]
    file: Option<String>,
    /// Another overlay than openapi/overlay.yaml, or `none`.
    #[arg(long, value_name = "FILE|none")]
    overlay: Option<String>,
}

/// Prints all suspects of a schema.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    let pinned = layout.pinned().display().to_string();
    let document = source::read(options.file.as_ref().unwrap_or(&pinned))?.document;
    let (_, overlay) = regen::overlay(layout, options.overlay.as_deref())?;
    let mut document = facts::facts(&document, false).0;
    overlay.apply(&mut document)?;
    let version = document["info"]["version"].as_str().unwrap_or("?");
    let suspects = suspects(&document);
    let mut text =
        format!("suspicious declarations in {version}: {}, the likeliest errors first\n", suspects.len());
    text.push_str(&list(&suspects));
    output::print(text)
}

/// Counts the suspects of `pinned`, and lists those that `old`, the last pin, doesn't have.
pub(crate) fn news(mut pinned: Value, old: Option<Value>, overlay: &Overlay) -> Result<String> {
    let is_same = old.as_ref() == Some(&pinned);
    overlay.apply(&mut pinned)?;
    let now = suspects(&pinned);
    let mut text = format!("suspicious declarations: {}", now.len());
    match old {
        Some(mut old) if !is_same => {
            // The overlay is for the new schema. What doesn't match the old one only stays uncorrected in it.
            let _ = overlay.apply(&mut old);
            let before = suspects(&old);
            let new: Vec<Suspect> = now.into_iter().filter(|one| one.is_new(&before)).collect();
            let _ = writeln!(text, ", {} of them new since the last pin", new.len());
            text.push_str(&list(&new));
            if !new.is_empty() {
                text.push('\n');
            }
        }
        _ => text.push('\n'),
    }
    text.push_str("  `cargo xtask suspects` lists them all\n");
    Ok(text)
}

/// A property whose declarations contradict its name or one another.
#[derive(Debug, PartialEq, Eq)]
struct Suspect {
    /// The index of the rule in [`RULES`].
    rule: usize,
    property: String,
    /// The models that declare it so.
    declared: BTreeMap<Kind, BTreeSet<String>>,
    /// Whether models that disagree have much else in common.
    related: bool,
}

impl Suspect {
    /// The kinds, the rarest first: where models disagree, the few are more likely to be wrong.
    fn by_rarity(&self) -> Vec<(&Kind, &BTreeSet<String>)> {
        let mut kinds: Vec<_> = self.declared.iter().collect();
        kinds.sort_by_key(|(_, models)| models.len());
        kinds
    }

    /// Whether `before` doesn't have it. One more model that agrees with most others doesn't make it new.
    fn is_new(&self, before: &[Self]) -> bool {
        let Some(old) = before.iter().find(|old| (old.rule, &old.property) == (self.rule, &self.property))
        else {
            return true;
        };
        let kinds = self.by_rarity();
        let odd = if kinds.len() > 1 { kinds.len() - 1 } else { 1 };
        kinds
            .iter()
            .take(odd)
            .any(|(kind, models)| !old.declared.get(kind).is_some_and(|known| models.is_subset(known)))
    }

    /// Describes what it is declared as in which models: `uuid in Offering; text in 15 models`.
    fn said(&self) -> String {
        const NAMED: usize = 3;
        let kinds = self.by_rarity();
        let last = kinds.len() - 1;
        let said = kinds.iter().enumerate().map(|(index, (kind, models))| {
            if index == last && index > 0 && models.len() > NAMED {
                return format!("{kind} in {} models", models.len());
            }
            let named: Vec<&str> = models.iter().take(NAMED).map(String::as_str).collect();
            let more = models.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{kind} in {}{more}", named.join(", "))
        });
        said.collect::<Vec<_>>().join("; ")
    }
}

/// Lists suspects by rule, one a line. Properties that the same models declare alike share a line.
fn list(suspects: &[Suspect]) -> String {
    let mut text = String::new();
    for (index, rule) in RULES.iter().enumerate() {
        let of_rule: Vec<&Suspect> = suspects.iter().filter(|suspect| suspect.rule == index).collect();
        if of_rule.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{} ({})", rule.why, of_rule.len());
        let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
        let mut packed: BTreeMap<&Kind, Vec<String>> = BTreeMap::new();
        for suspect in of_rule {
            match suspect.declared.first_key_value() {
                Some((kind, models)) if rule.packed && suspect.declared.len() == 1 => {
                    packed.entry(kind).or_default().push(place(&suspect.property, models));
                }
                _ => {
                    let said = suspect.said();
                    match lines.iter_mut().find(|(other, _)| *other == said) {
                        Some((_, properties)) => properties.push(&suspect.property),
                        None => lines.push((said, vec![&suspect.property])),
                    }
                }
            }
        }
        for (said, properties) in lines {
            let _ = writeln!(text, "  {}: {said}", properties.join(", "));
        }
        for (kind, places) in packed {
            let _ = writeln!(text, "  as {kind}: {}", places.join(", "));
        }
    }
    text
}

/// Returns where `property` is declared: `Offering.end_date`, with the number of further models.
fn place(property: &str, models: &BTreeSet<String>) -> String {
    let first = models.first().map_or("", String::as_str);
    let more = if models.len() > 1 { format!(" (+{})", models.len() - 1) } else { String::new() };
    format!("{first}.{property}{more}")
}

/// Finds everything suspicious in `document`, the likeliest errors first.
fn suspects(document: &Value) -> Vec<Suspect> {
    let declarations = Declarations::of(document);
    let [received, all]: [Vec<Property<'_>>; 2] =
        [false, true].map(|also_sent| declarations.properties(also_sent).collect());
    let mut found: Vec<Suspect> = Vec::new();
    for (index, rule) in RULES.iter().enumerate() {
        let mut of_rule: Vec<Suspect> = Vec::new();
        for property in if rule.also_sent { &all } else { &received } {
            let kinds = (rule.kinds)(property);
            // The likeliest reason is enough.
            let known = found.iter().any(|other| {
                other.property == property.name && kinds.iter().any(|kind| other.declared.contains_key(kind))
            });
            if kinds.is_empty() || known {
                continue;
            }
            of_rule.push(Suspect {
                rule: index,
                property: property.name.to_owned(),
                related: property.related(&kinds),
                declared: kinds
                    .into_iter()
                    .map(|kind| {
                        let models = property.models(&kind);
                        (kind, models)
                    })
                    .collect(),
            });
        }
        // Stable, so that they stay in the order of their names otherwise.
        of_rule.sort_by_key(|suspect| !suspect.related);
        found.append(&mut of_rule);
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{list, news, suspects};
    use crate::overlay::Overlay;

    /// A document whose only operation answers with each of `models`, which are given as their properties.
    pub(super) fn document(models: Value) -> Value {
        let models: Map<String, Value> = serde_json::from_value(models).unwrap();
        let answers: Map<String, Value> = models
            .keys()
            .enumerate()
            .map(|(index, name)| {
                let schema = json!({"$ref": format!("#/components/schemas/{name}")});
                ((200 + index).to_string(), json!({"content": {"application/json": {"schema": schema}}}))
            })
            .collect();
        let models: Map<String, Value> = models
            .into_iter()
            .map(|(name, properties)| (name, json!({"type": "object", "properties": properties})))
            .collect();
        json!({
            "paths": {"/x/": {"get": {"operationId": "x", "responses": answers}}},
            "components": {"schemas": models},
        })
    }

    #[test]
    fn suspects_are_listed_by_rule_with_what_is_declared_where() {
        let (string, uuid) = (json!({"type": "string"}), json!({"type": "string", "format": "uuid"}));
        let (integer, time) = (json!({"type": "integer"}), json!({"type": "string", "format": "date-time"}));
        let document = document(json!({
            "A": {"scope_name": uuid, "role": string, "a_date": time, "min": integer, "max": integer},
            "B": {"scope_name": string, "role": string, "b_date": time, "min": {"type": "number"}},
            "C": {"role": string, "b_date": time, "max": {"type": "number"}},
            "D": {"role": string},
            "E": {"role": uuid, "cpu_limit": integer, "ram_limit": integer},
        }));
        let expected = "
Named as a text, declared as something else (1)
  scope_name: uuid in A

A number whose type depends on the model (2)
  max: integer in A; decimal in C
  min: integer in A; decimal in B

A UUID in some models, any text in others (1)
  role: uuid in E; text in 4 models

Named as a day or a moment, declared as something else (2)
  as date-time: A.a_date, B.b_date (+1)

An amount that can only be whole in every model (2)
  cpu_limit, ram_limit: integer in E
";
        assert_eq!(list(&suspects(&document)), expected);
    }

    #[test]
    fn news_are_what_the_last_pin_had_not_and_the_overlay_does_not_correct() {
        let (string, uuid) = (json!({"type": "string"}), json!({"type": "string", "format": "uuid"}));
        let old = document(json!({"A": {"role": string}, "B": {"role": string}, "C": {"role": uuid}}));
        let agreeing = document(json!({
            "A": {"role": string}, "B": {"role": string}, "C": {"role": uuid}, "D": {"role": string}}));
        let odd = document(json!({
            "A": {"role": string}, "B": {"role": string}, "C": {"role": uuid}, "D": {"x_name": uuid}}));
        let none = Overlay::none();
        let lines = |pinned: &Value, old: Option<&Value>, overlay: &Overlay| -> Vec<String> {
            news(pinned.clone(), old.cloned(), overlay).unwrap().lines().map(str::to_owned).collect()
        };
        assert_eq!(lines(&old, None, &none)[0], "suspicious declarations: 1");
        assert_eq!(lines(&old, Some(&old), &none)[0], "suspicious declarations: 1");
        let same = lines(&agreeing, Some(&old), &none);
        assert_eq!(same[0], "suspicious declarations: 1, 0 of them new since the last pin");
        assert_eq!(same.len(), 2, "{same:?}");
        let new = lines(&odd, Some(&old), &none);
        assert_eq!(new[0], "suspicious declarations: 2, 1 of them new since the last pin");
        assert!(new.contains(&"  x_name: uuid in D".to_owned()), "{new:?}");
        assert!(!new.iter().any(|line| line.contains("role")), "{new:?}");

        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("overlay.yaml");
        let action = "{target: $..x_name, update: {format: null}, x-reason: r, x-expect: 1}";
        std::fs::write(&file, format!("overlay: 1.0.0\ninfo: {{}}\nactions: [{action}]")).unwrap();
        // It matches nothing in the old document, which is compared all the same.
        let corrected = lines(&odd, Some(&old), &Overlay::read(&file).unwrap());
        assert_eq!(corrected[0], "suspicious declarations: 1, 0 of them new since the last pin");
    }

    #[test]
    #[ignore = "reads the published schema beside the repository"]
    fn known_errors_of_the_published_schema_are_found() {
        let file =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/schema/waldur-openapi-schema-8.0.5.yaml");
        let document = crate::facts::facts(&crate::source::read(file).unwrap().document, false).0;
        let found = suspects(&document);
        let models = |property: &str| -> Vec<String> {
            let of_it = found.iter().filter(|suspect| suspect.property == property);
            of_it.flat_map(|suspect| suspect.declared.values().flatten().cloned()).collect()
        };
        for (property, model) in [
            ("scope_name", "Offering"),
            ("access_url", "OpenStackInstance"),
            ("usage", "ComponentUsage"),
            ("limits", "OrderDetails"),
            ("external_address", "OpenStackInstance"),
            ("project_role", "GroupInvitation"),
        ] {
            assert!(models(property).iter().any(|known| known == model), "{model}.{property}");
        }
        assert!(list(&found).lines().count() < 100, "nobody reads that many");
    }
}

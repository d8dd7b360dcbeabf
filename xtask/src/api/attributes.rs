//! What attributes say of an item: under which conditions it is there, and whether it is documented.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, Token};

use super::tokens;

/// Conditions that all hold where an item is there, such as `feature agent`.
pub(super) type Conditions = BTreeSet<String>;

/// When an item is compiled, and whether its documentation is hidden.
#[derive(Debug, Default)]
pub(super) struct Gate {
    pub(super) conditions: Conditions,
    pub(super) hidden: bool,
}

/// Reads the conditions of an item with `attributes`. An item of tests alone has none.
pub(super) fn gate(attributes: &[Attribute]) -> Option<Gate> {
    let mut gate = Gate::default();
    for (meta, _) in flat(attributes) {
        let Meta::List(list) = &meta else { continue };
        if list.path.is_ident("cfg") {
            match predicate(list.tokens.clone()) {
                Predicate::Never => return None,
                Predicate::Always => {}
                Predicate::When(conditions) => gate.conditions.extend(conditions),
            }
        } else if list.path.is_ident("doc") && list.tokens.to_string() == "hidden" {
            gate.hidden = true;
        }
    }
    Some(gate)
}

/// Returns the attributes that users notice, as a prefix of the item's line.
pub(super) fn noticed(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for (meta, _) in flat(attributes) {
        if meta.path().is_ident("non_exhaustive") || meta.path().is_ident("deprecated") {
            text.push_str(&format!("#[{}] ", tokens::path(meta.path())));
        } else if meta.path().is_ident("repr") {
            text.push_str(&format!("#[{}] ", tokens::text(&meta)));
        }
    }
    text
}

/// Returns the traits that an item derives, each with the conditions of its own.
pub(super) fn derives(attributes: &[Attribute]) -> Vec<(syn::Path, Conditions)> {
    let mut derived = Vec::new();
    for (meta, conditions) in flat(attributes) {
        let Meta::List(list) = meta else { continue };
        if list.path.is_ident("derive") {
            let paths = Punctuated::<syn::Path, Token![,]>::parse_terminated.parse2(list.tokens);
            derived.extend(paths.into_iter().flatten().map(|path| (path, conditions.clone())));
        }
    }
    derived
}

/// Whether there is an attribute of this name.
pub(super) fn has(attributes: &[Attribute], name: &str) -> bool {
    flat(attributes).iter().any(|(meta, _)| meta.path().is_ident(name))
}

/// Returns the text of an attribute such as `#[path = "x.rs"]`.
pub(super) fn value(attributes: &[Attribute], name: &str) -> Option<String> {
    flat(attributes).into_iter().find_map(|(meta, _)| match meta {
        Meta::NameValue(pair) if pair.path.is_ident(name) => match pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// Returns the attributes, with those of each `cfg_attr` that isn't for tests alone in its place.
fn flat(attributes: &[Attribute]) -> Vec<(Meta, Conditions)> {
    let mut all = Vec::new();
    for attribute in attributes {
        flatten(attribute.meta.clone(), &Conditions::new(), &mut all);
    }
    all
}

fn flatten(meta: Meta, conditions: &Conditions, all: &mut Vec<(Meta, Conditions)>) {
    match &meta {
        Meta::List(list) if list.path.is_ident("cfg_attr") => {
            let mut parts = metas(list.tokens.clone()).into_iter();
            let mut conditions = conditions.clone();
            match parts.next().map(|first| of_meta(&first)) {
                Some(Predicate::Never) | None => return,
                Some(Predicate::Always) => {}
                Some(Predicate::When(more)) => conditions.extend(more),
            }
            for part in parts {
                flatten(part, &conditions, all);
            }
        }
        _ => all.push((meta, conditions.clone())),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Predicate {
    /// Only in tests.
    Never,
    Always,
    When(Conditions),
}

impl Predicate {
    /// Says it as a single condition.
    fn said(&self) -> String {
        match self {
            Self::Never => "test".to_owned(),
            Self::Always => "all()".to_owned(),
            Self::When(conditions) => {
                let said: Vec<&str> = conditions.iter().map(String::as_str).collect();
                if said.len() == 1 { said.concat() } else { format!("all({})", said.join(", ")) }
            }
        }
    }
}

fn metas(tokens: TokenStream) -> Vec<Meta> {
    let parsed = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens);
    parsed.into_iter().flatten().collect()
}

fn predicate(tokens: TokenStream) -> Predicate {
    match metas(tokens).first() {
        Some(meta) => of_meta(meta),
        None => Predicate::Always,
    }
}

fn of_meta(meta: &Meta) -> Predicate {
    let when = |condition: String| Predicate::When(Conditions::from([condition]));
    match meta {
        Meta::Path(path) if path.is_ident("test") || path.is_ident("doctest") => Predicate::Never,
        Meta::List(list) if list.path.is_ident("not") => match predicate(list.tokens.clone()) {
            Predicate::Never => Predicate::Always,
            Predicate::Always => Predicate::Never,
            inner => when(format!("not({})", inner.said())),
        },
        Meta::List(list) if list.path.is_ident("all") => {
            let mut conditions = Conditions::new();
            for part in metas(list.tokens.clone()) {
                match of_meta(&part) {
                    Predicate::Never => return Predicate::Never,
                    Predicate::Always => {}
                    Predicate::When(more) => conditions.extend(more),
                }
            }
            if conditions.is_empty() { Predicate::Always } else { Predicate::When(conditions) }
        }
        Meta::List(list) if list.path.is_ident("any") => {
            let mut parts: Vec<Predicate> = metas(list.tokens.clone()).iter().map(of_meta).collect();
            parts.retain(|part| *part != Predicate::Never);
            match parts.len() {
                0 => Predicate::Never,
                _ if parts.contains(&Predicate::Always) => Predicate::Always,
                1 => parts.remove(0),
                _ => {
                    let said: Vec<String> = parts.iter().map(Predicate::said).collect();
                    when(format!("any({})", said.join(", ")))
                }
            }
        }
        Meta::NameValue(pair) if pair.path.is_ident("feature") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => when(format!("feature {}", name.value())),
            _ => when(tokens::text(meta)),
        },
        _ => when(tokens::text(meta)),
    }
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_str};

    use super::{derives, gate, noticed};

    fn item(attributes: &str) -> ItemStruct {
        parse_str(&format!("{attributes} struct X;")).unwrap()
    }

    #[test]
    fn conditions_are_those_that_hold_outside_of_tests() {
        for (attributes, expected) in [
            ("", Some("")),
            ("#[cfg(test)]", None),
            ("#[cfg(all(test, unix))]", None),
            ("#[cfg(any(test, doctest))]", None),
            ("#[cfg(not(test))]", Some("")),
            ("#[cfg(feature = \"a-b\")]", Some("feature a-b")),
            ("#[cfg(any(test, feature = \"a\"))]", Some("feature a")),
            (
                "#[cfg(all(feature = \"b\", feature = \"a\"))] #[cfg(unix)]",
                Some("feature a; feature b; unix"),
            ),
            ("#[cfg(any(feature = \"b\", not(feature = \"a\")))]", Some("any(feature b, not(feature a))")),
            ("#[cfg(target_os = \"linux\")]", Some("target_os = \"linux\"")),
        ] {
            let found = gate(&item(attributes).attrs)
                .map(|gate| gate.conditions.into_iter().collect::<Vec<_>>().join("; "));
            assert_eq!(found.as_deref(), expected, "{attributes}");
        }
    }

    #[test]
    fn what_users_notice_and_what_is_derived_is_read() {
        let item = item(
            "#[doc(hidden)] #[must_use] #[non_exhaustive] #[deprecated = \"x\"] #[derive(Clone, fmt::Debug)]
             #[cfg_attr(feature = \"s\", derive(Eq))] #[cfg_attr(test, derive(Ord))]",
        );
        assert!(gate(&item.attrs).unwrap().hidden);
        assert_eq!(noticed(&item.attrs), "#[non_exhaustive] #[deprecated] ");
        let derived: Vec<String> = derives(&item.attrs)
            .iter()
            .map(|(path, conditions)| format!("{} {conditions:?}", super::tokens::path(path)))
            .collect();
        assert_eq!(derived, ["Clone {}", "fmt::Debug {}", "Eq {\"feature s\"}"]);
    }
}

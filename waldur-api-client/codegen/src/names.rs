//! The names that things of the schema have in Rust.

use std::collections::BTreeSet;

use heck::{ToPascalCase as _, ToSnakeCase as _};

/// Returns the first of `base`, `base2`, `base3`, … that `take` takes, with `separator` before the number.
pub fn first_free(base: &str, separator: &str, mut take: impl FnMut(&str) -> bool) -> String {
    let mut name = base.to_owned();
    let mut number = 2;
    while !take(&name) {
        name = format!("{base}{separator}{number}");
        number += 1;
    }
    name
}

/// Tells whether Rust takes `name` for no name, or may not in another edition.
pub fn is_keyword(name: &str) -> bool {
    syn::parse_str::<syn::Ident>(name).is_err() || ["gen", "macro"].contains(&name)
}

/// Returns the function of the client that starts the operation `id`.
pub fn function(id: &str) -> String {
    id.to_snake_case()
}

/// Returns the builder of the operation `id`.
pub fn builder(id: &str) -> String {
    function(id).to_pascal_case()
}

/// Returns the type of the component schema `name`.
pub fn model(name: &str) -> String {
    name.to_pascal_case()
}

/// Returns the field of the property `name`. Two properties may have one field: `models` tells them apart.
pub fn field(name: &str) -> String {
    snake(name, "x")
}

/// Returns the setter of the parameter `name`.
pub fn setter(name: &str) -> String {
    snake(name, "_")
}

/// Returns a name for the variant of each of an enum's `texts`, all different.
pub fn variants(texts: &[&str]) -> Vec<String> {
    let is_name = |name: &str| syn::parse_str::<syn::Ident>(name).is_ok();
    // Those of the type itself.
    let mut taken: BTreeSet<String> = ["Other".to_owned(), "Self".to_owned()].into();
    texts
        .iter()
        .map(|text| {
            let descending = text.strip_prefix('-');
            let mut name = descending.unwrap_or(text).to_pascal_case();
            name.retain(|c| c.is_alphanumeric() || c == '_');
            // Some letters and digits of other scripts stand in no name.
            if !is_name(&format!("X{name}")) {
                name.retain(|c| c.is_ascii());
            }
            if descending.is_some() {
                name.push_str("Descending");
            }
            if name.is_empty() || !is_name(&name) {
                name.insert_str(0, "Value");
            }
            first_free(&name, "", |name| taken.insert(name.to_owned()))
        })
        .collect()
}

/// `name` in small letters and underscores, with `prefix` where it would start with a digit.
fn snake(name: &str, prefix: &str) -> String {
    let words: String = match name {
        "+1" => return "plus1".to_owned(),
        "-1" => return "minus1".to_owned(),
        _ => name
            .chars()
            .filter(|c| *c != '\'')
            .map(|c| if unicode_ident::is_xid_continue(c) { c } else { '-' })
            .collect(),
    };
    let mut snake = words.to_snake_case();
    match snake.chars().next() {
        None => "x".clone_into(&mut snake),
        Some(first) if !unicode_ident::is_xid_start(first) => snake.insert_str(0, prefix),
        Some(_) => {}
    }
    if is_keyword(&snake) {
        snake.push('_');
    }
    snake
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_first_free_name_counts_from_two() {
        let mut taken = std::collections::BTreeSet::new();
        let names = ["_", "_", "_", ""]
            .map(|separator| super::first_free("a", separator, |name| taken.insert(name.to_owned())));
        assert_eq!(names, ["a", "a_2", "a_3", "a2"]);
    }

    #[test]
    fn names_are_those_that_the_generator_gives() {
        for (name, field) in [
            ("fooBar", "foo_bar"),
            ("foo-bar", "foo_bar"),
            ("user's", "users"),
            ("2fa", "x2fa"),
            ("½", "x"),
            ("", "x"),
            ("ü", "ü"),
            ("type", "type_"),
            ("gen", "gen_"),
            ("+1", "plus1"),
        ] {
            assert_eq!(super::field(name), field, "{name}");
        }
        assert_eq!(super::setter("2fa"), "_2fa");
        assert_eq!(super::setter("created__gt"), "created_gt");
        assert_eq!(
            (super::function("thingsList_2"), super::builder("thingsList_2")),
            ("things_list_2".to_owned(), "ThingsList2".to_owned())
        );
        assert_eq!(super::model("foo_bar"), "FooBar");
    }
}

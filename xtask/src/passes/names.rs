//! Names that Rust can't take as they are, or can't tell apart.

use std::collections::{BTreeMap, BTreeSet};

use heck::{ToPascalCase, ToSnakeCase};
use serde_json::{Map, Value, json};
use waldur_api_codegen::names::{first_free, is_keyword};

use crate::document::{each_operation, each_parameter, each_schema, ref_name, ref_to, schemas, schemas_mut};

/// Types and traits that generated code names without a path.
const KNOWN_TYPES: [&str; 38] = [
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Default",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Future",
    "Into",
    "IntoFuture",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Self",
    "Send",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "Vec",
];

/// What the module of the calls imports.
const CALL_TYPES: [&str; 5] = ["ByteStream", "Call", "Error", "Operation", "Response"];

/// What the client can do that isn't an operation: its functions, those of its traits, and those by which the
/// crates above extend it.
const CLIENT_FUNCTIONS: [&str; 31] = [
    "assume_idempotent",
    "builder",
    "bulk_concurrency",
    "clone",
    "clone_from",
    "consumer",
    "current_token",
    "events",
    "extension",
    "fmt",
    "from_env",
    "http",
    "impersonating",
    "is_strict",
    "new",
    "pipeline",
    "provider",
    "request",
    "retry_policy",
    "retry_succeeded",
    "server_now",
    "server_url",
    "strict",
    "take_retry",
    "timeout",
    "upgrade",
    "upgraded",
    "url",
    "with",
    "with_retry",
    "with_timeout",
];

/// What a call can do that isn't a parameter.
const CALL_FUNCTIONS: [&str; 3] = ["new", "send", "upload"];

/// `name` with an underscore for everything that no name in Rust holds; not empty, and no digit first.
fn plain(name: &str, prefix: &str) -> String {
    let mut plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphabetic()) { c } else { '_' })
        .collect();
    if !plain.trim_start_matches('_').starts_with(char::is_alphabetic) {
        plain.insert_str(0, prefix);
    }
    plain
}

/// Operations without an id are named by method and path; ids that are one name in Rust are told apart, as are those
/// of what generated code has already.
pub(super) fn operations(document: &mut Value) -> Vec<String> {
    let mut functions: BTreeSet<String> = CLIENT_FUNCTIONS.map(str::to_owned).into();
    let mut types: BTreeSet<String> =
        KNOWN_TYPES.iter().chain(&CALL_TYPES).map(|name| (*name).to_owned()).collect();
    let mut renamed = Vec::new();
    // Those that stay as they are come first, so that they do stay.
    for stays in [true, false] {
        each_operation(document, |path, method, operation| {
            let declared = operation.get("operationId").and_then(Value::as_str).map(str::to_owned);
            let wanted = plain(declared.as_deref().unwrap_or(&format!("{method}{path}")), "operation_");
            let is_same = declared.as_ref() == Some(&wanted) && !is_keyword(&wanted.to_snake_case());
            let is_own = is_same && wanted.trim_matches('_').to_snake_case() == wanted.trim_matches('_');
            if operation.contains_key(NAMED) || is_own != stays {
                return;
            }
            let base = if is_same { wanted } else { wanted.trim_matches('_').to_snake_case() };
            let id = first_free(&base, "_", |id| {
                !is_keyword(&id.to_snake_case())
                    && !functions.contains(&id.to_snake_case())
                    && !types.contains(&id.to_snake_case().to_pascal_case())
            });
            functions.insert(id.to_snake_case());
            types.insert(id.to_snake_case().to_pascal_case());
            if declared.as_ref() != Some(&id) {
                let before =
                    declared.map_or_else(|| "no name".to_owned(), |declared| format!("{declared:?}"));
                renamed.push(format!("{id} ({} {path}) for {before}", method.to_uppercase()));
            }
            operation.insert("operationId".to_owned(), json!(id));
            operation.insert(NAMED.to_owned(), json!(true));
        });
    }
    each_operation(document, |_, _, operation| {
        operation.remove(NAMED);
    });
    renamed
}

/// Marks an operation that has its final name.
const NAMED: &str = "x-named";

/// Models whose names are one in Rust are told apart, as are those that are named as what generated code has already.
pub(super) fn models(document: &mut Value) -> usize {
    let mut taken: BTreeSet<String> = KNOWN_TYPES.map(str::to_owned).into();
    let mut renamed = BTreeMap::new();
    let names: Vec<String> = schemas(document).into_iter().flatten().map(|(name, _)| name.clone()).collect();
    let fits = |name: &str| plain(name, "_") == name.replace(['-', '.'], "_");
    for stays in [true, false] {
        for name in &names {
            let is_own = fits(name) && name.to_pascal_case() == *name;
            if is_own != stays {
                continue;
            }
            let base = if fits(name) { name.clone() } else { plain(name, "Model_").to_pascal_case() };
            let free = first_free(&base, "_", |name| taken.insert(name.to_pascal_case()));
            if free != *name {
                renamed.insert(name.clone(), free);
            }
        }
    }
    if renamed.is_empty() {
        return 0;
    }
    if let Some(all) = schemas_mut(document) {
        *all = std::mem::take(all)
            .into_iter()
            .map(|(name, schema)| (renamed.get(&name).cloned().unwrap_or(name), schema))
            .collect();
    }
    each_schema(document, |schema| {
        if let Some(name) = ref_name(schema).and_then(|name| renamed.get(name)) {
            schema["$ref"] = ref_to(name)["$ref"].clone();
        }
    });
    renamed.len()
}

/// Parameters of an operation whose names are one in Rust are told apart: `name` is what Rust calls it, and `x-name`
/// what goes over the wire.
pub(super) fn parameters(document: &mut Value) -> usize {
    let mut times = 0;
    each_operation(document, |_, _, operation| {
        let mut taken: BTreeSet<String> = CALL_FUNCTIONS.map(str::to_owned).into();
        if operation.contains_key("requestBody") {
            taken.insert("body".to_owned());
        }
        // Those of the path are fixed: they stand in the template. Then come those that are named as Rust names them.
        each_parameter(operation, |parameter| {
            if is_in(parameter, "path") {
                taken.insert(name_of(parameter).to_snake_case());
            }
        });
        for is_own in [true, false] {
            each_parameter(operation, |parameter| {
                let name = name_of(parameter).to_owned();
                if !is_in(parameter, "query") || (plain(&name, "_").to_snake_case() == name) != is_own {
                    return;
                }
                let base = if is_parameter_name(&name) {
                    name.clone()
                } else {
                    plain(&name, "parameter_").to_snake_case()
                };
                let free = first_free(&base, "_", |name| taken.insert(name.to_snake_case()));
                if free != name {
                    parameter.insert("name".to_owned(), json!(free));
                    parameter.insert("x-name".to_owned(), json!(name));
                    times += 1;
                }
            });
        }
    });
    times
}

/// Whether the generator makes a name of `name` by itself.
fn is_parameter_name(name: &str) -> bool {
    plain(name, "_") == name.replace(['-', '.', '[', ']'], "_")
}

fn is_in(parameter: &Map<String, Value>, place: &str) -> bool {
    parameter.get("in").and_then(Value::as_str) == Some(place)
}

fn name_of(parameter: &Map<String, Value>) -> &str {
    parameter.get("name").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn ids(operations: &[(&str, &str, Value)]) -> (Vec<String>, Vec<String>) {
        let mut document = json!({"paths": {}});
        for (path, method, id) in operations {
            document["paths"][path][method] =
                if id.is_null() { json!({}) } else { json!({"operationId": id}) };
        }
        let renamed = super::operations(&mut document);
        let ids = operations
            .iter()
            .map(|(path, method, _)| {
                let operation = &document["paths"][path][method];
                assert_eq!(operation.as_object().unwrap().len(), 1, "nothing is left beside the id");
                operation["operationId"].as_str().unwrap().to_owned()
            })
            .collect();
        (renamed, ids)
    }

    #[test]
    fn ids_that_rust_takes_stay_and_the_others_are_told_apart() {
        let (renamed, ids) = ids(&[
            ("/a/", "get", json!("things_list")),
            ("/b/", "get", json!("thingsList")),
            ("/c/{uuid}/", "get", json!("things_list_2")),
            ("/c/{uuid}/", "post", Value::Null),
            ("/d/", "get", json!("strict")),
            ("/e/", "get", json!("error")),
            ("/f/", "get", json!("type")),
            ("/g/", "get", json!("2nd.list")),
            ("/h/", "get", json!("_hidden")),
        ]);
        assert_eq!(
            ids,
            [
                "things_list",
                "thingsList_3",
                "things_list_2",
                "post_c_uuid",
                "strict_2",
                "error_2",
                "type_2",
                "operation_2nd_list",
                "_hidden"
            ]
        );
        assert_eq!(renamed.len(), 6);
        assert!(renamed.contains(&"thingsList_3 (GET /b/) for \"thingsList\"".to_owned()), "{renamed:?}");
        assert!(renamed.contains(&"post_c_uuid (POST /c/{uuid}/) for no name".to_owned()), "{renamed:?}");
    }

    #[test]
    fn models_that_are_one_in_rust_are_told_apart_wherever_they_are_used() {
        let r = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let mut document = json!({"components": {"schemas": {
            "foo_bar": {"type": "object", "properties": {"a": r("FooBar"), "b": r("Option"), "c": r("foo_bar")}},
            "FooBar": {"type": "object"}, "Option": {"type": "object"}, "3D": {"type": "object"}, "a-b": {"type": "object"},
        }}});
        assert_eq!(super::models(&mut document), 3);
        let all = document["components"]["schemas"].as_object().unwrap();
        assert_eq!(
            all.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(),
            ["FooBar", "Model3d", "Option_2", "a-b", "foo_bar_2"].into()
        );
        assert_eq!(
            all["foo_bar_2"]["properties"],
            json!({"a": r("FooBar"), "b": r("Option_2"), "c": r("foo_bar_2")})
        );
    }

    #[test]
    fn parameters_that_are_one_in_rust_keep_their_names_on_the_wire() {
        let mut document = json!({"paths": {"/x/{uuid}/": {"get": {"operationId": "x", "requestBody": {}, "parameters": [
            {"in": "path", "name": "uuid"},
            {"in": "query", "name": "UUID"},
            {"in": "query", "name": "created__gt"},
            {"in": "query", "name": "created_gt"},
            {"in": "query", "name": "send"},
            {"in": "query", "name": "body"},
            {"in": "query", "name": "type"},
            {"in": "query", "name": ""},
        ]}}}});
        assert_eq!(super::parameters(&mut document), 5);
        let both: Vec<(&str, &str)> = document["paths"]["/x/{uuid}/"]["get"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["name"].as_str().unwrap(), one["x-name"].as_str().unwrap_or("=")))
            .collect();
        assert_eq!(
            both,
            [
                ("uuid", "="),
                ("UUID_2", "UUID"),
                ("created__gt_2", "created__gt"),
                ("created_gt", "="),
                ("send_2", "send"),
                ("body_2", "body"),
                ("type", "="),
                ("parameter", "")
            ]
        );
    }

    /// Returns the functions of `impl Client` in the files of the client crate.
    fn functions_of_the_client(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                functions_of_the_client(&path, found);
                continue;
            }
            let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            for item in file.items {
                let syn::Item::Impl(item) = item else { continue };
                let syn::Type::Path(of) = &*item.self_ty else { continue };
                if item.trait_.is_none() && of.path.is_ident("Client") {
                    found.extend(item.items.iter().filter_map(|inner| match inner {
                        syn::ImplItem::Fn(function) => Some(function.sig.ident.to_string()),
                        _ => None,
                    }));
                }
            }
        }
    }

    #[test]
    fn every_function_of_the_client_is_a_name_that_no_operation_gets() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../waldur-api-client/src");
        let mut found = Vec::new();
        functions_of_the_client(&source, &mut found);
        assert!(found.iter().any(|name| name == "builder"), "{found:?}");
        found.retain(|name| !super::CLIENT_FUNCTIONS.contains(&name.as_str()));
        assert!(found.is_empty(), "{found:?}");
    }
}

//! The recorded schema, parsed lazily. The file has one operation or schema per line. First only its lines
//! are indexed; each line is parsed on first use.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use http::Method;

use super::operation::Operation;
use super::schema::Schema;
use crate::wire::{Paths, parse_uuid};

static TEXT: &str = include_str!(env!("WALDUR_SCHEMA"));

#[derive(Debug)]
struct Named {
    text: &'static str,
    schema: OnceLock<Schema>,
}

#[derive(Debug)]
struct Line {
    method: &'static str,
    text: &'static str,
    operation: OnceLock<Operation>,
}

#[derive(Debug)]
struct Path {
    template: &'static str,
    operations: Vec<Line>,
}

#[derive(Debug, Default)]
struct Pin {
    schemas: HashMap<&'static str, Named>,
    paths: Vec<Path>,
}

/// The indices in [`Pin::paths`] by path, without `/api/` and the slash at the end.
static BY_PATH: LazyLock<Paths<usize>> = LazyLock::new(|| {
    let templates = PIN.paths.iter().map(|path| inner(path.template));
    Paths::new(templates.zip(0..))
});

fn inner(path: &str) -> &str {
    path.trim_start_matches("/api/").trim_end_matches('/')
}

static PIN: LazyLock<Pin> = LazyLock::new(|| Pin::index(TEXT));

/// Splits a line `"name":{…},`.
fn member(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (name, value) = line.strip_prefix('"')?.split_once("\":")?;
    Some((name, value.strip_suffix(',').unwrap_or(value)))
}

impl Pin {
    fn index(text: &'static str) -> Self {
        let mut pin = Self::default();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            match member(line) {
                Some(("schemas", "{")) => {
                    for (name, text) in lines.by_ref().map_while(member) {
                        pin.schemas.insert(name, Named { text, schema: OnceLock::new() });
                    }
                }
                Some(("paths", "{")) => {
                    while let Some((template, "{")) = lines.next().and_then(member) {
                        let operations = lines
                            .by_ref()
                            .map_while(member)
                            .map(|(method, text)| Line { method, text, operation: OnceLock::new() })
                            .collect();
                        pin.paths.push(Path { template, operations });
                    }
                }
                _ => {}
            }
        }
        pin
    }
}

impl Path {
    /// Returns the names of the variable segments, in their order.
    fn variables(&self) -> impl Iterator<Item = &'static str> {
        self.template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
    }

    fn operation(&'static self, method: &str) -> Option<&'static Operation> {
        let line = self.operations.iter().find(|line| line.method == method)?;
        let parsed = line.operation.get_or_init(|| Operation::parse(line.text));
        Some(parsed)
    }
}

/// The result of looking up a request.
#[derive(Debug)]
pub(crate) enum Found {
    /// The operation, and the names of variable segments whose format is wrong.
    Operation(&'static Operation, Vec<String>),
    /// The path exists, but without this method.
    Method(&'static str),
    /// The path exists, with a slash at the end.
    Slash(Option<&'static Operation>),
    Nowhere,
}

/// Returns the schema's path for a request's path, and the variable segments.
fn path(path: &str) -> Option<(&'static Path, Vec<&str>)> {
    let inner = path.strip_prefix("/api/")?.strip_suffix('/')?;
    let (at, segments) = BY_PATH.find(inner)?;
    Some((PIN.paths.get(*at)?, segments))
}

/// Returns the operation for a method and a path. HEAD without an operation of its own has the operation of
/// GET.
pub(crate) fn find(method: &Method, text: &str) -> Found {
    let Some((path, segments)) = path(text) else {
        let with_slash = format!("{text}/");
        return match self::path(&with_slash) {
            Some((path, _)) if !text.ends_with('/') => Found::Slash(lookup(path, method)),
            _ => Found::Nowhere,
        };
    };
    let Some(operation) = lookup(path, method) else { return Found::Method(path.template) };
    let wrong = path
        .variables()
        .zip(segments)
        .filter_map(|(name, segment)| {
            let kind = operation.path.iter().find(|(known, _)| known == name).map(|(_, kind)| kind)?;
            let wrong = match kind.as_str() {
                "uuid" => parse_uuid(segment).is_none(),
                "integer" => segment.parse::<i64>().is_err(),
                _ => false,
            };
            wrong.then(|| name.to_owned())
        })
        .collect();
    Found::Operation(operation, wrong)
}

/// Returns the operation for a method and a path, if there is one.
pub(crate) fn operation(method: &Method, text: &str) -> Option<&'static Operation> {
    path(text).and_then(|(path, _)| lookup(path, method))
}

fn lookup(path: &'static Path, method: &Method) -> Option<&'static Operation> {
    let name = method.as_str().to_ascii_lowercase();
    path.operation(&name).or_else(|| if method == Method::HEAD { path.operation("get") } else { None })
}

/// Returns the methods of a path, in the order in which the server names them.
pub(crate) fn operations_at(text: &str) -> Option<Vec<&'static str>> {
    let (path, _) = path(text)?;
    let has = |name: &str| path.operations.iter().any(|line| line.method == name);
    let order = [("get", "GET"), ("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];
    let mut methods: Vec<&str> = order.iter().filter(|(name, _)| has(name)).map(|(_, text)| *text).collect();
    if has("get") {
        methods.push("HEAD");
    }
    methods.push("OPTIONS");
    Some(methods)
}

/// Returns the collections that have a list, by the first segment of their path.
pub(crate) fn collections() -> Vec<&'static str> {
    let has_list = |path: &&Path| path.operations.iter().any(|line| matches!(line.method, "get" | "post"));
    let names = PIN.paths.iter().filter(has_list).map(|path| inner(path.template));
    let mut names: Vec<&str> = names.filter(|name| !name.contains(['/', '{'])).collect();
    names.sort_unstable();
    names
}

/// Returns whether objects of a collection have addresses.
pub(crate) fn has_objects(collection: &str) -> bool {
    let address = format!("/api/{collection}/00000000000000000000000000000001/");
    path(&address).is_some_and(|(path, segments)| segments.len() == 1 && path.template.ends_with("}/"))
}

/// Returns the schema with this name.
pub(crate) fn schema(name: &str) -> Option<&'static Schema> {
    let (name, named) = PIN.schemas.get_key_value(name)?;
    let parsed = named.schema.get_or_init(|| {
        serde_json::from_str(named.text).map_or_else(|_| Schema::any(), |value| Schema::parse(&value, name))
    });
    Some(parsed)
}

/// Returns the name as a static text.
pub(crate) fn interned(name: &str) -> Option<&'static str> {
    PIN.schemas.get_key_value(name).map(|(name, _)| *name)
}

/// Returns method and path of an operation.
#[cfg(test)]
pub(crate) fn place_of(id: &str) -> Option<(Method, &'static str)> {
    let text = format!("{{\"operationId\":\"{id}\",");
    PIN.paths.iter().find_map(|path| {
        let line = path.operations.iter().find(|line| line.text.starts_with(&text))?;
        Some((line.method.to_ascii_uppercase().parse().ok()?, path.template))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_has_each_operation_and_schema() {
        let whole: serde_json::Value = serde_json::from_str(TEXT).unwrap();
        let schemas = whole["components"]["schemas"].as_object().unwrap();
        assert_eq!(PIN.schemas.len(), schemas.len());
        assert!(schemas.keys().all(|name| PIN.schemas.contains_key(name.as_str())));
        let paths = whole["paths"].as_object().unwrap();
        assert_eq!(PIN.paths.len(), paths.len());
        let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        let mut found = 0;
        for path in &PIN.paths {
            for line in &path.operations {
                let operation = path.operation(line.method).unwrap();
                assert_eq!(operation.id, whole["paths"][path.template][line.method]["operationId"]);
                found += 1;
            }
        }
        assert_eq!(found, operations);
    }

    #[test]
    fn the_schema_is_that_of_the_workspace() {
        let pin = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/waldur.json");
        let Ok(pin) = std::fs::read_to_string(pin) else {
            eprintln!("skipped: not in the workspace");
            return;
        };
        assert!(pin == TEXT, "compiled in is another schema than openapi/waldur.json");
    }

    #[test]
    fn fixed_segments_precede_variable_ones() {
        let found = |method, path: &str| match find(&method, path) {
            Found::Operation(operation, _) => operation.id.as_str(),
            other => panic!("{other:?}"),
        };
        assert_eq!(found(Method::GET, "/api/users/me/"), "users_me_retrieve");
        assert_eq!(found(Method::HEAD, "/api/marketplace-orders/"), "marketplace_orders_count");
        assert!(matches!(find(&Method::GET, "/api/users/me"), Found::Slash(Some(_))));
        assert!(matches!(find(&Method::DELETE, "/api/users/me/"), Found::Method(_)));
        assert!(matches!(find(&Method::GET, "/api/nothing/"), Found::Nowhere));
    }
}

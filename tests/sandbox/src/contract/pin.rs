//! The recorded schema, read lazily: the file has one operation or schema a line, so that an index of its
//! lines is all there is to do at first, and each line is parsed when it is needed.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use http::Method;

use super::operation::Operation;
use super::schema::Schema;
use crate::call::parse_uuid;

static TEXT: &str = include_str!("../../waldur.json");

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
    segments: Vec<&'static str>,
    operations: Vec<Line>,
}

#[derive(Debug, Default)]
struct Pin {
    schemas: HashMap<&'static str, Named>,
    /// By the first segment after `/api/`.
    paths: HashMap<&'static str, Vec<Path>>,
}

static PIN: LazyLock<Pin> = LazyLock::new(|| Pin::index(TEXT));

/// A line `"name":{…},` taken apart.
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
                        let segments: Vec<_> =
                            template.trim_start_matches("/api/").trim_end_matches('/').split('/').collect();
                        let group = pin.paths.entry(segments.first().copied().unwrap_or_default());
                        group.or_default().push(Path { template, segments, operations });
                    }
                }
                _ => {}
            }
        }
        pin
    }
}

impl Path {
    /// How many segments are equal rather than variable; `None` if the path isn't this one.
    fn matches(&self, segments: &[&str]) -> Option<usize> {
        if self.segments.len() != segments.len() {
            return None;
        }
        let mut equal = 0;
        for (pattern, segment) in self.segments.iter().zip(segments) {
            if pattern.starts_with('{') {
                if segment.is_empty() {
                    return None;
                }
            } else if pattern == segment {
                equal += 1;
            } else {
                return None;
            }
        }
        Some(equal)
    }

    fn operation(&'static self, method: &str) -> Option<&'static Operation> {
        let line = self.operations.iter().find(|line| line.method == method)?;
        let parsed = line.operation.get_or_init(|| Operation::parse(line.text));
        Some(parsed)
    }
}

/// Where a request leads in the schema.
#[derive(Debug)]
pub(crate) enum Found {
    /// The operation, and the variable segments of the path that aren't of the form the schema wants.
    Operation(&'static Operation, Vec<String>),
    /// The path is there, but not for this method.
    Method(&'static str),
    /// The path is there, if only it ended in a slash.
    Slash(Option<&'static Operation>),
    Nowhere,
}

fn path(path: &str) -> Option<(&'static Path, Vec<&str>)> {
    let inner = path.strip_prefix("/api/")?.strip_suffix('/')?;
    let segments: Vec<&str> = inner.split('/').collect();
    let group = PIN.paths.get::<str>(segments.first()?)?;
    let best = group
        .iter()
        .filter_map(|path| Some((path.matches(&segments)?, path)))
        .max_by_key(|(equal, _)| *equal)?;
    Some((best.1, segments))
}

/// The operation for a method and a path. HEAD of a list that has no operation of its own is its GET.
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
        .segments
        .iter()
        .zip(segments)
        .filter_map(|(pattern, segment)| {
            let name = pattern.strip_prefix('{')?.strip_suffix('}')?;
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

/// The operation alone.
pub(crate) fn operation(method: &Method, text: &str) -> Option<&'static Operation> {
    path(text).and_then(|(path, _)| lookup(path, method))
}

fn lookup(path: &'static Path, method: &Method) -> Option<&'static Operation> {
    let name = method.as_str().to_ascii_lowercase();
    path.operation(&name).or_else(|| if method == Method::HEAD { path.operation("get") } else { None })
}

/// The methods of the schema for a path, in the order in which the server names them.
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

/// The collections that have a list, by the first segment of their path.
pub(crate) fn collections() -> Vec<&'static str> {
    let has_list = |paths: &[Path]| {
        paths.iter().any(|path| {
            path.segments.len() == 1
                && path.operations.iter().any(|line| matches!(line.method, "get" | "post"))
        })
    };
    let mut names: Vec<&str> =
        PIN.paths.iter().filter(|(_, paths)| has_list(paths)).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names
}

/// A schema by its name.
pub(crate) fn schema(name: &str) -> Option<&'static Schema> {
    let (name, named) = PIN.schemas.get_key_value(name)?;
    let parsed = named.schema.get_or_init(|| {
        serde_json::from_str(named.text).map_or_else(|_| Schema::any(), |value| Schema::parse(&value, name))
    });
    Some(parsed)
}

/// The name as it lives as long as the program.
pub(crate) fn interned(name: &str) -> Option<&'static str> {
    PIN.schemas.get_key_value(name).map(|(name, _)| *name)
}

/// Method and path of an operation.
#[cfg(test)]
pub(crate) fn place_of(id: &str) -> Option<(Method, &'static str)> {
    let text = format!("{{\"operationId\":\"{id}\",");
    PIN.paths.values().flatten().find_map(|path| {
        let line = path.operations.iter().find(|line| line.text.starts_with(&text))?;
        Some((line.method.to_ascii_uppercase().parse().ok()?, path.template))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_has_everything() {
        let whole: serde_json::Value = serde_json::from_str(TEXT).unwrap();
        let schemas = whole["components"]["schemas"].as_object().unwrap();
        assert_eq!(PIN.schemas.len(), schemas.len());
        assert!(schemas.keys().all(|name| PIN.schemas.contains_key(name.as_str())));
        let paths = whole["paths"].as_object().unwrap();
        assert_eq!(PIN.paths.values().map(Vec::len).sum::<usize>(), paths.len());
        let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        let mut found = 0;
        for path in PIN.paths.values().flatten() {
            for line in &path.operations {
                let operation = path.operation(line.method).unwrap();
                assert_eq!(operation.id, whole["paths"][path.template][line.method]["operationId"]);
                found += 1;
            }
        }
        assert_eq!(found, operations);
    }

    #[test]
    fn it_is_the_pin_of_the_workspace() {
        let pin = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi/waldur.json");
        let Ok(pin) = std::fs::read_to_string(pin) else {
            eprintln!("skipped: not in the workspace");
            return;
        };
        assert!(pin == TEXT, "tests/sandbox/waldur.json is not openapi/waldur.json");
    }

    #[test]
    fn names_before_variables() {
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

//! Lookup of the handler for a method and a path.

mod table;

use std::collections::HashMap;
use std::sync::LazyLock;

use http::Method;

use crate::judge;
use crate::protocol::answer::Outcome;
use crate::protocol::call::Call;
use crate::release::Release;
use crate::store::State;
use crate::wire::Paths;
use table::ROUTES;

pub(crate) type Handler = fn(&Call, &mut State) -> Outcome;

/// A path below `/api/` and its handlers.
#[derive(Debug)]
pub(crate) struct Route {
    /// `*` stands for one variable segment.
    path: &'static str,
    /// The methods that the real server allows; the sandbox may lack some.
    pub(crate) allow: &'static str,
    /// Whether requests without credentials are allowed.
    pub(crate) public: bool,
    /// The operation, if servers newer than the schema have it.
    since_newer: Option<&'static str>,
    handlers: &'static [(Method, Handler)],
}

impl Route {
    /// Returns the handler of a method. HEAD has the handler of GET.
    pub(crate) fn handler(&self, method: &Method, release: Release) -> Option<Handler> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let (_, handler) = self.handlers.iter().find(|(known, _)| known == method)?;
        self.has(method, release).then_some(*handler)
    }

    /// Returns the operation of a method.
    fn operation(&self, method: &Method) -> Option<&'static str> {
        if self.since_newer.is_some() {
            return self.since_newer;
        }
        let path = format!("/api/{}", self.path.replace('*', "00000000000000000000000000000001"));
        judge::operation(method, &path).map(|operation| operation.id.as_str())
    }

    /// Returns whether a release has the operation of a method. The root is no operation; all releases have
    /// it.
    fn has(&self, method: &Method, release: Release) -> bool {
        static OPERATIONS: LazyLock<HashMap<(&str, Method), &str>> = LazyLock::new(|| {
            let all =
                ROUTES.iter().flat_map(|route| route.handlers.iter().map(move |(method, _)| (route, method)));
            all.filter_map(|(route, method)| Some(((route.path, method.clone()), route.operation(method)?)))
                .collect()
        });
        OPERATIONS.get(&(self.path, method.clone())).is_none_or(|operation| release.has(operation))
    }

    /// Returns whether a release has any of its operations.
    fn is_of(&self, release: Release) -> bool {
        self.handlers.iter().any(|(method, _)| self.has(method, release))
    }
}

/// The result of looking up a path.
#[derive(Debug)]
pub(crate) enum Found {
    /// A route, with the variable segments of the path.
    Route(&'static Route, Vec<String>),
    /// A route, if the path ended with a slash.
    Slash,
    /// An operation of the schema that the sandbox lacks.
    Missing,
    Nowhere,
}

pub(crate) fn find(path: &str, release: Release) -> Found {
    let Some(path) = path.strip_prefix("/api/") else { return Found::Nowhere };
    if let Some((route, segments)) = lookup(path, release) {
        Found::Route(route, segments)
    } else if !path.ends_with('/') && lookup(&format!("{path}/"), release).is_some() {
        Found::Slash
    } else if !is_known(path) && judge::operations_at(&format!("/api/{path}")).is_some() {
        Found::Missing
    } else if !path.ends_with('/')
        && !is_known(&format!("{path}/"))
        && judge::operations_at(&format!("/api/{path}/")).is_some()
    {
        Found::Slash
    } else {
        Found::Nowhere
    }
}

static BY_PATH: LazyLock<Paths<&'static Route>> =
    LazyLock::new(|| Paths::new(ROUTES.iter().map(|route| (route.path, route))));

/// Returns whether only servers newer than the schema have this operation.
pub(crate) fn is_since_newer(method: &Method, path: &str, release: Release) -> bool {
    matches!(find(path, release), Found::Route(route, _)
        if route.since_newer.is_some() && route.handler(method, release).is_some())
}

/// Returns whether programs request the path to find out whether the server has it: the unified registration
/// of events, without which they register as older servers expect it.
pub(crate) fn is_probed(path: &str) -> bool {
    path.ends_with("/register_queue/")
}

/// Returns whether any release has the path.
fn is_known(path: &str) -> bool {
    Release::ALL.into_iter().any(|release| lookup(path, release).is_some())
}

fn lookup(path: &str, release: Release) -> Option<(&'static Route, Vec<String>)> {
    let (route, segments) = BY_PATH.find(path)?;
    route.is_of(release).then(|| (*route, segments.into_iter().map(str::to_owned).collect()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::release::SINCE;

    /// Checks that the operations listed beside the recordings have routes.
    #[test]
    #[ignore = "reads a list beside the recordings that WALDUR_RECORDINGS names"]
    fn what_a_provider_calls_has_a_route() {
        let folder = std::env::var_os("WALDUR_RECORDINGS").unwrap_or_else(|| {
            panic!("WALDUR_RECORDINGS is not set: it names the folder beside provider-operations.tsv")
        });
        let list = Path::new(&folder).join("../provider-operations.tsv");
        let list =
            std::fs::read_to_string(&list).unwrap_or_else(|error| panic!("{}: {error}", list.display()));
        let missing: Vec<&str> = list
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split('\t').next())
            // Servers newer than the schema have some of them.
            .filter_map(|id| Some((id, judge::place_of(id)?)))
            .filter(|(_, (method, template))| {
                let uuid = "00000000000000000000000000000001";
                let path: Vec<_> =
                    template.split('/').map(|s| if s.starts_with('{') { uuid } else { s }).collect();
                !matches!(find(&path.join("/"), Release::Schema), Found::Route(route, _) if route.handler(method, Release::Schema).is_some())
            })
            .map(|(id, _)| id)
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_schema_has_all_methods() {
        for route in ROUTES.iter().filter(|route| !route.path.is_empty() && route.since_newer.is_none()) {
            let path = format!("/api/{}", route.path.replace('*', "00000000000000000000000000000001"));
            let known = judge::operations_at(&path).unwrap_or_default();
            for (method, _) in route.handlers {
                assert!(known.contains(&method.as_str()), "{method} {path} is not in the schema");
            }
        }
    }

    #[test]
    fn each_operation_has_a_release() {
        let mut known = BTreeSet::new();
        for route in ROUTES.iter().filter(|route| !route.path.is_empty()) {
            for (method, _) in route.handlers {
                let operation = route.operation(method).unwrap();
                assert!(Release::since(operation).is_some(), "{operation} is not in the table");
                known.insert(operation);
            }
        }
        for (name, since) in SINCE {
            let operation = name.split('.').next().unwrap();
            assert!(known.contains(operation), "{name} is not an operation of the sandbox");
            assert!(Release::since(operation) <= Some(*since), "{name} is older than its operation");
        }
        assert_eq!(BTreeSet::from_iter(SINCE.iter().map(|(name, _)| name)).len(), SINCE.len(), "named twice");
    }

    /// Paths that the schema lacks, with the reason.
    const NEWER: &[(&str, &str)] = &[
        ("marketplace-provider-resources/*/set_endpoints/", "servers after 8.0.5 have it"),
        ("event-consumers/", "servers from 8.1.0 on have one queue for all events"),
        ("event-consumers/register/", "servers from 8.1.0 on have one queue for all events"),
        ("event-consumers/*/", "servers from 8.1.0 on have one queue for all events"),
        (
            "marketplace-site-agent-identities/*/register_queue/",
            "servers from 8.1.0 on have one queue for all events",
        ),
    ];

    #[test]
    fn routes_of_newer_servers_are_listed() {
        let newer: Vec<&str> =
            ROUTES.iter().filter(|route| route.since_newer.is_some()).map(|route| route.path).collect();
        assert_eq!(newer, NEWER.iter().map(|(path, _)| *path).collect::<Vec<_>>());
        for path in newer {
            let path = format!("/api/{}", path.replace('*', "00000000000000000000000000000001"));
            assert!(judge::operations_at(&path).is_none(), "{path} is in the schema by now");
            assert!(matches!(find(&path, Release::Newer), Found::Route(..)));
            for release in [Release::Schema, Release::Late2024] {
                assert!(matches!(find(&path, release), Found::Nowhere));
            }
        }
    }
}

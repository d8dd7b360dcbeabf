//! Finding the operation of a request.

use std::collections::HashMap;
use std::sync::LazyLock;

use waldur_api_client::exchanges::{ALL, Exchange, PATHS};

/// The paths of the schema by their number of segments and the segment after `/api/`, which is "" for a
/// parameter.
static BY_SHAPE: LazyLock<HashMap<(usize, &str), Vec<&str>>> = LazyLock::new(|| {
    let mut by_shape: HashMap<_, Vec<_>> = HashMap::new();
    for &template in PATHS {
        let (count, first) = shape(template);
        by_shape.entry((count, if first.contains('{') { "" } else { first })).or_default().push(template);
    }
    by_shape
});

/// Returns the number of segments, and the one after `/api/`.
fn shape(path: &str) -> (usize, &str) {
    (path.split('/').count(), path.split('/').nth(2).unwrap_or_default())
}

/// Finds the operation of a request by its method and its bare path.
///
/// A literal segment wins over a parameter, as on the server. That holds for all paths of the schema:
/// `…/usage_stats/` is not `…/{uuid}/`, even if this build lacks the operation. For paths of newer servers, a
/// parameter matches only values of its type.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<&'static Exchange> {
    let (count, first) = shape(path);
    let alike = [first, ""].into_iter().filter_map(|first| BY_SHAPE.get(&(count, first))).flatten();
    let fitting: Vec<&str> = alike.copied().filter(|template| values(template, path).is_some()).collect();
    let best = fitting.iter().map(|template| parameters(template)).min()?;
    let best: Vec<&str> = fitting.into_iter().filter(|template| parameters(template) == best).collect();
    ALL.iter().find(|exchange| {
        exchange.operation.method == method
            && best.contains(&exchange.operation.path)
            && takes(exchange, path)
    })
}

/// Returns whether each segment of a path is a parameter.
fn parameters(template: &str) -> Vec<bool> {
    template.split('/').map(|segment| segment.contains('{')).collect()
}

/// Returns whether the path matches the operation, including the types of its parameters.
fn takes(exchange: &Exchange, path: &str) -> bool {
    let values = values(exchange.operation.path, path).unwrap_or_default();
    values.iter().all(|(name, value)| {
        let parameter = exchange.parameters.iter().find(|(other, _)| other == name);
        parameter.is_none_or(|(_, parameter)| parameter.takes(value))
    })
}

/// Returns the value of each parameter, or `None` if the path doesn't match.
fn values<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    let mut values = Vec::new();
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Some(values),
            (Some(wanted), Some(found)) => match wanted.split_once('{') {
                Some((before, rest)) => {
                    let (name, after) = rest.split_once('}')?;
                    let value = found.strip_prefix(before)?.strip_suffix(after)?;
                    if value.is_empty() {
                        return None;
                    }
                    values.push((name, value));
                }
                None if wanted == found => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use waldur_api_client::exchanges::Parameter;

    use super::*;

    fn id(method: &str, path: &str) -> Option<&'static str> {
        find(method, path).map(|exchange| exchange.operation.id)
    }

    #[test]
    fn operations_are_found_by_method_and_path() {
        assert_eq!(id("GET", "/api/users/"), Some("users_list"));
        assert_eq!(id("GET", "/api/users/me/"), Some("users_me_retrieve"));
        let order = "/api/marketplace-orders/69846d71999058d5a659c45402fb0ffb/";
        assert_eq!(id("GET", order), Some("marketplace_orders_retrieve"));
        for (method, path) in [
            ("GET", "/api/users"),
            ("GET", "/api/users//"),
            ("DELETE", "/api/marketplace-orders/"),
            ("GET", "/"),
            ("GET", "/api/nothing/"),
        ] {
            assert_eq!(id(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_literal_segment_wins_over_a_uuid() {
        // The schema has the operation; a build without its feature doesn't.
        let found = id("GET", "/api/marketplace-plans/usage_stats/");
        assert!(found.is_none_or(|id| id.contains("usage_stats")), "{found:?}");
        // The schema doesn't have these.
        for path in ["/api/marketplace-plans/of_a_newer_server/", "/api/marketplace-orders/abc123/"] {
            assert_eq!(id("GET", path), None, "{path}");
        }
    }

    #[test]
    fn every_operation_is_found_by_its_own_path() {
        for exchange in ALL {
            let mut path = exchange.operation.path.to_owned();
            for (name, parameter) in exchange.parameters {
                let value = match parameter {
                    Parameter::Uuid => "69846d71999058d5a659c45402fb0ffb",
                    Parameter::Integer => "7",
                    Parameter::Text => "a text of its own",
                };
                path = path.replace(&format!("{{{name}}}"), value);
            }
            let found = find(exchange.operation.method, &path).unwrap();
            assert_eq!(parameters(found.operation.path), parameters(exchange.operation.path));
        }
    }
}

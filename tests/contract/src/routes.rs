//! Which operation a request is.

use waldur_api_client::exchanges::{ALL, Exchange};

/// The operation of a request, by its method and its bare path. A path that is written out wins over one with a
/// parameter in its place.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<&'static Exchange> {
    ALL.iter()
        .filter(|exchange| exchange.operation.method == method && fits(exchange.operation.path, path))
        .min_by_key(|exchange| exchange.operation.path.matches('{').count())
}

fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted.contains('{') => {
                let before = wanted.split('{').next().unwrap_or_default();
                let after = wanted.rsplit('}').next().unwrap_or_default();
                let inner = found.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                if inner.is_none_or(str::is_empty) {
                    return false;
                }
            }
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn every_operation_is_found_by_its_own_path() {
        for exchange in ALL {
            let path = exchange.operation.path.replace(['{', '}'], "");
            let found = find(exchange.operation.method, &path).unwrap();
            assert_eq!(
                found.operation.path.matches('{').count(),
                exchange.operation.path.matches('{').count()
            );
        }
    }
}

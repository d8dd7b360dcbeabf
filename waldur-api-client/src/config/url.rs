//! Reads the server's URL.

use reqwest::Url;

/// Returns the server's URL without `/api` and slashes at the end. Problems never repeat user name, password
/// or query.
pub(super) fn origin(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    let mut url = Url::parse(text).map_err(|_| "is not a URL such as https://waldur.example.org/api/")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("must begin with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or fragment".to_owned());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let root = path.strip_suffix("/api");
    if root.is_none()
        && let Some((root, _)) = path.rsplit_once("/api/")
    {
        let root = format!("{}{}/api/", url.origin().ascii_serialization(), root.trim_end_matches('/'));
        return Err(format!("has the path {}, which is below the API's root: use {root}", url.path()));
    }
    url.set_path(root.unwrap_or(&path).trim_end_matches('/'));
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_in_every_usual_spelling() {
        for text in ["https://w.example.org", "https://w.example.org/", "https://w.example.org/api"] {
            assert_eq!(origin(text).unwrap(), "https://w.example.org");
        }
        assert_eq!(origin(" https://w.example.org/api// ").unwrap(), "https://w.example.org");
        assert_eq!(origin("http://[::1]:8000/sub/api/").unwrap(), "http://[::1]:8000/sub");
        assert_eq!(origin("https://w.example.org/myapi").unwrap(), "https://w.example.org/myapi");
        for text in
            ["https://w.example.org//api/", "https://w.example.org//api//", "HTTPS://W.example.org:443//"]
        {
            assert_eq!(origin(text).unwrap(), "https://w.example.org", "{text}");
        }
        // Deployed below a path, with or without /api. A path of a gateway may be named api, too.
        for (text, root) in [
            ("https://w.example.org/waldur", "https://w.example.org/waldur"),
            ("https://w.example.org/waldur/api", "https://w.example.org/waldur"),
            ("https://w.example.org/a//waldur/api/", "https://w.example.org/a//waldur"),
            ("https://w.example.org/api/waldur/api/", "https://w.example.org/api/waldur"),
            ("https://w.example.org/api-gateway/waldur/", "https://w.example.org/api-gateway/waldur"),
            ("https://w.example.org/api.php/", "https://w.example.org/api.php"),
        ] {
            assert_eq!(origin(text).unwrap(), root, "{text}");
        }
    }

    #[test]
    fn a_path_below_the_root_is_refused() {
        for (text, root) in [
            ("https://w.example.org/api/marketplace-orders/", "https://w.example.org/api/"),
            ("https://w.example.org/api/marketplace-orders", "https://w.example.org/api/"),
            ("http://w.example.org:8000//api//users/me/", "http://w.example.org:8000/api/"),
            ("https://w.example.org/waldur/api/a/", "https://w.example.org/waldur/api/"),
            ("https://w.example.org/api/waldur/", "https://w.example.org/api/"),
            ("https://w.example.org/api/a/api/b/", "https://w.example.org/api/a/api/"),
        ] {
            let problem = origin(text).unwrap_err();
            let path = Url::parse(text).unwrap().path().to_owned();
            assert!(
                problem.ends_with(&format!(": use {root}")) && problem.contains(&path),
                "{text}: {problem}"
            );
        }
    }
}

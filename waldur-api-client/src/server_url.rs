//! The server's URL.

use reqwest::Url;

/// The URL of a server, without `/api` and without a slash at the end.
#[derive(Clone, Debug)]
pub(crate) struct ServerUrl {
    text: String,
    /// The same, parsed once: parsing a host takes longer than all that a call does besides.
    url: Url,
}

impl ServerUrl {
    /// Parses a setting. Problems never repeat user name, password or query.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = root(text)?;
        Ok(Self { text: url.as_str().trim_end_matches('/').to_owned(), url })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether `url` is a URL of this server.
    pub(crate) fn is_of(&self, url: &Url) -> bool {
        self.url.origin() == url.origin()
    }

    /// Returns the URL of `path`, which begins with a slash and may have a query.
    pub(crate) fn with_path(&self, path: &str) -> Url {
        let path = path.split('#').next().unwrap_or_default();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }
}

/// Returns the server's URL without `/api`.
fn root(text: &str) -> Result<Url, String> {
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
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Result<String, String> {
        ServerUrl::parse(text).map(|url| url.as_str().to_owned())
    }

    #[test]
    fn paths_are_below_the_root() {
        for (root, path, expected) in [
            ("https://w.example.org", "/api/users/", "https://w.example.org/api/users/"),
            (
                "https://w.example.org/api/",
                "/api/users/?a=1&b=%20#c",
                "https://w.example.org/api/users/?a=1&b=%20",
            ),
            ("http://[::1]:8000/sub/api/", "/api/a b/", "http://[::1]:8000/sub/api/a%20b/"),
            (
                "https://w.example.org",
                "//other.example.org/a/",
                "https://w.example.org//other.example.org/a/",
            ),
            ("https://w.example.org", "/@other.example.org/", "https://w.example.org/@other.example.org/"),
            ("https://w.example.org", "/a/../b/?c=ä", "https://w.example.org/b/?c=%C3%A4"),
            ("https://w.example.org", "/a#?b", "https://w.example.org/a"),
        ] {
            let url = ServerUrl::parse(root).unwrap().with_path(path);
            assert_eq!(url.as_str(), expected, "{root} {path}");
            // As if the text were parsed.
            let text = format!("{}{path}", ServerUrl::parse(root).unwrap().as_str());
            let mut whole = Url::parse(&text).unwrap();
            whole.set_fragment(None);
            assert_eq!(url, whole);
        }
    }

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

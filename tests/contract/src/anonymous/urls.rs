//! Replacements in addresses: of the server's own objects, and of requests.

use super::Anonymizer;

/// The server of recordings.
const HOST: &str = "https://waldur.example.org";

impl Anonymizer {
    /// Returns the replacement of the address of an object of the server, at any host: a proxy may change it.
    pub(super) fn own_url(&mut self, text: &str) -> Option<String> {
        let path = match text.strip_prefix(self.server.as_str()) {
            Some(path) => path,
            None => {
                let (scheme, rest) = text.split_once("://")?;
                let host = rest.find('/').filter(|_| matches!(scheme, "http" | "https"))?;
                &rest[host..]
            }
        };
        let collection = path.strip_prefix("/api/")?.split(['/', '?']).next()?;
        self.segments.contains(collection).then(|| format!("{HOST}{}", self.path_and_query(path)))
    }

    /// Returns the path with its variable segments replaced, and of the query what selects pages and fields.
    pub(super) fn path_and_query(&mut self, path: &str) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let segments: Vec<String> = path
            .split('/')
            .map(|segment| {
                if segment.is_empty() || self.segments.contains(segment) {
                    segment.to_owned()
                } else {
                    self.text(segment).replace('/', "-")
                }
            })
            .collect();
        let pairs: Vec<String> = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, value)| match name.as_ref() {
                "page" | "page_size" => value.bytes().all(|byte| byte.is_ascii_digit()),
                "field" => self.fields.contains(value.as_ref()),
                _ => false,
            })
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", segments.join("/"), pairs.join("&"))
    }

    /// Returns a header `Link` with its addresses replaced.
    pub(super) fn links(&mut self, header: &str) -> String {
        let mut links = Vec::new();
        for link in header.split('<').skip(1) {
            let Some((target, parameters)) = link.split_once('>') else { continue };
            let relation = ["first", "prev", "next", "last"]
                .into_iter()
                .find(|relation| parameters.contains(&format!("rel=\"{relation}\"")));
            if let (Some(target), Some(relation)) = (self.own_url(target), relation) {
                links.push(format!("<{target}>; rel=\"{relation}\""));
            }
        }
        links.join(", ")
    }
}

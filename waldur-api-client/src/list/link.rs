//! The header `Link` of lists.

use http::header::{HeaderMap, LINK};

/// Returns the query of the link to the next page; `None` if there is no such link.
///
/// Scheme, host and path of the link are ignored, since a proxy may change them. The next page is requested
/// at the address of the first one.
pub(crate) fn next_query(headers: &HeaderMap) -> Option<String> {
    let links = headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
    links.flat_map(links_of).find(|(_, parameters)| is_next(parameters)).map(|(target, _)| {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        query.split('#').next().unwrap_or_default().to_owned()
    })
}

/// Returns whether there is a header `Link`. A list with that header ends at a page without a next link.
pub(crate) fn is_there(headers: &HeaderMap) -> bool {
    headers.contains_key(LINK)
}

/// Returns the targets of a header with their parameters. A target may contain commas and semicolons.
fn links_of(header: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        let end = end_of_parameters(after);
        rest = &after[end..];
        Some((target, &after[..end]))
    })
}

/// Returns the end of the parameters of a link: the next comma that isn't quoted.
fn end_of_parameters(text: &str) -> usize {
    let mut quoted = false;
    text.find(|c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    })
    .unwrap_or(text.len())
}

fn is_next(parameters: &str) -> bool {
    parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        let relations = value.trim().trim_matches('"').split_whitespace();
        name.trim().eq_ignore_ascii_case("rel")
            && relations.into_iter().any(|one| one.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, value.parse().unwrap());
        }
        next_query(&headers)
    }

    #[test]
    fn the_query_of_the_next_page_is_found() {
        let first = r#"<http://w.example.org/api/x/?page=1>; rel="first""#;
        for header in [
            r#"<http://w.example.org/api/x/?a=1,2;3&page=2>; rel="next""#,
            r#"<http://w.example.org/api/x/?a=1,2;3&page=2>; title="a, b"; rel=next"#,
            r#"</x/?a=1,2;3&page=2#top>;REL="last next""#,
            r#"<?a=1,2;3&page=2>; rel="NEXT""#,
        ] {
            assert_eq!(next(&[&format!("{first}, {header}")]).unwrap(), "a=1,2;3&page=2", "{header}");
            assert_eq!(next(&[first, header]).unwrap(), "a=1,2;3&page=2", "{header}");
            assert_eq!(next(&[&format!("{header}, {first}")]).unwrap(), "a=1,2;3&page=2", "{header}");
        }
        assert_eq!(next(&["<https://w.example.org/api/x/>; rel=next"]).unwrap(), "");
    }

    #[test]
    fn no_link_is_no_next_page() {
        for header in
            ["", "<x", "x>; rel=next", r#"<?page=2>; rel="prev""#, "<?page=2>; rel=nextish", "<?a>, rel=next"]
        {
            assert_eq!(next(&[header]), None, "{header}");
        }
        assert_eq!(next(&[]), None);
    }
}

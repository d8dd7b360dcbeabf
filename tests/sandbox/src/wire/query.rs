//! Queries and forms: keys and values as text, as Python writes and reads them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Returns the keys and values of a query or a form.
pub(crate) fn parse_query(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// Returns a form as text.
pub(crate) fn decode_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The characters that a query escapes.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns keys and values as a query.
pub(crate) fn encode_query<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = String::new();
    for (key, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        encode(key, &mut query);
        query.push('=');
        encode(value, &mut query);
    }
    query
}

fn encode(text: &str, query: &mut String) {
    query.extend(utf8_percent_encode(text, ESCAPED).map(|part| if part == "%20" { "+" } else { part }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_and_written_as_python_does() {
        let pairs = parse_query("a=1+2&b=%C3%A4%2C&a=&c&%ZZ=%4");
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1 2"), ("b", "ä,"), ("a", ""), ("c", ""), ("%ZZ", "%4")]);
        assert_eq!(encode_query(pairs), "a=1+2&b=%C3%A4%2C&a=&c=&%25ZZ=%254");
        assert_eq!(encode_query([("k-_.~", "*/:")]), "k-_.~=%2A%2F%3A");
    }
}

//! References to pages: how a list is continued.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::call::Call;
use crate::error::{Error, ErrorKind};

/// The position of a page in a list: from [`Page::next`], for [`ListRequest::resume`]. Its text can be stored
/// and parsed again, also by another process.
///
/// [`Page::next`]: crate::Page::next
/// [`ListRequest::resume`]: crate::ListRequest::resume
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// The id of the list operation.
    pub(super) operation: String,
    /// The whole query of the page.
    pub(super) query: String,
    /// The number of items on the pages before.
    pub(super) received: u64,
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}?{}#{}", self.operation, self.query, self.received)
    }
}

impl FromStr for PageToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = text.split_once('?').and_then(|(operation, rest)| {
            let (query, received) = rest.rsplit_once('#')?;
            Some(Self {
                operation: operation.to_owned(),
                query: query.to_owned(),
                received: received.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| Error::new(ErrorKind::Validation, "this is no page token"))
    }
}

/// Serializes as the text that [`FromStr`] parses.
impl Serialize for PageToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PageToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The reference to a page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum PageRef {
    /// The number of the page.
    Number(u64),
    /// The query of a link that has no page number.
    Query(String),
}

impl fmt::Display for PageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "page {number}"),
            Self::Query(query) => write!(f, "the page at ?{query}"),
        }
    }
}

/// Returns the page that `from` refers to.
///
/// # Errors
/// If it is a page of another operation, or of a list with other filters.
pub(super) fn page_of(from: &PageToken, call: &Call) -> Result<PageRef, String> {
    if from.operation != call.operation().id {
        return Err(format!("the page token is of another list: {}", from.operation));
    }
    let pairs = || form_urlencoded::parse(from.query.as_bytes());
    let Some(number) = pairs().find_map(|(name, value)| (name == "page").then(|| value.parse().ok())?) else {
        return Ok(PageRef::Query(from.query.clone()));
    };
    let pages = |name: &str| matches!(name, "page" | "page_size" | "field");
    let theirs: BTreeSet<_> = pairs().filter(|(name, _)| !pages(name)).collect();
    let own = call.query_string();
    let own: BTreeSet<_> = form_urlencoded::parse(own.as_bytes()).filter(|(name, _)| !pages(name)).collect();
    if theirs == own {
        Ok(PageRef::Number(number))
    } else {
        Err("the page token is of a list with other filters".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_tokens_are_written_and_parsed() {
        let token = PageToken {
            operation: "marketplace_orders_list".into(),
            query: "state=executing&o=a%2Cb&page=3&page_size=300".into(),
            received: 600,
        };
        let text = token.to_string();
        assert_eq!(text, "marketplace_orders_list?state=executing&o=a%2Cb&page=3&page_size=300#600");
        assert_eq!(text.parse::<PageToken>().unwrap(), token);
        let json = serde_json::to_string(&token).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<PageToken>(&json).unwrap(), token);
        assert!(serde_json::from_str::<PageToken>("\"x\"").is_err());
        for text in ["", "x", "x?y", "x?y#", "x#1"] {
            assert!(text.parse::<PageToken>().is_err(), "{text}");
        }
    }
}

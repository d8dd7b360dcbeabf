//! Replacements of texts and numbers. They have the form of the original, so that a type reads both alike.

use std::net::IpAddr;

use chrono::NaiveDate;
use uuid::Uuid;
use waldur_api_client::__private::time;

use super::Anonymizer;

/// The UUIDs of a recording count up from here. The first digit makes sure that none is read as a number.
const FIRST_UUID: u128 = 0xa000_0000_0000_4000_8000_0000_0000_0000;

impl Anonymizer {
    /// Returns the replacement of a text.
    pub(super) fn text(&mut self, text: &str) -> String {
        if let Some(uuid) = self.uuid_text(text) {
            return uuid;
        }
        if matches!(text, "" | "true" | "false") {
            return text.to_owned();
        }
        if is_number(text) {
            return number(text);
        }
        if let Some(time) = replaced_time(text) {
            return time;
        }
        if let Some(url) = self.own_url(text) {
            return url;
        }
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let number = self.texts.len() + 1;
        let replacement = match text.split_once('/').map_or(text, |(address, _)| address).parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => {
                format!("192.0.{}.{}{}", 2 + number / 250 % 250, 1 + number % 250, prefix(text))
            }
            Ok(IpAddr::V6(_)) => format!("2001:db8::{number:x}{}", prefix(text)),
            Err(_) if text.contains("://") => format!("https://replaced.example.org/{number}/"),
            Err(_) if is_email(text) => format!("person-{number}@example.org"),
            Err(_) => format!("text-{number}"),
        };
        self.texts.insert(text.to_owned(), replacement.clone());
        replacement
    }

    /// Returns the replacement of a UUID, with dashes if the text has some.
    pub(super) fn uuid_text(&mut self, text: &str) -> Option<String> {
        let uuid = Uuid::try_parse(text).ok().filter(|_| matches!(text.len(), 32 | 36))?;
        let number = self.uuids.len() as u128 + 1;
        let replacement = if uuid.is_nil() {
            uuid
        } else {
            *self.uuids.entry(uuid).or_insert(Uuid::from_u128(FIRST_UUID + number))
        };
        Some(if text.len() == 32 { replacement.simple().to_string() } else { replacement.to_string() })
    }
}

/// Returns the length of the network that follows an address.
fn prefix(text: &str) -> String {
    text.split_once('/').map_or(String::new(), |(_, length)| format!("/{}", number(length)))
}

fn is_email(text: &str) -> bool {
    text.contains('@') && !text.contains(char::is_whitespace)
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok()
}

/// Returns a number of as many digits, each of which is 1. Zero stays zero.
pub(super) fn number(text: &str) -> String {
    let (digits, exponent) = text.find(['e', 'E']).map_or((text, ""), |at| text.split_at(at));
    let is_zero = !digits.contains(|c: char| ('1'..='9').contains(&c));
    let one = |c: char| if c.is_ascii_digit() && !is_zero { '1' } else { c };
    digits.chars().map(one).chain(exponent.chars()).collect()
}

/// Returns a time of the same spelling, if the text is a date or a time.
fn replaced_time(text: &str) -> Option<String> {
    const DAY: &str = "2000-01-01";
    if text.parse::<NaiveDate>().is_ok() {
        return Some(DAY.to_owned());
    }
    time(text)?;
    let rest = text.get(DAY.len()..)?.chars().map(|c| match c {
        '-' => '+',
        c if c.is_ascii_digit() => '0',
        c => c,
    });
    let replaced = format!("{DAY}{}", rest.collect::<String>());
    Some(if time(&replaced).is_some() { replaced } else { format!("{DAY}T00:00:00Z") })
}

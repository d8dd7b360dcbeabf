//! Wrong settings are refused and named, and tokens are not shown.

use std::ffi::OsString;
use std::time::Duration;

use waldur_api_client::{Client, ClientBuilder, Error, TOKEN_VARIABLE, URL_VARIABLE};

use crate::common::{blank_client_builder, client_builder_at};

const TOKEN: &str = "9d1f0c8b7a6e5d4c3b2a19080706050403020100";

fn from_variables(url: Option<&str>, token: Option<&str>) -> Result<Client, Error> {
    let pick = |name: &str| match name {
        URL_VARIABLE => url.map(OsString::from),
        TOKEN_VARIABLE => token.map(OsString::from),
        _ => None,
    };
    ClientBuilder::from_variables(pick)?.build()
}

#[track_caller]
fn refused(result: Result<Client, Error>, name: &str) {
    let error = result.unwrap_err();
    assert!(error.is_configuration(), "{error}");
    assert!(error.to_string().contains(name), "{error}");
    assert!(!format!("{error} {error:?}").contains(TOKEN), "{error:?}");
}

#[test]
fn wrong_variables_are_named() {
    let url = Some("https://waldur.example.org/api/");
    from_variables(url, Some(TOKEN)).unwrap();
    refused(from_variables(None, Some(TOKEN)), URL_VARIABLE);
    for wrong in [
        "",
        " ",
        "waldur.example.org",
        "ftp://waldur.example.org",
        "https://u:p@waldur.example.org",
        "https://",
        "https://waldur.example.org/?a=b",
        "https://waldur.example.org/api/marketplace-orders/",
    ] {
        refused(from_variables(Some(wrong), Some(TOKEN)), URL_VARIABLE);
    }
    refused(from_variables(url, None), TOKEN_VARIABLE);
    for wrong in ["", "  ", "ä", "Token 9d1f0c8b7a6e5d4c3b2a19080706050403020100", "a\nb"] {
        refused(from_variables(url, Some(wrong)), TOKEN_VARIABLE);
    }
}

#[test]
fn wrong_fields_are_named() {
    let good = || client_builder_at("https://waldur.example.org", TOKEN);
    good().build().unwrap();
    refused(blank_client_builder().token(TOKEN).build(), "url");
    refused(blank_client_builder().url("https://waldur.example.org").build(), "token");
    refused(good().url("nonsense").build(), "url");
    refused(good().token("").build(), "token");
    refused(good().bulk_concurrency(0).build(), "bulk_concurrency");
    refused(good().timeout(Duration::ZERO).build(), "timeout");
    refused(good().connect_timeout(Duration::ZERO).build(), "connect_timeout");
}

#[test]
fn the_token_is_shown_nowhere() {
    let builder = client_builder_at("https://waldur.example.org", TOKEN);
    assert!(!format!("{builder:?}").contains(TOKEN));
    let client = builder.build().unwrap();
    assert!(!format!("{client:?} {client:#?}").contains(TOKEN));
}

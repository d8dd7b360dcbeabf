//! The mutations.

use http::{HeaderName, Method, header};
use serde_json::{Value, json};

use crate::mutations::sent::Sent;
use crate::mutations::{Mutation, OUTCOME};

const ORDERS: &str = "GET marketplace-orders/";
const COUNT: &str = "HEAD marketplace-orders/";
const APPROVE: &str = "POST marketplace-orders/*/approve_by_provider/";
const SET_DONE: &str = "POST marketplace-orders/*/set_state_done/";
const SET_ERRED: &str = "POST marketplace-orders/*/set_state_erred/";
const INFO: &str = "POST marketplace-orders/*/set_provider_info/";
const RESOURCES: &str = "GET marketplace-provider-resources/";
const RESOURCE: &str = "GET marketplace-provider-resources/*/";
const BACKEND_ID: &str = "POST marketplace-provider-resources/*/set_backend_id/";
const REPORT: &str = "POST marketplace-provider-resources/*/submit_report/";
const SET_USAGE: &str = "POST marketplace-component-usages/set_usage/";
const ACCOUNTS: &str = "POST marketplace-offering-users/";
const ACCOUNT: &str = "PATCH marketplace-offering-users/*/";
const ME: &str = "GET users/me/";

const fn one(name: &'static str, at: &'static str, change: fn(&mut Sent), seen: &'static str) -> Mutation {
    Mutation { name, at, change, seen }
}

/// The mutations: name, requests, change, and where it is detected.
pub(crate) const MUTATIONS: &[Mutation] = &[
    // The path, the method, the headers.
    one("no slash at the end", APPROVE, |r| r.path.truncate(r.path.len() - 1), "path"),
    one("no slash at the end", ORDERS, |r| r.path.truncate(r.path.len() - 1), "path"),
    one("two slashes at the end", SET_DONE, |r| r.path.push('/'), "path"),
    one("a version before the path", SET_USAGE, |r| r.replace_path("/api/", "/api/v1/"), "path"),
    one("no /api before the path", RESOURCES, |r| r.replace_path("/api/", "/"), "path"),
    one("the consumer's view", RESOURCES, |r| r.replace_path("-provider-", "-"), OUTCOME),
    one(
        "the guide's address of a back-end id",
        BACKEND_ID,
        |r| r.replace_path("/set_backend_id/", "/"),
        "path",
    ),
    one("an action of the other side", APPROVE, |r| r.replace_path("by_provider", "by_consumer"), OUTCOME),
    one("the action before", SET_DONE, |r| r.replace_path("set_state_done", "set_state_executing"), OUTCOME),
    one("a uuid with a digit less", APPROVE, Sent::spoil_uuid, "path.uuid"),
    one("a uuid with a digit less", RESOURCE, Sent::spoil_uuid, "path.uuid"),
    one("PUT for POST", APPROVE, |r| r.method = Method::PUT, "path"),
    one("GET for POST", SET_DONE, |r| r.method = Method::GET, "path"),
    one("POST for PATCH", ACCOUNT, |r| r.method = Method::POST, "path"),
    one("Bearer for Token", ORDERS, |r| r.set_scheme("Bearer "), OUTCOME),
    one("no word before the token", ORDERS, |r| r.set_scheme(""), OUTCOME),
    one("no token", SET_USAGE, |r| r.drop_header("authorization"), OUTCOME),
    one(
        "an answer that servers don't give",
        ORDERS,
        |r| r.set_header(header::ACCEPT, "application/xml"),
        OUTCOME,
    ),
    one("no user to impersonate", ME, |r| r.drop_header("x-impersonated-user-uuid"), OUTCOME),
    one(
        "a user to impersonate by name",
        ME,
        |r| r.set_header(HeaderName::from_static("x-impersonated-user-uuid"), "alice"),
        OUTCOME,
    ),
    one(
        "a body that says it is a text",
        SET_USAGE,
        |r| r.set_header(header::CONTENT_TYPE, "text/plain"),
        "content-type",
    ),
    one("a body that doesn't say what it is", SET_ERRED, |r| r.drop_header("content-type"), "content-type"),
    one(
        "a form where only JSON is taken",
        BACKEND_ID,
        |r| {
            r.set_header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            r.set_body("backend_id=back-end-17");
        },
        "content-type",
    ),
    // The query.
    one("states with a comma", ORDERS, |r| r.join_query("state"), "query.state"),
    one("fields with a comma", ORDERS, |r| r.join_query("field"), "query.field"),
    one("a state in capitals", ORDERS, |r| r.change_query("state", str::to_uppercase), "query.state"),
    one("a state in small letters", RESOURCES, |r| r.change_query("state", str::to_lowercase), "query.state"),
    one(
        "a state by another name",
        ORDERS,
        |r| r.change_query("state", |s| s.replace('-', " ")),
        "query.state",
    ),
    one("no state", ORDERS, |r| r.drop_query("state"), OUTCOME),
    one("no state", RESOURCES, |r| r.drop_query("state"), OUTCOME),
    one(
        "the state after",
        ORDERS,
        |r| r.change_query("state", |s| s.replace("pending-provider", "executing")),
        OUTCOME,
    ),
    one("a state that isn't asked for", ORDERS, |r| r.add_query("state", "done"), OUTCOME),
    one("one of the states", ORDERS, |r| r.change_query("state", |_| "executing".to_owned()), OUTCOME),
    one("a filter by a name that isn't one", ORDERS, |r| r.rename_query("state", "states"), "query.states"),
    one("a filter by another name", ORDERS, |r| r.rename_query("provider_uuid", "customer_uuid"), OUTCOME),
    one(
        "a filter by an address",
        ORDERS,
        |r| r.change_query("offering_uuid", |s| format!("/api/{s}/")),
        "query.offering_uuid",
    ),
    one(
        "a repeated key where a comma is due",
        RESOURCES,
        |r| r.split_query("offering_uuid"),
        "query.offering_uuid",
    ),
    one("an order with a repeated key", RESOURCES, |r| r.split_query("o"), "query.o"),
    one(
        "an order by what there isn't",
        RESOURCES,
        |r| r.change_query("o", |_| "title".to_owned()),
        "query.o",
    ),
    one("another order", RESOURCES, |r| r.change_query("o", |s| s.replace('-', "")), OUTCOME),
    one(
        "no fields but one that there isn't",
        RESOURCE,
        |r| r.change_query("field", |_| "id".to_owned()),
        "query.field",
    ),
    one("a misspelt field", ORDERS, |r| r.change_query("field", |s| s.replace("uuid", "uid")), "query.field"),
    one("a field less", ORDERS, |r| r.query.retain(|(_, value)| value != "offering_uuid"), OUTCOME),
    one("fields under another key", RESOURCES, |r| r.rename_query("field", "fields"), "query.fields"),
    one(
        "a size of a page that is no number",
        ORDERS,
        |r| r.change_query("page_size", |_| "abc".to_owned()),
        "query.page_size",
    ),
    one("a page before the first", ORDERS, |r| r.change_query("page", |s| format!("-{s}")), OUTCOME),
    one("the first page again", ORDERS, |r| r.change_query("page", |_| "1".to_owned()), OUTCOME),
    one("a parameter that there isn't", RESOURCES, |r| r.add_query("limit", "10"), "query.limit"),
    one("a parameter twice", ORDERS, |r| r.add_query("page", "1"), "query.page"),
    one(
        "a day where a time is due",
        COUNT,
        |r| r.change_query("created", |s| s[..10].to_owned()),
        "query.created",
    ),
    one(
        "a time in seconds",
        COUNT,
        |r| r.change_query("created", |_| "1700000000".to_owned()),
        "query.created",
    ),
    // The body.
    one("a renamed field", SET_USAGE, |r| r.rename("/usages/0", "amount", "amont"), "$.usages[0].amont"),
    one("a renamed field", BACKEND_ID, |r| r.rename("", "backend_id", "backendId"), "$.backendId"),
    one("a renamed list", SET_USAGE, |r| r.rename("", "usages", "usage"), "$.usage"),
    one("no type of a component", SET_USAGE, |r| r.drop_field("/usages/0", "type"), "$.usages[0].type"),
    one("no reason", SET_ERRED, |r| r.drop_field("", "error_message"), OUTCOME),
    one("another field", SET_USAGE, |r| r.change("", |body| body["unit"] = json!("hours")), "$.unit"),
    one(
        "the name of a component for its type",
        SET_USAGE,
        |r| r.change("/usages/0/type", |value| *value = json!("CPU hours")),
        OUTCOME,
    ),
    one(
        "an amount with three decimals",
        SET_USAGE,
        |r| r.change("/usages/0/amount", |value| *value = json!("0.301")),
        "$.usages[0].amount",
    ),
    one(
        "an amount as the sum of floats",
        SET_USAGE,
        |r| r.change("/usages/0/amount", |value| *value = json!(0.1 + 0.2)),
        "$.usages[0].amount",
    ),
    one(
        "a number for a text",
        BACKEND_ID,
        |r| r.change("/backend_id", |value| *value = json!(17)),
        "$.backend_id",
    ),
    one(
        "null for a text",
        BACKEND_ID,
        |r| r.change("/backend_id", |value| *value = Value::Null),
        "$.backend_id",
    ),
    one(
        "a text for a yes or no",
        SET_USAGE,
        |r| r.change("/usages/0/recurring", |value| *value = json!("false")),
        "$.usages[0].recurring",
    ),
    one(
        "an object for a list",
        REPORT,
        |r| r.change("/report", |value| *value = value[0].take()),
        "$.report",
    ),
    one("an empty list", REPORT, |r| r.change("/report", |value| *value = json!([])), OUTCOME),
    one("a list for an object", SET_USAGE, |r| r.change("", |body| *body = json!([body.take()])), "$"),
    one(
        "a uuid with a digit less",
        SET_USAGE,
        |r| {
            r.change("/resource", |value| *value = json!(value.as_str().unwrap()[1..]));
        },
        "$.resource",
    ),
    one(
        "an address for a uuid",
        SET_USAGE,
        |r| {
            r.change("/resource", |value| *value = json!(format!("/api/{}/", value.as_str().unwrap())));
        },
        "$.resource",
    ),
    one("a uuid for an address", ACCOUNTS, |r| r.shorten_to_uuid("/user"), "$.user"),
    one(
        "the address of the public offering",
        ACCOUNTS,
        |r| {
            r.change("/offering", |value| {
                *value = json!(value.as_str().unwrap().replace("-provider-", "-public-"))
            });
        },
        OUTCOME,
    ),
    one(
        "a day as people write it",
        SET_USAGE,
        |r| {
            r.change("/date", |value| *value = json!("15.01.2020"));
        },
        "$.date",
    ),
    one(
        "the month before",
        SET_USAGE,
        |r| r.change("/date", |value| *value = json!("2020-01-15T00:00:00Z")),
        OUTCOME,
    ),
    one("a body of nothing", SET_ERRED, |r| r.set_body("{}"), OUTCOME),
    one("no body", SET_USAGE, |r| r.set_body(""), "$"),
    one(
        "a body twice over",
        SET_USAGE,
        |r| {
            let twice = [&*r.body, &*r.body].concat();
            r.set_body(twice);
        },
        "$",
    ),
    one(
        "half a body",
        BACKEND_ID,
        |r| {
            let half = r.body.slice(..r.body.len() / 2);
            r.set_body(half);
        },
        "$",
    ),
    // The parts of an upload.
    one("a renamed part", INFO, |r| r.replace_in_body("\"provider_message\"", "\"message\""), "$.message"),
    one(
        "a file without a name",
        INFO,
        |r| r.replace_in_body("; filename=\"contract.pdf\"", ""),
        "$.provider_message_attachment",
    ),
    one(
        "a file for a text",
        INFO,
        |r| r.replace_in_body("name=\"provider_message\"", "name=\"provider_message\"; filename=\"a\""),
        "$.provider_message",
    ),
    one(
        "another boundary",
        INFO,
        |r| r.set_header(header::CONTENT_TYPE, "multipart/form-data; boundary=another"),
        "$",
    ),
    // The number.
    one("everything twice", APPROVE, |r| r.times = 2, OUTCOME),
    one("everything twice", ACCOUNTS, |r| r.times = 2, OUTCOME),
];

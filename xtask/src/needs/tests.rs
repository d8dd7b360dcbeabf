//! The rule: after a schema is adapted, what the sources use of it is exactly what it was.

use serde_json::{Value, json};

use super::names::Names;
use super::{STAND_IN, adapt, extract};
use crate::document::{ref_to, schemas_mut};

/// What the sources of these tests say.
const SOURCES: &str = "
    fn f(client: &Client) {
        client.things_list().state([ThingState::Done]).send();
        client.things_create().body(ThingRequest::builder().name(\"x\").size(1)).send();
        let call: builder::ThingsClose = client.close(query);
        (thing.state, thing.type_)
    }
";

fn names(code: &str) -> Names {
    let mut names = Names::default();
    names.add(code.parse().unwrap());
    names
}

fn with(schema: &Value) -> Value {
    json!({"content": {"application/json": {"schema": schema}}})
}

fn an_enum(name: &str, texts: &[&str]) -> Value {
    let mut schema = crate::passes::enum_type(name);
    schema["x-enum"] = json!(texts);
    schema
}

/// A normalised schema.
fn document() -> Value {
    let query = |name: &str, schema: Value| json!({"in": "query", "name": name, "schema": schema});
    let list = |of: &str| json!({"type": "array", "items": ref_to(of)});
    let uuid = json!({"in": "path", "name": "uuid", "required": true, "schema": {"type": "string"}});
    json!({
        "openapi": "3.0.3", "info": {"version": "1.0.0"},
        "paths": {
            "/things/": {
                "get": {
                    "operationId": "things_list", "tags": ["things"], "security": [{"t": []}],
                    "parameters": [
                        query("state", list("ThingState")), query("field", list("ThingFieldEnum")),
                        query("color", json!({"type": "string"})), {"$ref": "#/components/parameters/Page"}],
                    "responses": {"2XX": with(&list("Thing"))},
                },
                "post": {
                    "operationId": "things_create",
                    "requestBody": with(&ref_to("ThingRequest")), "responses": {"2XX": with(&ref_to("Thing"))},
                },
            },
            "/things/{uuid}/close/": {"post": {
                "operationId": "things_close", "parameters": [uuid], "responses": {"2XX": {}},
            }},
            "/query/": {"get": {"operationId": "query", "responses": {"2XX": {}}}},
            "/other/": {"post": {
                "operationId": "other_create", "requestBody": with(&ref_to("OtherRequest")),
                "responses": {"2XX": with(&ref_to("Other"))},
            }},
        },
        "components": {
            "parameters": {"Page": {"in": "query", "name": "page", "schema": {"type": "integer"}}},
            "schemas": {
                "Thing": {"type": "object", "properties": {
                    "state": ref_to("ThingState"), "type": {"type": "string"}, "color": {"type": "string"}}},
                "ThingRequest": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "size": {"type": "integer"}, "color": {"type": "string"}}},
                "ThingState": an_enum("ThingState", &["new", "done"]),
                "ThingFieldEnum": an_enum("ThingFieldEnum", &["state", "type"]),
                "Other": {"type": "object", "properties": {"state": {"type": "string"}}},
                "OtherRequest": {"type": "object", "properties": {"name": {"type": "string"}}},
            },
        },
    })
}

#[test]
fn what_the_sources_name_is_needed_and_nothing_else() {
    let needs = extract::extract(&document(), &names(SOURCES));
    let ids: Vec<String> = crate::document::operations(&needs).map(|operation| operation.id()).collect();
    assert_eq!(ids, ["things_list", "things_create", "things_close"]);
    let list = &needs["paths"]["/things/"]["get"];
    let parameters: Vec<&str> =
        list["parameters"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(parameters, ["field", "page", "state"], "a list is one by its page and fields");
    assert!(list.get("security").is_none() && list["tags"] == json!(["things"]));
    assert_eq!(
        needs["components"]["schemas"],
        json!({
            "Thing": {"type": "object", "properties": {"state": ref_to("ThingState"), "type": {"type": "string"}}},
            "ThingRequest": {"type": "object", "x-sent": true, "required": ["name"], "properties": {
                "name": {"type": "string"}, "size": {"type": "integer"}}},
            "ThingState": an_enum("ThingState", &["done"]),
            "ThingFieldEnum": an_enum("ThingFieldEnum", &[]),
        })
    );
    assert_eq!(extract::extract(&document(), &Names::default()), extract::nothing());
    let needs = extract::extract(&document(), &names("client.things_create()"));
    assert_eq!(
        needs["components"]["schemas"]["Thing"],
        document()["components"]["schemas"]["Thing"],
        "a model whose fields nobody names has them all"
    );
}

#[test]
fn the_schema_that_the_needs_were_made_from_stays_as_it_is() {
    let mut document = document();
    let needs = extract::extract(&document, &names(SOURCES));
    assert_eq!(adapt(&mut document, &needs).unwrap(), Vec::<String>::new());
    assert_eq!(document, self::document());
}

/// Renames a component wherever it is referred to.
fn rename(document: &mut Value, old: &str, new: &str) {
    let quoted = |name: &str| [format!("/{name}\""), format!("\"{name}\":"), format!("::{name}\"")];
    let mut text = document.to_string();
    for (old, new) in quoted(old).iter().zip(quoted(new)) {
        text = text.replace(old, &new);
    }
    *document = serde_json::from_str(&text).unwrap();
}

fn remove(document: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.remove(&key.replace("~1", "/")).unwrap()),
        Value::Array(list) => drop(list.remove(key.parse().unwrap())),
        _ => panic!("{pointer} is in neither"),
    }
}

/// Has the operation that closes things at another path, whose parameter is `id`.
fn rename_path(document: &mut Value, path: &str) {
    let mut item = document["paths"]["/things/{uuid}/close/"].take();
    remove(document, "/paths/~1things~1{uuid}~1close~1");
    item["post"]["parameters"][0]["name"] = json!("id");
    document["paths"][path] = item;
}

type Mutation = (&'static str, fn(&mut Value));

/// What a schema may have otherwise, with the line that tells it.
const MUTATIONS: [Mutation; 23] = [
    ("model ThingState: called StateOfThings", |it| rename(it, "ThingState", "StateOfThings")),
    ("model Thing: called ThingDetails", |it| rename(it, "Thing", "ThingDetails")),
    ("model ThingRequest: called thing_request", |it| rename(it, "ThingRequest", "thing_request")),
    ("operation things_close: called things_shut", |it| {
        it["paths"]["/things/{uuid}/close/"]["post"]["operationId"] = json!("things_shut");
    }),
    ("operation things_close: not in the schema", |it| remove(it, "/paths/~1things~1{uuid}~1close~1")),
    ("operation things_close: has the path /things/{id}/close/", |it| {
        rename_path(it, "/things/{id}/close/");
    }),
    ("operation things_list: lacks the parameter state", |it| {
        remove(it, "/paths/~1things~1/get/parameters/0");
    }),
    ("operation things_list: the parameter state is declared otherwise", |it| {
        it["paths"]["/things/"]["get"]["parameters"][0]["schema"] = json!({"type": "string"});
    }),
    ("operation things_list: the parameter state is declared otherwise", |it| {
        it["components"]["schemas"]["ThingsListStateEnum"] = an_enum("ThingsListStateEnum", &["done"]);
        it["paths"]["/things/"]["get"]["parameters"][0]["schema"]["items"] = ref_to("ThingsListStateEnum");
    }),
    ("operation things_list: the parameter page is declared otherwise", |it| {
        it["components"]["parameters"]["Page"]["schema"] = json!({"type": "string"});
    }),
    ("operation things_create: the body is declared otherwise", |it| {
        it["paths"]["/things/"]["post"]["requestBody"]["required"] = json!(true);
    }),
    ("operation things_create: the body is declared otherwise", |it| {
        remove(it, "/paths/~1things~1/post/requestBody");
    }),
    ("operation things_create: the answer is declared otherwise", |it| {
        it["paths"]["/things/"]["post"]["responses"]["2XX"] = json!({});
    }),
    ("operation things_close: the answer is declared otherwise", |it| {
        it["paths"]["/things/{uuid}/close/"]["post"]["responses"]["2XX"] = with(&ref_to("Thing"));
    }),
    ("enum ThingState: lacks \"done\"", |it| {
        it["components"]["schemas"]["ThingState"]["x-enum"] = json!(["new", "newer"]);
    }),
    ("model Thing: lacks state", |it| remove(it, "/components/schemas/Thing/properties/state")),
    ("model Thing: type is declared otherwise", |it| {
        it["components"]["schemas"]["Thing"]["properties"]["type"] = json!({"type": "integer"});
    }),
    ("model ThingRequest: name is declared otherwise", |it| {
        remove(it, "/components/schemas/ThingRequest/required");
    }),
    ("model ThingRequest: size is declared otherwise", |it| {
        it["components"]["schemas"]["ThingRequest"]["required"] = json!(["name", "size"]);
    }),
    ("model ThingState: is something else, which is now ThingState2", |it| {
        it["components"]["schemas"]["ThingState"] = json!({"type": "object", "properties": {}});
    }),
    ("model Thing: is something else, which is now Thing2", |it| {
        it["paths"]["/things/"]["post"]["responses"]["2XX"] = json!({});
        it["paths"]["/things/"]["get"]["responses"]["2XX"] = json!({});
        it["paths"]["/other/"]["post"]["requestBody"] = with(&ref_to("Thing"));
    }),
    ("operation things_create: multipart is declared otherwise", |_| {}),
    ("model Thing: holds more than it declares", |_| {}),
];

#[test]
fn whatever_a_schema_has_otherwise_the_sources_find_what_they_need() {
    for (line, mutate) in MUTATIONS {
        let mut base = document();
        if line.contains("multipart") {
            base["paths"]["/things/"]["post"]["x-multipart"] = json!(true);
        }
        if line.contains("holds more") {
            base["components"]["schemas"]["Thing"]["x-additional"] = json!(true);
        }
        let needs = extract::extract(&base, &names(SOURCES));
        let mut document = document();
        mutate(&mut document);
        let lines = adapt(&mut document, &needs).unwrap();
        assert!(lines.iter().any(|found| found == line), "{line:?} is not in {lines:?}");
        assert_eq!(extract::extract(&document, &names(SOURCES)), needs, "{line}");
        assert_eq!(adapt(&mut document, &needs).unwrap(), Vec::<String>::new(), "{line}: again");
    }
}

#[test]
fn what_a_schema_has_more_stays() {
    let needs = extract::extract(&document(), &names(SOURCES));
    let mut document = document();
    document["paths"]["/new/"] = json!({"get": {"operationId": "new_list", "responses": {"2XX": {}}}});
    document["paths"]["/things/"]["get"]["parameters"]
        .as_array_mut()
        .unwrap()
        .push(json!({"in": "query", "name": "new", "required": true, "schema": {"type": "string"}}));
    document["components"]["schemas"]["Thing"]["properties"]["new"] = json!({"type": "string"});
    document["components"]["schemas"]["ThingState"]["x-enum"] = json!(["new", "done", "newer"]);
    let before = document.clone();
    assert_eq!(adapt(&mut document, &needs).unwrap(), Vec::<String>::new());
    assert_eq!(document, before);
}

#[test]
fn an_operation_that_is_not_in_the_schema_is_marked_and_brings_its_models() {
    let needs = extract::extract(&document(), &names(SOURCES));
    let mut document = document();
    remove(&mut document, "/paths/~1things~1/post");
    remove(&mut document, "/components/schemas/ThingRequest");
    let lines = adapt(&mut document, &needs).unwrap();
    assert_eq!(
        lines,
        ["operation things_create: not in the schema", "model ThingRequest: not in the schema"]
    );
    assert_eq!(document["paths"]["/things/"]["post"][STAND_IN], true);
    assert!(schemas_mut(&mut document).unwrap()["ThingRequest"].get("x-sent").is_none());
}

#[test]
fn what_can_not_be_adapted_is_an_error_that_names_it() {
    let needs = extract::extract(&document(), &names(SOURCES));
    let mut document = document();
    rename_path(&mut document, "/close-things/{id}/");
    let error = adapt(&mut document, &needs).unwrap_err().to_string();
    assert_eq!(
        error,
        "1.0.0 can't be pinned, because the workspace would not compile: things_close has the path \
         /close-things/{id}/, and is called as /things/{uuid}/close/. Adapt the sources, then openapi/needs.json"
    );
}

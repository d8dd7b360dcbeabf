//! The workspace compiles with any pin: whatever an older or a newer schema has otherwise, the generated code
//! has all that the sources use, with the same types. `cargo xtask pins` shows the same of published schemas,
//! by compiling.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

mod api;
#[path = "../../../tests/repository/mod.rs"]
mod repository;

use std::path::Path;

use repository::Repository;
use serde_json::{Map, Value, json};
use waldur_api_codegen::document::{schemas_mut, used};

const XTASK: &str = env!("CARGO_BIN_EXE_xtask-regen");

/// Reads a file of `openapi/`.
fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn needs() -> Value {
    serde_json::from_str(&file("needs.json")).unwrap()
}

/// Drops the models that no operation leads to.
fn drop_unused(document: &mut Value) {
    let used = used(document);
    schemas_mut(document).unwrap().retain(|name, _| used.contains(name));
}

/// Returns the pin with the operations only that are needed, which takes a tenth of the time.
fn schema() -> Value {
    let mut document: Value = serde_json::from_str(&file("waldur.json")).unwrap();
    let needs = needs();
    let paths = document["paths"].as_object_mut().unwrap();
    for (path, item) in paths.iter_mut() {
        item.as_object_mut().unwrap().retain(|method, _| needs["paths"][path].get(method).is_some());
    }
    paths.retain(|_, item| item.as_object().is_some_and(|item| !item.is_empty()));
    drop_unused(&mut document);
    document
}

/// Pins `schema` in a repository with the needs of this one. Returns what `regen` reports and the normalised
/// schema.
fn pin(schema: &Value) -> (String, Value) {
    let repository = Repository::new(&schema.to_string());
    for name in ["needs.json", "features.toml"] {
        repository.write(&format!("openapi/{name}"), &file(name));
    }
    let report = repository.succeeds(&["regen", "--from", "schema.yaml"]);
    (report, serde_json::from_str(&repository.read("waldur-api-client/schema/waldur.json")).unwrap())
}

/// Fails where the code of `normalised` lacks something of what the needs generate.
fn has_all_that_is_needed(normalised: &Value) {
    let mut needs = needs();
    needs["openapi"] = json!("3.0.3");
    needs["info"] = json!({"version": "0.0.0"});
    drop_unused(&mut needs);
    let generated = |document: &Value| api::of(&waldur_api_codegen::client_code(document).unwrap());
    let (needed, made) = (generated(&needs), generated(normalised));
    assert!(needed.len() > 2000, "{} things are needed", needed.len());
    let lacking: Vec<&String> = needed.difference(&made).collect();
    assert!(
        lacking.is_empty(),
        "{} of {}: {:#?}",
        lacking.len(),
        needed.len(),
        &lacking[..lacking.len().min(20)]
    );
}

fn operation<'a>(schema: &'a mut Value, id: &str) -> &'a mut Value {
    let paths = schema["paths"].as_object_mut().unwrap();
    let found = paths.values_mut().flat_map(|item| item.as_object_mut().unwrap().values_mut());
    found.into_iter().find(|operation| operation["operationId"] == id).unwrap()
}

fn parameter<'a>(schema: &'a mut Value, id: &str, name: &str) -> &'a mut Value {
    let all = operation(schema, id)["parameters"].as_array_mut().unwrap();
    all.iter_mut().find(|parameter| parameter["name"] == name).unwrap()
}

fn model<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
    schemas_mut(schema).unwrap().get_mut(name).unwrap()
}

/// Renames a component wherever it is referred to.
fn rename(schema: &mut Value, old: &str, new: &str) {
    let renamed = schema
        .to_string()
        .replace(&format!("/{old}\""), &format!("/{new}\""))
        .replace(&format!("\"{old}\":"), &format!("\"{new}\":"));
    *schema = serde_json::from_str(&renamed).unwrap();
}

#[test]
fn an_older_schema_lacks_operations_and_declares_the_values_of_filters_in_place() {
    let mut schema = schema();
    schema["info"]["version"] = json!("7.9.0");
    for item in schema["paths"].as_object_mut().unwrap().values_mut() {
        item.as_object_mut().unwrap().retain(|_, operation| {
            operation["operationId"] != "marketplace_component_usages_set_user_usages"
        });
    }
    // As older schemas do, each filter of an enum has its values itself, sorted.
    let enums: Map<String, Value> = schemas_mut(&mut schema)
        .unwrap()
        .iter()
        .filter(|(_, schema)| schema["enum"].is_array())
        .map(|(name, schema)| (name.clone(), schema.clone()))
        .collect();
    let mut in_place = 0;
    for item in schema["paths"].as_object_mut().unwrap().values_mut() {
        for operation in item.as_object_mut().unwrap().values_mut() {
            for parameter in
                operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
            {
                let Some(mut slot) = parameter.get_mut("schema") else { continue };
                if slot.get("items").is_some() {
                    slot = &mut slot["items"];
                }
                let name = slot["$ref"].as_str().and_then(|path| path.rsplit('/').next());
                if let Some(found) = name.and_then(|name| enums.get(name)) {
                    let mut found = found.clone();
                    found["enum"]
                        .as_array_mut()
                        .unwrap()
                        .sort_by_key(|text| text.as_str().map(str::to_owned));
                    *slot = found;
                    in_place += 1;
                }
            }
        }
    }
    assert!(in_place > 50, "{in_place} filters");
    drop_unused(&mut schema);
    rename(&mut schema, "OrderState", "OrderStateEnum");
    rename(&mut schema, "OrderDetails", "OrderInformation");
    model(&mut schema, "OrderErrorDetailsRequest")["properties"]
        .as_object_mut()
        .unwrap()
        .remove("error_traceback");
    model(&mut schema, "ResourceSetLimitsRequest").as_object_mut().unwrap().remove("required");
    model(&mut schema, "ResourceState")["enum"].as_array_mut().unwrap().retain(|text| text != "Erred");
    operation(&mut schema, "marketplace_orders_set_state_erred")["requestBody"]["required"] = json!(true);

    let (report, normalised) = pin(&schema);
    for line in [
        "  operation marketplace_component_usages_set_user_usages: not in the schema\n",
        "  model ComponentUserUsageBulkCreateRequest: not in the schema\n",
        "  model OrderState: called OrderStateEnum\n",
        "  model OrderDetails: called OrderInformation\n",
        "  model OrderErrorDetailsRequest: lacks error_traceback\n",
        "  model ResourceSetLimitsRequest: limits is declared otherwise\n",
        "  enum ResourceState: lacks \"Erred\"\n",
        "  operation marketplace_orders_set_state_erred: the body is declared otherwise\n",
    ] {
        assert!(report.contains(line), "{line:?} is not in {report}");
    }
    let mut lines = report.lines();
    let times = lines.find_map(|line| line.strip_prefix("pass: filters that take the enum of a model: "));
    assert!(times.unwrap().parse::<usize>().unwrap() > 15, "{times:?}");
    has_all_that_is_needed(&normalised);
}

#[test]
fn a_newer_schema_has_more_and_names_things_anew() {
    let mut schema = schema();
    schema["info"]["version"] = json!("9.0.0");
    schema["paths"]["/api/new-things/"] = json!({"get": {
        "operationId": "new_things_list", "tags": ["new-things"], "responses": {"200": {}},
    }});
    operation(&mut schema, "marketplace_orders_set_state_done")["operationId"] =
        json!("marketplace_orders_complete");
    operation(&mut schema, "marketplace_orders_list")["parameters"]
        .as_array_mut()
        .unwrap()
        .push(json!({"in": "query", "name": "new", "required": true, "schema": {"type": "string"}}));
    *parameter(&mut schema, "marketplace_orders_list", "state") =
        json!({"in": "query", "name": "state", "schema": {"type": "string"}});
    rename(&mut schema, "RequestTypes", "OrderTypeEnum");
    model(&mut schema, "ResourceState")["enum"].as_array_mut().unwrap().push(json!("Hibernating"));
    let limits = model(&mut schema, "ResourceSetLimitsRequest");
    limits["properties"]["reason"] = json!({"type": "string"});
    limits["required"] = json!(["limits", "reason"]);
    let usage = model(&mut schema, "ComponentUsageItemRequest");
    usage["properties"]["amount"] = json!({"type": "integer"});

    let (report, normalised) = pin(&schema);
    for line in [
        "  operation marketplace_orders_set_state_done: called marketplace_orders_complete\n",
        "  operation marketplace_orders_list: the parameter state is declared otherwise\n",
        "  model RequestTypes: called OrderTypeEnum\n",
        "  model ComponentUsageItemRequest: amount is declared otherwise\n",
    ] {
        assert!(report.contains(line), "{line:?} is not in {report}");
    }
    has_all_that_is_needed(&normalised);
    let made = api::of(&waldur_api_codegen::client_code(&normalised).unwrap());
    for new in ["ResourceState::Hibernating", "ResourceSetLimitsRequest::reason", "NewThingsList"] {
        assert!(made.iter().any(|thing| thing.contains(new)), "{new} is not generated");
    }
}

#[test]
fn a_schema_that_the_workspace_can_not_be_built_on_is_refused_before_anything_is_written() {
    let mut schema = schema();
    let path = "/api/marketplace-orders/{uuid}/set_state_done/";
    let mut item = schema["paths"].as_object_mut().unwrap().remove(path).unwrap();
    item["post"]["parameters"][0]["name"] = json!("id");
    schema["paths"]["/api/marketplace-orders/done/{id}/"] = item;
    let repository = Repository::new(&schema.to_string());
    for name in ["needs.json", "features.toml"] {
        repository.write(&format!("openapi/{name}"), &file(name));
    }
    repository.refuses(
        &["regen", "--from", "schema.yaml"],
        &["can't be pinned, because the workspace would not compile: marketplace_orders_set_state_done has the path"],
    );
}

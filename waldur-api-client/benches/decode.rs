//! Reading a page of 300 orders leniently, against the same page read strictly by derived code. The two are run in
//! turn, so that their ratio holds on a machine whose speed drifts:
//!
//! ```sh
//! cargo bench -p waldur-api-client --bench decode
//! ```

use std::collections::HashMap;
use std::hint::black_box;
use std::time::Instant;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use uuid::Uuid;
use waldur_api_client::__private::decode;
use waldur_api_client::Decimal;
use waldur_api_client::types::{BillingUnit, OrderDetails, OrderState, RequestTypes};

const ORDERS: usize = 300;
const ROUNDS: usize = 200;

/// `OrderDetails` as a program would write it that takes the schema at its word.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "read, and that is all")]
struct StrictOrder {
    activation_price: Option<Decimal>,
    attachment: Option<String>,
    attributes: Option<Value>,
    backend_id: Option<String>,
    callback_url: Option<String>,
    can_terminate: Option<bool>,
    category_icon: Option<String>,
    category_title: Option<String>,
    category_uuid: Option<Uuid>,
    completed_at: Option<DateTime<Utc>>,
    consumer_message: Option<String>,
    consumer_message_attachment: Option<String>,
    consumer_rejection_comment: Option<String>,
    consumer_reviewed_at: Option<DateTime<Utc>>,
    consumer_reviewed_by: Option<String>,
    consumer_reviewed_by_full_name: Option<String>,
    consumer_reviewed_by_username: Option<String>,
    cost: Option<Decimal>,
    created: Option<DateTime<Utc>>,
    created_by_civil_number: Option<String>,
    created_by_email: Option<String>,
    created_by_full_name: Option<String>,
    created_by_organization: Option<String>,
    created_by_organization_registry_code: Option<String>,
    created_by_username: Option<String>,
    customer_name: Option<String>,
    customer_slug: Option<String>,
    customer_uuid: Option<Uuid>,
    error_message: Option<String>,
    error_traceback: Option<String>,
    fixed_price: Option<Decimal>,
    issue: Option<IgnoredAny>,
    #[serde(default)]
    limits: HashMap<String, Decimal>,
    marketplace_resource_uuid: Option<Uuid>,
    modified: Option<DateTime<Utc>>,
    new_cost_estimate: Option<Decimal>,
    new_plan_name: Option<String>,
    new_plan_uuid: Option<Uuid>,
    offering: Option<String>,
    offering_billable: Option<bool>,
    offering_description: Option<String>,
    offering_image: Option<String>,
    offering_name: Option<String>,
    offering_plugin_options: Option<Value>,
    offering_shared: Option<bool>,
    offering_thumbnail: Option<String>,
    offering_type: Option<String>,
    offering_uuid: Option<Uuid>,
    old_cost_estimate: Option<Decimal>,
    old_plan_name: Option<String>,
    old_plan_uuid: Option<Uuid>,
    order_subtype: Option<String>,
    output: Option<String>,
    plan: Option<String>,
    plan_description: Option<String>,
    plan_name: Option<String>,
    plan_unit: Option<BillingUnit>,
    plan_uuid: Option<Uuid>,
    project_description: Option<String>,
    project_name: Option<String>,
    project_slug: Option<String>,
    project_uuid: Option<Uuid>,
    provider_message: Option<String>,
    provider_message_attachment: Option<String>,
    provider_message_url: Option<String>,
    provider_name: Option<String>,
    provider_rejection_comment: Option<String>,
    provider_reviewed_at: Option<DateTime<Utc>>,
    provider_reviewed_by: Option<String>,
    provider_reviewed_by_full_name: Option<String>,
    provider_reviewed_by_username: Option<String>,
    provider_slug: Option<String>,
    provider_uuid: Option<Uuid>,
    request_comment: Option<String>,
    resource_name: Option<String>,
    resource_type: Option<String>,
    resource_uuid: Option<Uuid>,
    slug: Option<String>,
    start_date: Option<NaiveDate>,
    state: Option<OrderState>,
    termination_comment: Option<String>,
    #[serde(rename = "type")]
    type_: Option<RequestTypes>,
    url: Option<String>,
    uuid: Option<Uuid>,
}

/// An order with the fields of a real server, in its order.
fn order(number: usize) -> String {
    let uuid = |offset: usize| format!("{:032x}", (number + 1) * 1000 + offset);
    let url = |what: &str, offset| format!("https://waldur.example.org/api/{what}/{}/", uuid(offset));
    let time = format!("2026-01-02T03:04:05.{number:06}Z");
    let fields: Vec<(&str, Value)> = vec![
        ("offering", json!(url("marketplace-public-offerings", 1))),
        ("offering_name", json!("Partition large")),
        ("offering_uuid", json!(uuid(1))),
        ("offering_description", json!("Nodes with much memory")),
        ("offering_image", json!(null)),
        ("offering_thumbnail", json!(null)),
        ("offering_type", json!("Marketplace.Slurm")),
        ("offering_shared", json!(true)),
        ("offering_billable", json!(true)),
        ("offering_plugin_options", json!({"username_generation_policy": "service_provider"})),
        ("provider_name", json!("Centre")),
        ("provider_uuid", json!(uuid(2))),
        ("category_title", json!("Computing")),
        ("category_uuid", json!(uuid(3))),
        ("category_icon", json!(null)),
        ("plan", json!(url("marketplace-public-offerings/plans", 4))),
        ("plan_unit", json!("month")),
        ("plan_name", json!("Basic")),
        ("plan_uuid", json!(uuid(4))),
        ("plan_description", json!("")),
        ("attributes", json!({"name": format!("allocation-{number}")})),
        ("limits", json!({"cpu": 100, "gpu": 10, "ram": 4096})),
        ("uuid", json!(uuid(0))),
        ("created", json!(time)),
        ("modified", json!(time)),
        ("type", json!("Create")),
        ("resource_uuid", json!(uuid(5))),
        ("resource_type", json!("Slurm.Allocation")),
        ("resource_name", json!(format!("allocation-{number}"))),
        ("cost", json!("12.3456789012")),
        ("state", json!("executing")),
        ("output", json!("")),
        ("marketplace_resource_uuid", json!(uuid(6))),
        ("error_message", json!("")),
        ("error_traceback", json!("")),
        ("callback_url", json!(null)),
        ("consumer_reviewed_by", json!("carol")),
        ("consumer_reviewed_by_full_name", json!("Carol Consumer")),
        ("consumer_reviewed_at", json!(time)),
        ("provider_reviewed_by", json!("paul")),
        ("provider_reviewed_by_full_name", json!("Paul Provider")),
        ("provider_reviewed_at", json!(time)),
        ("created_by_full_name", json!("Mia Member")),
        ("created_by_civil_number", json!(null)),
        ("customer_name", json!("University")),
        ("customer_uuid", json!(uuid(7))),
        ("customer_slug", json!("university")),
        ("project_name", json!("Chemistry")),
        ("project_uuid", json!(uuid(8))),
        ("project_description", json!("Molecules")),
        ("project_slug", json!("chemistry")),
        ("old_cost_estimate", json!(0.0)),
        ("new_cost_estimate", json!(12.5)),
        ("can_terminate", json!(false)),
        ("fixed_price", json!(0)),
        ("activation_price", json!(0)),
        ("termination_comment", json!(null)),
        ("backend_id", json!("a-1")),
        ("issue", json!(null)),
    ];
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What `work` gives, and how many seconds it takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let done = black_box(work());
    (done, began.elapsed().as_secs_f64())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let page = format!("[{}]", (0..ORDERS).map(order).collect::<Vec<_>>().join(","));
    let page = page.as_bytes();
    let (mut lenient, mut strict, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut read_leniently = || -> Result<f64, Box<dyn std::error::Error>> {
        let (read, time) = timed(|| decode::<Vec<OrderDetails>>(page));
        let read = read?;
        assert!(read.mismatches.is_empty() && read.value.len() == ORDERS);
        lenient.push(time);
        Ok(time)
    };
    let mut read_strictly = || -> Result<f64, Box<dyn std::error::Error>> {
        let (read, time) = timed(|| serde_json::from_slice::<Vec<StrictOrder>>(page));
        assert_eq!(read?.len(), ORDERS);
        strict.push(time);
        Ok(time)
    };
    for round in 0..ROUNDS {
        // Neither is always the one that finds the other's memory.
        let (one, other) = if round % 2 == 0 {
            let one = read_leniently()?;
            (one, read_strictly()?)
        } else {
            let other = read_strictly()?;
            (read_leniently()?, other)
        };
        ratios.push(one / other);
    }
    println!("a page of {ORDERS} orders, {} kB, {ROUNDS} times each in turn", page.len() / 1000);
    println!("lenient  {:.3} ms", median(lenient) * 1e3);
    println!("strict   {:.3} ms", median(strict) * 1e3);
    println!("ratio    {:.3}", median(ratios));
    Ok(())
}

//! Bodies with files.

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::multipart::{Form, Part};
use serde_json::json;
use waldur_sandbox::{Actor, OrderState, Sandbox, Upload};

use crate::client::{Answer, answer, get, hex, http, meant, order_in, post};

fn to(sandbox: &Sandbox, actor: Actor, method: Method, path: &str) -> reqwest::RequestBuilder {
    let request = http().request(method, format!("{}{path}", sandbox.url()));
    request.header(AUTHORIZATION, format!("Token {}", sandbox.token(actor)))
}

async fn upload(sandbox: &Sandbox, actor: Actor, method: Method, path: &str, form: Form) -> Answer {
    answer(to(sandbox, actor, method, path).multipart(form)).await
}

fn file() -> Part {
    Part::bytes(b"%PDF".as_slice()).file_name("contract.pdf").mime_str("application/pdf").unwrap()
}

#[tokio::test]
async fn a_file_is_kept_and_shown_as_an_address() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = order_in(&sandbox, OrderState::PendingProvider, None).uuid;
    let path = format!("marketplace-orders/{}/set_provider_info/", hex(order));
    let form = Form::new().text("provider_message", "signed").part("provider_message_attachment", file());
    assert_eq!(upload(&sandbox, Actor::Provider, Method::POST, &path, form).await.status, 200);
    let sent = Upload {
        field: "provider_message_attachment".to_owned(),
        name: "contract.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        content: b"%PDF".as_slice().into(),
    };
    assert_eq!(sandbox.requests().last().unwrap().files, [sent]);
    let shown = get(&sandbox, Actor::Provider, &format!("marketplace-orders/{}/", hex(order))).await.json();
    assert_eq!(shown["provider_message"], "signed");
    let address = shown["provider_message_attachment"].as_str().unwrap();
    assert!(address.starts_with("http://") && address.ends_with("contract.pdf"), "{address}");
}

#[tokio::test]
async fn texts_of_a_form_have_the_types_of_the_schema() {
    let sandbox = Sandbox::start().await.unwrap();
    let customer = format!("{}customers/{}/", sandbox.url(), hex(sandbox.ids().consumer_customer));
    let form = Form::new().text("customer", customer).text("name", "waves").text("is_industry", "true");
    let form = form.text("grace_period_days", "3").text("end_date", "").part("image", file());
    let made = upload(&sandbox, Actor::Consumer, Method::POST, "projects/", form).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let project = made.json();
    assert_eq!((&project["name"], &project["is_industry"]), (&json!("waves"), &json!(true)));
    assert_eq!((&project["grace_period_days"], &project["end_date"]), (&json!(3), &json!(null)));
    let path = format!("projects/{}/", project["uuid"].as_str().unwrap());
    let form = Form::new().text("image", "").text("name", "tides");
    let changed = upload(&sandbox, Actor::Consumer, Method::PATCH, &path, form).await.json();
    assert_eq!((&changed["image"], &changed["name"]), (&json!(null), &json!("tides")));
}

#[tokio::test]
async fn parts_are_validated() {
    let sandbox = Sandbox::start().await.unwrap();
    let order = hex(order_in(&sandbox, OrderState::PendingProvider, None).uuid);
    let info = format!("marketplace-orders/{order}/set_provider_info/");
    for (form, places) in [
        (Form::new().text("provider_mesage", "x"), ["$.provider_mesage"]),
        (Form::new().text("provider_message_url", "no address"), ["$.provider_message_url"]),
        (Form::new().text("provider_message_attachment", "x"), ["$.provider_message_attachment"]),
        (Form::new().part("provider_message", file()), ["$.provider_message"]),
        (Form::new().text("provider_message", "x").text("provider_message", "y"), ["$.provider_message"]),
    ] {
        upload(&sandbox, Actor::Provider, Method::POST, &info, form).await;
        meant(&sandbox, places);
    }
    let refused = upload(&sandbox, Actor::Consumer, Method::POST, "projects/", Form::new().text("name", "x"));
    assert_eq!(refused.await.status, 400);
    meant(&sandbox, ["$.customer"]);
    let broken = to(&sandbox, Actor::Provider, Method::POST, &info)
        .header(CONTENT_TYPE, "multipart/form-data; boundary=b")
        .body("--b\r\nhalf a part");
    assert_eq!(answer(broken).await.status, 400);
    meant(&sandbox, ["$"]);
    let no_file = json!({"provider_message_attachment": "contract.pdf"});
    assert_eq!(post(&sandbox, Actor::Provider, &info, no_file).await.status, 400);
    meant(&sandbox, ["$.provider_message_attachment"]);
    // Where only JSON is taken.
    let usage = Form::new().text("backend_id", "x");
    let path = format!("marketplace-provider-resources/{}/set_backend_id/", hex(sandbox.ids().resources.ok));
    upload(&sandbox, Actor::Provider, Method::POST, &path, usage).await;
    meant(&sandbox, ["content-type"]);
}

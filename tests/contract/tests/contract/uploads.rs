//! The client's uploads, as a server reads them.

use waldur_api_client::Multipart;
use waldur_api_client::types::{PatchedProjectRequest, ProjectRequest};
use waldur_sandbox::{Actor, OrderState, Sandbox};
use waldur_sdk::Client;

use crate::common::client_builder;

fn client(sandbox: &Sandbox, actor: Actor) -> Client {
    client_builder(sandbox.url(), sandbox.token(actor)).build().unwrap()
}

#[tokio::test]
async fn a_message_with_a_file_is_uploaded() {
    let sandbox = Sandbox::start().await.unwrap();
    let orders = sandbox.orders();
    let order = orders.iter().find(|order| order.state == OrderState::PendingProvider).unwrap().uuid;
    let file = tempfile::Builder::new().suffix(".pdf").tempfile().unwrap();
    std::fs::write(file.path(), "what was agreed").unwrap();
    let body = Multipart::new().text("provider_message", "signed");
    let body = body.file("provider_message_attachment", file.path()).await.unwrap();
    let provider = client(&sandbox, Actor::Provider);
    provider.marketplace_orders_set_provider_info().uuid(order).upload(body).await.unwrap();
    let name = file.path().file_name().unwrap().to_str().unwrap();
    let files = sandbox.requests().pop().unwrap().files;
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].field.as_str(), files[0].name.as_str()), ("provider_message_attachment", name));
    assert_eq!(
        (files[0].media_type.as_str(), &*files[0].content),
        ("application/pdf", b"what was agreed".as_slice())
    );
    let order = provider.marketplace_orders_retrieve().uuid(order).send().await.unwrap().into_inner();
    assert_eq!(order.provider_message.as_deref(), Some("signed"));
    assert!(order.provider_message_attachment.unwrap().ends_with(name));
}

#[tokio::test]
async fn models_are_uploaded_as_fields_of_a_form() {
    let sandbox = Sandbox::start().await.unwrap();
    let consumer = client(&sandbox, Actor::Consumer);
    let uuid = sandbox.ids().consumer_customer.simple();
    let project = ProjectRequest::builder()
        .customer(format!("{}customers/{uuid}/", sandbox.url()))
        .name("waves")
        .is_industry(true)
        .grace_period_days(3);
    let project = ProjectRequest::try_from(project).unwrap();
    let body = Multipart::new().fields(&project).unwrap();
    let made = consumer.projects_create().upload(body).await.unwrap().into_inner().unwrap();
    assert_eq!(
        (made.name.as_deref(), made.is_industry, made.grace_period_days),
        (Some("waves"), Some(true), Some(3))
    );

    let image = tempfile::Builder::new().suffix(".png").tempfile().unwrap();
    let change = PatchedProjectRequest::builder().name("tides".to_owned());
    let change = PatchedProjectRequest::try_from(change).unwrap();
    let body = Multipart::new().fields(&change).unwrap().file("image", image.path()).await.unwrap();
    let changed = consumer.projects_partial_update().uuid(made.uuid.unwrap()).upload(body).await.unwrap();
    let changed = changed.into_inner().unwrap();
    assert_eq!(changed.name.as_deref(), Some("tides"));
    assert!(changed.image.unwrap().ends_with(".png"));
}

use serde_json::json;
use uuid::Uuid;
use waldur_api_client::types::OrderState;

use super::*;

fn id(last: u8) -> Uuid {
    Uuid::from_u128(0xf0e_0000_0000_0000_0000_0000_0000_0000 + u128::from(last))
}

fn read(body: &Value, of_queue: Option<EventKind>) -> Event {
    Event::read(body.to_string().as_bytes(), of_queue.as_ref())
}

#[test]
fn an_order_is_read_in_both_versions() {
    let uuid = id(1);
    let old = json!({
        "order_uuid": uuid.simple().to_string(), "order_state": "pending-provider",
        "offering_uuid": id(9).simple().to_string(),
    });
    let Event::Order(order) = read(&old, Some(EventKind::Order)) else { panic!("no order") };
    assert_eq!((order.order_uuid, order.state), (uuid, Some(OrderState::PendingProvider)));
    let new = json!({
        "object_type": "order", "schema_version": 1, "order_uuid": uuid.to_string(), "order_state": "soon",
        "order_type": "Create", "resource_uuid": id(2).to_string(), "resource_backend_id": "",
        "limits": {"cpu": 4}, "attributes": {"name": "a"}, "sequence_number": "7", "plan_uuid": 5,
    });
    let Event::Order(order) = read(&new, None) else { panic!("no order") };
    assert_eq!(order.state, Some(OrderState::Other("soon".to_owned())));
    assert_eq!((order.resource_uuid, order.resource_backend_id), (Some(id(2)), None));
    assert_eq!((order.limits, order.sequence_number), (Some(json!({"cpu": 4})), Some(7)));
    assert_eq!(order.plan_uuid, None, "a value that doesn't fit costs its field");
    let info = json!({"order_uuid": uuid.simple().to_string(), "action": "provider_info_set"});
    let Event::Order(order) = read(&info, Some(EventKind::Order)) else { panic!("no order") };
    assert_eq!((order.state, order.action), (None, Some(EventAction::ProviderInfoSet)));
}

#[test]
fn every_kind_is_read() {
    let uuid = id(1).simple().to_string();
    for (kind, body) in [
        ("order", json!({"order_uuid": uuid})),
        ("user_role", json!({"project_uuid": uuid, "user_uuid": uuid, "granted": false})),
        ("resource", json!({"resource_uuid": uuid, "paused": true})),
        ("offering_user", json!({"offering_user_uuid": uuid, "action": "username_set", "state": 3})),
        ("importable_resources", json!({"backend_resource_request_uuid": uuid})),
        ("service_account", json!({"account_uuid": uuid, "scope_type": "project"})),
        ("course_account", json!({"account_uuid": uuid, "action": "delete"})),
        ("resource_periodic_limits", json!({"resource_uuid": id(1).to_string(), "settings": {}})),
        ("offering_resources_sync", json!({})),
        ("resource_api_key_rotation", json!({"resource_uuid": uuid, "action": "rotate"})),
        ("resource_end_date_change_request", json!({"resource_uuid": uuid, "request_state": "created"})),
        ("user_profile", json!({"user_uuid": uuid, "changed": {"email": ["a", "b"]}})),
        ("user_ssh_key", json!({"user_uuid": uuid, "action": "added"})),
        ("user_lifecycle", json!({"user_uuid": uuid, "is_active": false})),
    ] {
        let kind = EventKind::from(kind);
        let event = read(&body, Some(kind.clone()));
        assert!(!matches!(event, Event::Unknown { .. }), "{kind}: {event:?}");
        assert_eq!(event.kind(), kind);
        let mut tagged = body;
        tagged["object_type"] = json!(kind.as_str());
        assert_eq!(read(&tagged, None), event);
    }
}

#[test]
fn the_forms_of_a_role_are_told_apart() {
    let project = json!({"project_uuid": id(3).simple().to_string(), "project_name": "Ice cores"});
    let Event::UserRole(role) = read(&project, Some(EventKind::UserRole)) else { panic!("no role") };
    assert!(role.is_resync());
    let mut granted = project;
    granted["user_uuid"] = json!(id(7).simple().to_string());
    granted["granted"] = json!(true);
    let Event::UserRole(role) = read(&granted, Some(EventKind::UserRole)) else { panic!("no role") };
    assert!(!role.is_resync() && role.granted == Some(true));
}

#[test]
fn what_cannot_be_read_is_unknown() {
    for (body, kind, expected) in [
        (&b"{\"object_type\": \"call\", \"a\": 1}"[..], None, EventKind::Other("call".to_owned())),
        (b"{\"order_uuid\": \"x\"}", Some(EventKind::Order), EventKind::Order),
        (b"{}", None, EventKind::Other(String::new())),
        (b"[]", Some(EventKind::Order), EventKind::Order),
        (b"not JSON \xff", Some(EventKind::Order), EventKind::Order),
        (b"", None, EventKind::Other(String::new())),
    ] {
        match Event::read(body, kind.as_ref()) {
            Event::Unknown { kind, body } => {
                assert_eq!(kind, expected);
                assert_ne!(body, Value::Null);
            }
            event => panic!("{event:?}"),
        }
    }
}

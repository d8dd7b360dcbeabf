//! Members, invitations and invoices.

use std::time::Duration;

use chrono::Timelike as _;
use waldur_sandbox::{Actor, Fault, Misbehaviour};
use waldur_sdk::consumer::Invitations;
use waldur_sdk::types::{InvitationState, InvitationStateEnum};
use waldur_sdk::{Applied, Decimal, Utc, Uuid};

use super::common::posts_to;
use super::meddling::meddled;
use super::{cluster, consumer_as, ordered};

#[tokio::test]
async fn members_get_change_and_lose_roles() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let project = consumer_as(&sandbox, Actor::Consumer).project(ids.project);
    let role = async |user| {
        let members = project.members().all().await.unwrap();
        members
            .iter()
            .find(|member| member.user_uuid == user)
            .map(|member| (member.role.clone(), member.expires))
    };
    assert_eq!(role(ids.users.alice).await, Some(("PROJECT.ADMIN".to_owned(), None)));
    let user = ids.users.outsider;
    let soon = Some(Utc::now() + Duration::from_secs(3600));
    for fault in [Fault::ResetAfter, Fault::ResetBefore] {
        sandbox.misbehave(Misbehaviour::new(fault).operation("projects_add_user").times(1));
        assert_eq!(project.add_member(user, "PROJECT.MEMBER", None).await.unwrap(), Applied::Now);
        assert_eq!(project.add_member(user, "PROJECT.MEMBER", None).await.unwrap(), Applied::Already);
        assert_eq!(role(user).await, Some(("PROJECT.MEMBER".to_owned(), None)));
        assert_eq!(project.remove_member(user, "PROJECT.MEMBER").await.unwrap(), Applied::Now);
        assert_eq!(project.remove_member(user, "PROJECT.MEMBER").await.unwrap(), Applied::Already);
    }
    sandbox.misbehave(Misbehaviour::new(Fault::ResetAfter).operation("projects_add_user").times(1));
    // Servers keep microseconds.
    let soon = soon.map(|time| time.with_nanosecond(123_456_789).unwrap());
    assert_eq!(project.add_member(user, "PROJECT.MANAGER", soon).await.unwrap(), Applied::Now);
    assert_eq!(project.add_member(user, "PROJECT.MANAGER", soon).await.unwrap(), Applied::Already);
    let (_, expires) = role(user).await.unwrap();
    assert_eq!(expires.map(|time| time.timestamp_micros()), soon.map(|time| time.timestamp_micros()));
    project.add_member(user, "PROJECT.MANAGER", None).await.unwrap();
    assert_eq!(role(user).await, Some(("PROJECT.MANAGER".to_owned(), None)));
    let unknown = project.add_member(user, "PROJECT.KING", None).await.unwrap_err();
    assert_eq!(unknown.messages().about("role").count(), 1, "{unknown}");
    let nobody = project.add_member(ids.project, "PROJECT.MEMBER", None).await.unwrap_err();
    assert_eq!(nobody.messages().about("user").count(), 1, "{nobody}");
    let past = Some(Utc::now() - Duration::from_secs(3600));
    for role in ["PROJECT.MEMBER", "PROJECT.MANAGER"] {
        let past = project.add_member(user, role, past).await.unwrap_err();
        assert_eq!(past.messages().about("expiration_time").count(), 1, "{role}: {past}");
    }
    let by_member = consumer_as(&sandbox, Actor::Bob).project(ids.project);
    assert!(by_member.add_member(user, "PROJECT.MEMBER", None).await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn a_role_that_somebody_else_gave_meanwhile_gets_the_end() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let (user, soon) = (ids.users.outsider, Some(Utc::now() + Duration::from_secs(3600)));
    let other = consumer_as(&sandbox, Actor::Staff).project(ids.project);
    let meddled = meddled(&sandbox, Actor::Consumer, "projects_add_user", async move {
        other.add_member(user, "PROJECT.MEMBER", None).await.unwrap();
    });
    let project = meddled.project(ids.project);
    assert_eq!(project.add_member(user, "PROJECT.MEMBER", soon).await.unwrap(), Applied::Now);
    let members = project.members().all().await.unwrap();
    let expires = members.iter().find(|member| member.user_uuid == user).unwrap().expires;
    assert_eq!(expires.map(|time| time.timestamp_micros()), soon.map(|time| time.timestamp_micros()));
    assert_eq!(posts_to(&sandbox, "/update_user/"), 1);
}

#[tokio::test]
async fn invitations_are_sent_sent_again_and_canceled() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let project = consumer_as(&sandbox, Actor::Consumer).project(ids.project);
    sandbox.misbehave(Misbehaviour::new(Fault::ResetAfter).operation("user_invitations_create").times(1));
    let (invitation, applied) = project.invite("eve@example.org", "PROJECT.MEMBER").await.unwrap();
    assert_eq!((applied, invitation.role.as_str()), (Applied::Now, "PROJECT.MEMBER"));
    assert_eq!(
        (invitation.scope_uuid, &invitation.state),
        (Some(ids.project), &InvitationStateEnum::Pending)
    );
    let (same, applied) = project.invite("eve@example.org", "PROJECT.MEMBER").await.unwrap();
    assert_eq!((same, applied), (invitation.clone(), Applied::Already));
    assert_eq!(posts_to(&sandbox, "/user-invitations/"), 1);
    let (other, _) = project.invite("eve@example.org", "PROJECT.MANAGER").await.unwrap();
    assert_eq!(project.invitations().pending().email("eve").count().await.unwrap(), 2);
    project.resend_invitation(&invitation).await.unwrap();
    assert_eq!(project.cancel_invitation(&invitation).await.unwrap(), Applied::Now);
    assert_eq!(project.cancel_invitation(&invitation).await.unwrap(), Applied::Already);
    assert!(project.resend_invitation(&invitation).await.unwrap_err().is_conflict());
    let pending = project.invitations().pending().all().await.unwrap();
    assert_eq!(pending.iter().map(|row| row.uuid).collect::<Vec<_>>(), [other.uuid]);
    let unknown = project.invite("eve@example.org", "PROJECT.KING").await.unwrap_err();
    assert_eq!(unknown.messages().about("role").count(), 1);
    let by_member = consumer_as(&sandbox, Actor::Bob).project(ids.project);
    assert!(by_member.invite("eve@example.org", "PROJECT.MEMBER").await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn an_invitation_has_what_was_asked_for() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let owner = consumer_as(&sandbox, Actor::Consumer);
    let project = owner.project(ids.project);
    let request = project.invite(" eve@example.org", "PROJECT.MEMBER").full_name("Eve Adams");
    let request = request.native_name("Ева").organization("Observatory").job_title("Observer");
    let request = request.phone_number("+3725551234").civil_number("EE1").extra_text("See you on Monday.");
    let (invitation, _) = request.clone().await.unwrap();
    assert_eq!(invitation.email, "eve@example.org");
    assert_eq!((invitation.full_name.as_str(), invitation.native_name.as_str()), ("Eve Adams", "Ева"));
    assert_eq!(
        (invitation.organization.as_str(), invitation.job_title.as_str()),
        ("Observatory", "Observer")
    );
    assert_eq!((invitation.phone_number.as_str(), invitation.civil_number.as_str()), ("+3725551234", "EE1"));
    assert_eq!(invitation.extra_text, "See you on Monday.");
    assert_eq!(
        (invitation.scope_name.as_str(), invitation.created_by_username.as_str()),
        ("Climate models", "consumer")
    );
    // The list has the same fields, and an address is not invited twice.
    assert_eq!(project.invitations().first().await.unwrap().as_ref(), Some(&invitation));
    assert_eq!(request.await.unwrap(), (invitation.clone(), Applied::Already));
    let long = project.invite("mallory@example.org", "PROJECT.MEMBER").extra_text("x".repeat(251));
    let long = long.await.unwrap_err();
    assert_eq!(long.messages().about("extra_invitation_text").count(), 1, "{long}");
    let no_address = project.invite("nobody", "PROJECT.MEMBER").await.unwrap_err();
    assert_eq!(no_address.messages().about("email").count(), 1, "{no_address}");
    sandbox.take_violations();
}

#[tokio::test]
async fn invitations_are_listed_by_project_organization_state_and_role() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let owner = consumer_as(&sandbox, Actor::Consumer);
    let (project, empty) = (owner.project(ids.project), owner.project(ids.empty_project));
    let (eve, _) = project.invite("eve@example.org", "PROJECT.MEMBER").await.unwrap();
    let (mallory, _) = project.invite("mallory@example.org", "PROJECT.MANAGER").await.unwrap();
    let (trent, _) = empty.invite("trent@example.org", "PROJECT.MEMBER").await.unwrap();
    project.cancel_invitation(&mallory).await.unwrap();
    let uuids = async |invitations: Invitations| {
        let mut uuids: Vec<_> = invitations.all().await.unwrap().iter().map(Uuid::from).collect();
        uuids.sort();
        uuids
    };
    let sorted = |mut uuids: Vec<Uuid>| {
        uuids.sort();
        uuids
    };
    let customer = owner.customer(ids.consumer_customer);
    let all = sorted(vec![eve.uuid, mallory.uuid, trent.uuid]);
    assert_eq!(uuids(customer.invitations()).await, all);
    assert_eq!(uuids(customer.invitations().pending()).await, sorted(vec![eve.uuid, trent.uuid]));
    assert_eq!(uuids(customer.invitations().state(InvitationState::Canceled)).await, [mallory.uuid]);
    assert_eq!(uuids(customer.invitations().pending().state(InvitationState::Canceled)).await, all);
    assert_eq!(uuids(project.invitations()).await, sorted(vec![eve.uuid, mallory.uuid]));
    assert_eq!(uuids(customer.invitations().role("PROJECT.MANAGER")).await, [mallory.uuid]);
    assert_eq!(uuids(customer.invitations().email("TRENT")).await, [trent.uuid]);
    assert!(uuids(owner.customer(ids.provider_customer).invitations()).await.is_empty());
    assert!(uuids(consumer_as(&sandbox, Actor::Bob).project(ids.project).invitations()).await.is_empty());
}

/// An invitation that can't be read may be the pending one: its message would be sent twice.
#[tokio::test]
async fn an_unreadable_invitation_is_an_error() {
    let sandbox = cluster().start().await.unwrap();
    let project = consumer_as(&sandbox, Actor::Consumer).project(sandbox.ids().project);
    project.invite("eve@example.org", "PROJECT.MEMBER").await.unwrap();
    for (operation, field) in [
        ("user_invitations_list", "uuid"),
        ("user_invitations_list", "email"),
        ("user_invitations_list", "role_name"),
        ("user_invitations_list", "scope_uuid"),
        ("roles_list", "uuid"),
    ] {
        let fault = Fault::NullFields(vec![field.to_owned()]);
        sandbox.misbehave(Misbehaviour::new(fault).operation(operation).times(1));
        let role = if operation == "roles_list" { "PROJECT.MANAGER" } else { "PROJECT.MEMBER" };
        let error = project.invite("eve@example.org", role).await.unwrap_err();
        assert!(error.is_unexpected_response() && !error.is_ambiguous(), "{error}");
        assert_eq!(error.operation(), operation);
    }
    assert_eq!(posts_to(&sandbox, "/user-invitations/"), 1);
}

#[tokio::test]
async fn owners_read_invoices_by_month() {
    let sandbox = cluster().start().await.unwrap();
    let ids = *sandbox.ids();
    let resource = ordered(&sandbox, "waves").await;
    let consumer = consumer_as(&sandbox, Actor::Consumer);
    let all = consumer.customer(ids.consumer_customer).invoices().all().await.unwrap();
    let [invoice] = &all[..] else { panic!("{all:?}") };
    assert_eq!(invoice.total, Decimal::ZERO);
    let item = invoice.items.iter().find(|item| item.resource_uuid == Some(resource)).unwrap();
    assert_eq!((item.name.as_str(), item.quantity, item.price), ("waves", Decimal::ONE, Decimal::ZERO));
    assert_eq!(item.project_uuid, Some(ids.project));
    let (year, month) =
        (invoice.year.unwrap().try_into().unwrap(), invoice.month.unwrap().try_into().unwrap());
    let same = consumer.customer(ids.consumer_customer).invoices().year(year).month(month);
    assert_eq!(same.all().await.unwrap()[..], all[..]);
    let other = consumer.customer(ids.consumer_customer).invoices().year(year - 1).month(month);
    assert_eq!(other.count().await.unwrap(), 0);
    let by_member = consumer_as(&sandbox, Actor::Bob).customer(ids.consumer_customer).invoices();
    assert_eq!(by_member.count().await.unwrap(), 0);
    let estimate = consumer.project(ids.project).get().await.unwrap().price_estimate.unwrap();
    assert_eq!(estimate.total, Decimal::ZERO);
}

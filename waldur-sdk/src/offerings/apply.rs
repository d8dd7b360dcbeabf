//! Bringing the components of an offering in line with a set.

use uuid::Uuid;
use waldur_api_client::types::{
    OfferingComponentRequest, RemoveOfferingComponentRequest, UpdateOfferingComponentRequest,
};
use waldur_api_client::{Client, Error};

use super::definition::ComponentDefinition;
use super::details::OfferingDetails;
use super::plan::ComponentStep;
use crate::confirm::{Applied, Confirm, Seen};

/// Sets the fields of a definition in the builder of a body. A field that is `None` isn't sent.
macro_rules! define {
    ($body:expr, $definition:expr) => {{
        let definition: &ComponentDefinition = $definition;
        let mut body = $body
            .type_(definition.type_.clone())
            .name(definition.name.clone())
            .billing_type(definition.billing_type.clone())
            .measured_unit(definition.measured_unit.clone());
        define!(@optional body, definition, description, article_code, limit_period, limit_amount, min_value,
            max_value, default_limit, max_available_limit, is_boolean);
        body
    }};
    (@optional $body:ident, $definition:ident, $($field:ident),*) => {
        $(if let Some(value) = &$definition.$field {
            $body = $body.$field(value.clone());
        })*
    };
}

/// Takes a step, and reads the offering where the response leaves open whether it was applied. `doubt` is the
/// error of an earlier attempt: the offering is read first then.
///
/// # Errors
/// What the server refuses, and what isn't known to be applied.
pub(super) async fn apply(
    client: &Client,
    confirm: Confirm<'_>,
    doubt: Option<Error>,
    offering: Uuid,
    step: &ComponentStep,
) -> Result<Applied, Error> {
    if let ComponentStep::Keep { .. } = step {
        return Ok(Applied::Already);
    }
    let look = || async {
        let now = OfferingDetails::read(client, offering).await?;
        Ok(match (step.is_applied(&now.components), step) {
            (true, _) => Seen::Applied(()),
            // Somebody else may have created it, or the server may have changed a value.
            (false, ComponentStep::Create { definition } | ComponentStep::Update { definition, .. })
                if now.components.iter().any(|there| there.definition.type_ == definition.type_) =>
            {
                Seen::Differs(format!("the component {} differs", definition.type_))
            }
            (false, _) => Seen::Unchanged(format!("the offering shows no such change: {step}")),
        })
    };
    // A server refuses what somebody else did before, or doesn't find the component any more.
    let looks_after = |error: &Error| {
        error.is_ambiguous() || error.is_conflict() || error.is_validation() || error.is_not_found()
    };
    let confirm = confirm.after(looks_after);
    let ((), applied) = confirm.go_on(doubt, || send(client, offering, step), look).await?;
    Ok(applied)
}

/// Sends a step.
async fn send(client: &Client, offering: Uuid, step: &ComponentStep) -> Result<(), Error> {
    match step {
        ComponentStep::Keep { .. } => Ok(()),
        ComponentStep::Create { definition } => {
            let body = define!(OfferingComponentRequest::builder(), definition);
            let call = client.marketplace_provider_offerings_create_offering_component().uuid(offering);
            call.body(body).send().await.map(drop)
        }
        ComponentStep::Update { uuid, definition, .. } => {
            let body = define!(UpdateOfferingComponentRequest::builder().uuid(*uuid), definition);
            let call = client.marketplace_provider_offerings_update_offering_component().uuid(offering);
            call.body(body).send().await.map(drop)
        }
        ComponentStep::Remove { uuid, .. } => {
            let body = RemoveOfferingComponentRequest::builder().uuid(*uuid);
            let call = client.marketplace_provider_offerings_remove_offering_component().uuid(offering);
            call.body(body).send().await.map(drop)
        }
    }
}

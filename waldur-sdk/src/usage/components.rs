//! The components of a resource's offering.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{BillingTypeEnum, ResourceState};
use waldur_api_client::{Client, Error, ErrorKind, builder};

use super::booking::Booking;
use crate::resources::{self, ResourceHandle};
use crate::row::{self, row};

/// A component of an offering, with the limit of one resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Component {
    /// The type, such as `cpu`, which identifies the component in a report.
    #[serde(rename = "type")]
    pub type_: String,
    /// The name, for display.
    pub name: String,
    /// The unit of amounts and limits, such as `hours`; empty if the server doesn't send it.
    pub measured_unit: String,
    /// How the component is billed; `None` if the server doesn't send it.
    pub billing_type: Option<BillingTypeEnum>,
    /// The resource's limit, in `measured_unit`; `None` if it has no limit.
    pub limit: Option<Decimal>,
}

impl Component {
    /// Returns whether servers accept usage of the component: it is billed by usage or by limit. The usage of
    /// components that are billed once or at a fixed price isn't reported.
    #[must_use]
    pub fn is_reportable(&self) -> bool {
        use BillingTypeEnum::{Limit, Other, Usage};
        matches!(self.billing_type, None | Some(Usage | Limit | Other(_)))
    }

    /// Returns whether the component is billed by limit.
    #[cfg(feature = "agent")]
    pub(crate) fn is_limited(&self) -> bool {
        self.billing_type == Some(BillingTypeEnum::Limit)
    }
}

row! {
    /// A component of an offering.
    #[derive(Clone, Debug)]
    pub(super) struct ComponentRow {
        type_: String = need "type",
        name: String = or_default "name",
        measured_unit: String = or_default "measured_unit",
        billing_type: Option<BillingTypeEnum> = optional "billing_type",
    }
}

row! {
    struct OfferingRow {
        components: Vec<ComponentRow> = need "components",
        billing_type_classification: Option<String> = optional "billing_type_classification",
    }
}

row! {
    struct ResourceRow {
        offering_uuid: Uuid = need "offering_uuid",
        state: Option<ResourceState> = optional "state",
        limits: BTreeMap<String, Decimal> = or_default "limits",
        offering_components: Option<Vec<ComponentRow>> = optional "offering_components",
    }
}

/// A resource whose usage is reported.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) state: Option<ResourceState>,
    pub(super) components: Vec<Component>,
}

impl Target {
    /// Makes the target from a resource and the components of its offering.
    pub(super) fn new(
        state: Option<ResourceState>,
        mut limits: BTreeMap<String, Decimal>,
        components: impl IntoIterator<Item = ComponentRow>,
    ) -> Self {
        let components = components.into_iter().map(|row| Component {
            limit: limits.remove(&row.type_),
            type_: row.type_,
            name: row.name,
            measured_unit: row.measured_unit,
            billing_type: row.billing_type,
        });
        Self { state, components: components.collect() }
    }

    /// Returns whether the offering has a component of this type.
    pub(super) fn has(&self, type_: &str) -> bool {
        self.components.iter().any(|component| component.type_ == type_)
    }
}

/// Checks that servers accept usage of a resource in this state.
///
/// # Errors
/// [`Error::is_validation`] if they don't.
pub(super) fn check_state(state: Option<&ResourceState>) -> Result<(), Error> {
    use ResourceState::{Creating, Erred, Terminated};
    match state {
        Some(state @ (Creating | Erred | Terminated)) => {
            let problem = format!("the resource is {}: its usage can't be reported", state.as_str());
            let error = Error::new(ErrorKind::Validation, problem);
            Err(error.with_operation(builder::MarketplaceComponentUsagesSetUsage::OPERATION))
        }
        _ => Ok(()),
    }
}

/// Reads a resource with the components of its offering. Records how the server books.
///
/// # Errors
/// If the resource or its offering can't be read, and [`Error::is_validation`] if the offering has no
/// components.
pub(super) async fn target(client: &Client, resource: Uuid) -> Result<Target, Error> {
    let (resource, components) = read(client, resource).await?;
    Ok(Target::new(resource.state, resource.limits, components))
}

/// Reads the components of the resource's offering. Records how the server books.
///
/// # Errors
/// Those of [`target`].
pub(super) async fn of_offering(client: &Client, resource: Uuid) -> Result<Vec<ComponentRow>, Error> {
    Ok(read(client, resource).await?.1)
}

async fn read(client: &Client, resource: Uuid) -> Result<(ResourceRow, Vec<ComponentRow>), Error> {
    let mut resource: ResourceRow = resources::read(client, resource).await?;
    let components = match resource.offering_components.take() {
        Some(components) => {
            Booking::of(client).note_younger_field();
            components
        }
        None => {
            let call = client.marketplace_provider_offerings_retrieve().uuid(resource.offering_uuid);
            let offering: OfferingRow = row::retrieve(call).await?;
            if offering.billing_type_classification.is_some() {
                Booking::of(client).note_younger_field();
            }
            offering.components
        }
    };
    if components.is_empty() {
        let error = Error::new(ErrorKind::Validation, "the offering has no components");
        return Err(error.with_operation(builder::MarketplaceProviderOfferingsRetrieve::OPERATION));
    }
    Ok((resource, components))
}

impl ResourceHandle {
    /// Gets the components of the resource's offering, with the limits of the resource.
    /// (`marketplace_provider_resources_retrieve`; with servers before 7.9.3, which don't send them with the
    /// resource, also `marketplace_provider_offerings_retrieve`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// let resource = client.provider().resource(sandbox.ids().resources.ok);
    /// for component in resource.components().await? {
    ///     println!("{} in {}, at most {:?}", component.name, component.measured_unit, component.limit);
    /// }
    /// for period in resource.plan_periods().await? {
    ///     println!("{} from {:?} to {:?}: {:?}", period.plan_name, period.start, period.end, period.usages);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Error::is_not_found`]: the resource or its offering doesn't exist or is not visible to the caller.
    /// - [`Error::is_validation`]: the offering has no components.
    pub async fn components(&self) -> Result<Vec<Component>, Error> {
        Ok(target(&self.client, self.uuid).await?.components)
    }
}

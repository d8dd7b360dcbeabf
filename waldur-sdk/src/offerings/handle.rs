//! One offering.

use futures_util::future::ready;
use uuid::Uuid;
use waldur_api_client::{Client, Error};

use super::apply::apply;
use super::definition::ComponentDefinition;
use super::details::OfferingDetails;
use super::plan::{ComponentPlan, ComponentStep};
use crate::accounts::{self, AccessGaps, CourseAccount, ServiceAccount, ServiceAccountOwner};
use crate::bulk::Bulk;
use crate::row::Rows;

/// One offering. Nothing is sent until a verb is called.
#[derive(Clone, Debug)]
pub struct OfferingHandle {
    client: Client,
    uuid: Uuid,
}

impl OfferingHandle {
    pub(crate) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the offering's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the offering as it is now, with its components and plans.
    /// (`marketplace_provider_offerings_retrieve`)
    ///
    /// # Errors
    /// If there is no such offering, or none that the caller provides ([`Error::is_not_found`]).
    pub async fn get(&self) -> Result<OfferingDetails, Error> {
        OfferingDetails::read(&self.client, self.uuid).await
    }

    /// Works out what has to be done so that the components of the offering match a set. Nothing is changed.
    /// Components that the set leaves out are removed, unless they come with the type of the offering.
    /// (`marketplace_provider_offerings_retrieve`)
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let uuid = sandbox.ids().offerings.slurm;
    /// use waldur_sdk::offerings::ComponentDefinition;
    /// use waldur_sdk::types::BillingTypeEnum;
    ///
    /// let offering = client.provider().offering(uuid);
    /// let mut storage = ComponentDefinition::new("storage", "Storage", BillingTypeEnum::Limit, "GB");
    /// storage.max_value = Some(1000);
    /// let mut wanted = vec![storage];
    /// wanted.extend(offering.get().await?.components.into_iter().map(|component| component.definition));
    ///
    /// let plan = offering.plan_components(&wanted).await?;
    /// assert_eq!(plan.to_string(), "create storage\nkeep cpu\nkeep gpu\nkeep ram");
    /// let report = offering.apply_components(&plan).await?;
    /// println!("{report}"); // 1 applied, 3 unchanged
    /// assert!(offering.plan_components(&wanted).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If the caller doesn't provide the offering ([`Error::is_not_found`]), or the set has a type twice or a
    /// definition that every server refuses ([`Error::is_validation`]).
    pub async fn plan_components(&self, wanted: &[ComponentDefinition]) -> Result<ComponentPlan, Error> {
        ComponentPlan::between(&self.get().await?, wanted)
    }

    /// Applies a plan step by step, so that new components come in the order of the set. It is idempotent.
    /// (`marketplace_provider_offerings_create_offering_component`, `…_update_offering_component`,
    /// `…_remove_offering_component`)
    ///
    /// Requires the permission `OFFERING.UPDATE_COMPONENTS` on the offering. A component can't be removed
    /// while the offering has resources.
    ///
    /// # Errors
    /// What happens to a component is in the report.
    pub fn apply_components(&self, plan: &ComponentPlan) -> Bulk<'static, ComponentStep> {
        let (client, offering) = (self.client.clone(), plan.offering_uuid);
        let steps: Rows<ComponentStep> = plan.steps.iter().cloned().map(Ok).collect();
        let bulk = Bulk::new(&self.client, ready(Ok(steps)), move |confirm, doubt, step| {
            let client = client.clone();
            Box::pin(async move { apply(&client, confirm, doubt, offering, step).await })
        });
        bulk.in_sequence()
    }

    /// Compares the offering users of the offering with the people in the projects that have a resource of it
    /// which isn't terminated. Reads the offering, its offering users and its resources, and one team per
    /// project.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use waldur_sandbox::{Actor, Sandbox};
    /// # use waldur_sdk::{Client, ClientExt as _};
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build()?;
    /// # let uuid = sandbox.ids().offerings.slurm;
    /// let provider = client.provider();
    /// let offering = provider.offering(uuid);
    /// let gaps = offering.access_gaps().await?;
    /// for member in &gaps.missing {
    ///     let username = format!("hpc_{}", member.username);
    ///     provider.ensure_offering_user(member.user_uuid, uuid).username(username).await?;
    /// }
    /// for offering_user in &gaps.unexpected {
    ///     println!("{} is no member any more", offering_user.username);
    /// }
    /// assert!(offering.access_gaps().await?.missing.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// If there is no such offering that the caller provides ([`Error::is_not_found`]), or a list can't be
    /// read. A row that can't be read is no error: see [`AccessGaps::unreadable`].
    pub async fn access_gaps(&self) -> Result<AccessGaps, Error> {
        accounts::access_gaps(&self.client, self.uuid).await
    }

    /// Lists the service accounts of the projects, or of the organizations, that use the offering.
    /// (`marketplace_provider_offerings_list_project_service_accounts_list`,
    /// `marketplace_provider_offerings_list_customer_service_accounts_list`)
    ///
    /// # Errors
    /// If the offering is none of the caller's ([`Error::is_not_found`]), or the server is older than 7.8.8
    /// ([`Error::is_unsupported`]).
    pub async fn service_accounts(&self, owner: ServiceAccountOwner) -> Result<Rows<ServiceAccount>, Error> {
        accounts::service_accounts_of(&self.client, self.uuid, owner).await
    }

    /// Lists the course accounts of the projects that use the offering.
    /// (`marketplace_provider_offerings_list_course_accounts_list`)
    ///
    /// # Errors
    /// If the offering is none of the caller's ([`Error::is_not_found`]), or the server is older than 7.8.8
    /// ([`Error::is_unsupported`]).
    pub async fn course_accounts(&self) -> Result<Rows<CourseAccount>, Error> {
        accounts::course_accounts_of(&self.client, self.uuid).await
    }
}

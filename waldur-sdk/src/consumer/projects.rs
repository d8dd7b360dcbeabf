//! Projects, in which resources are ordered.

use chrono::NaiveDate;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Client, Error, Nullable, builder, types};

use super::customers::PriceEstimate;
use super::order::OrderRequest;
use super::orders::Orders;
use super::resources::Resources;
use crate::collection::collection;
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::{self, row};

row! {
    /// A project.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Project {
        /// The project's uuid.
        pub uuid: Uuid = need "uuid",
        /// The name.
        pub name: String = or_default "name",
        /// The description; empty if it has none.
        pub description: String = or_default "description",
        /// The id of the project in another system; empty if it has none.
        pub backend_id: String = or_default "backend_id",
        /// The organization (Waldur's customer) that the project belongs to.
        pub customer_uuid: Option<Uuid> = optional "customer_uuid",
        /// The name of that organization.
        pub customer_name: String = or_default "customer_name",
        /// The first day; orders that are placed before it wait for it.
        pub start_date: Option<NaiveDate> = optional "start_date",
        /// The last day; `None` if the project has no end.
        pub end_date: Option<NaiveDate> = optional "end_date",
        /// Whether the project was deleted. Lists leave such projects out.
        pub is_removed: bool = or_default "is_removed",
        /// The estimate of this month's costs; `None` if the server sends none.
        pub price_estimate: Option<PriceEstimate> = optional "billing_price_estimate",
    }
}

impl Project {
    pub(super) fn of(model: types::Project) -> Option<Self> {
        Some(Self {
            uuid: model.uuid?,
            name: model.name.unwrap_or_default(),
            description: model.description.unwrap_or_default(),
            backend_id: model.backend_id.unwrap_or_default(),
            customer_uuid: model.customer_uuid,
            customer_name: model.customer_name.unwrap_or_default(),
            start_date: model.start_date,
            end_date: model.end_date,
            is_removed: model.is_removed.unwrap_or_default(),
            price_estimate: model.billing_price_estimate.map(PriceEstimate::of),
        })
    }
}

impl From<&Project> for Uuid {
    fn from(project: &Project) -> Self {
        project.uuid
    }
}

/// The projects that the caller may see. Filters narrow the collection; its verbs list it. Nothing is sent
/// until a verb is called. (`projects_list`)
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Projects {
    client: Client,
    customer: Option<Uuid>,
    name: Option<String>,
    name_exact: Option<String>,
    backend_id: Option<String>,
}

collection!(Projects, Project);

impl Projects {
    pub(super) fn new(client: &Client) -> Self {
        Self { client: client.clone(), customer: None, name: None, name_exact: None, backend_id: None }
    }

    /// Keeps projects of this organization.
    pub fn customer(mut self, customer: impl Into<Uuid>) -> Self {
        self.customer = Some(customer.into());
        self
    }

    /// Keeps projects whose name contains this text, in any case.
    pub fn name(mut self, part: impl Into<String>) -> Self {
        self.name = Some(part.into());
        self
    }

    /// Keeps projects with this name.
    pub fn name_exact(mut self, name: impl Into<String>) -> Self {
        self.name_exact = Some(name.into());
        self
    }

    /// Keeps projects with this id in another system.
    pub fn backend_id(mut self, id: impl Into<String>) -> Self {
        self.backend_id = Some(id.into());
        self
    }

    fn request(&self) -> builder::ProjectsList {
        let mut list = self.client.projects_list();
        if let Some(customer) = self.customer {
            list = list.customer([customer]);
        }
        if let Some(part) = &self.name {
            list = list.name(part.clone());
        }
        if let Some(name) = &self.name_exact {
            list = list.name_exact(name.clone());
        }
        if let Some(id) = &self.backend_id {
            list = list.backend_id(id.clone());
        }
        list
    }
}

row! {
    struct Removal {
        is_removed: bool = or_default "is_removed",
    }
}

/// A handle of one project. Nothing is sent until a verb is called.
///
/// Changes are sent once. If a response leaves open whether a change was applied, the project is read before
/// the result is returned.
#[derive(Clone, Debug)]
pub struct ProjectHandle {
    pub(super) client: Client,
    pub(super) uuid: Uuid,
}

impl ProjectHandle {
    pub(super) fn new(client: &Client, uuid: Uuid) -> Self {
        Self { client: client.clone(), uuid }
    }

    /// Returns the project's uuid.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Gets the project. (`projects_retrieve`)
    ///
    /// A project that was deleted is visible to the owners of its organization and to staff, with
    /// [`Project::is_removed`]; on servers of 2024 to nobody.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if the project doesn't exist or is not visible to the caller.
    pub async fn get(&self) -> Result<Project, Error> {
        row::retrieve(self.client.projects_retrieve().uuid(self.uuid)).await
    }

    /// Sets the name of the project. Spaces around it are removed, as servers do. (`projects_retrieve`,
    /// `projects_partial_update`)
    ///
    /// Requires the permission `PROJECT.UPDATE` on the project or its organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: the server doesn't accept the value.
    /// - [`Error::is_not_found`]: the project doesn't exist or is not visible to the caller.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and the project can't be read.
    pub async fn rename(&self, name: impl Into<String>) -> Result<Applied, Error> {
        let name = name.into();
        let name = name.trim();
        self.edit(|body| body.name(name), |now| now.name == name).await
    }

    /// Sets the description of the project. Spaces around it are removed, as servers do.
    /// (`projects_retrieve`, `projects_partial_update`)
    ///
    /// Requires the permission `PROJECT.UPDATE` on the project or its organization.
    ///
    /// # Errors
    /// Those of [`rename`](Self::rename).
    pub async fn set_description(&self, text: impl Into<String>) -> Result<Applied, Error> {
        let text = text.into();
        let text = text.trim();
        self.edit(|body| body.description(text), |now| now.description == text).await
    }

    /// Sets the first day of the project, or removes it with `None`. Orders that are placed before it wait
    /// for it. (`projects_retrieve`, `projects_partial_update`)
    ///
    /// Requires the permission `PROJECT.UPDATE` on the project or its organization.
    ///
    /// # Errors
    /// Those of [`rename`](Self::rename).
    pub async fn set_start_date(&self, day: Option<NaiveDate>) -> Result<Applied, Error> {
        let value = day.map_or(Nullable::Null, Nullable::Value);
        self.edit(|body| body.start_date(value), |now| now.start_date == day).await
    }

    /// Sets the last day of the project, or removes it with `None`. Servers end the resources of the project
    /// after it. (`projects_retrieve`, `projects_partial_update`)
    ///
    /// Requires the permissions `PROJECT.UPDATE` on the project or its organization, and `PROJECT.DELETE` on
    /// its organization.
    ///
    /// # Errors
    /// Those of [`rename`](Self::rename).
    pub async fn set_end_date(&self, day: Option<NaiveDate>) -> Result<Applied, Error> {
        let value = day.map_or(Nullable::Null, Nullable::Value);
        self.edit(|body| body.end_date(value), |now| now.end_date == day).await
    }

    /// Deletes the project. Its resources have to be terminated. (`projects_retrieve`, `projects_destroy`)
    ///
    /// If the project was deleted before and is still visible, the result is [`Applied::Already`].
    ///
    /// Requires the permission `PROJECT.DELETE` on its organization.
    ///
    /// # Errors
    /// - [`Error::is_validation`]: the project has a resource that is not terminated.
    /// - [`Error::is_not_found`]: the project doesn't exist or is not visible to the caller. A project that
    ///   was deleted before is visible to few.
    /// - [`Error::is_forbidden`]: the caller lacks the permission.
    /// - [`Error::is_unconfirmed`]: the response was lost, and whether the project is there can't be read.
    pub async fn delete(&self) -> Result<Applied, Error> {
        let is_removed = || async {
            let call = self.client.projects_retrieve().uuid(self.uuid);
            row::retrieve::<Removal, _>(call).await.map(|row| row.is_removed)
        };
        if is_removed().await? {
            return Ok(Applied::Already);
        }
        let send = || async {
            match self.client.projects_destroy().uuid(self.uuid).send().await.map(drop) {
                // The project was there: a DELETE is sent again if its response is lost, and finds nothing
                // then.
                Err(error) if error.is_not_found() && error.attempts() > 1 => Ok(()),
                result => result,
            }
        };
        let look = || async {
            match is_removed().await {
                Ok(true) => Ok(Seen::Applied(())),
                Ok(false) => Ok(Seen::Unchanged("the project is still there".to_owned())),
                Err(gone) if gone.is_not_found() => Ok(Seen::Applied(())),
                Err(unread) => Err(unread),
            }
        };
        Ok(Confirm::new(&self.client).after(Error::is_ambiguous).send(send, look).await?.1)
    }

    /// Sends a change of the project, unless the project shows it already.
    async fn edit(
        &self,
        change: impl FnOnce(types::builder::PatchedProjectRequest) -> types::builder::PatchedProjectRequest,
        is_so: impl Fn(&Project) -> bool,
    ) -> Result<Applied, Error> {
        if is_so(&self.get().await?) {
            return Ok(Applied::Already);
        }
        let body = change(types::PatchedProjectRequest::builder());
        let call = self.client.projects_partial_update().uuid(self.uuid).body(body);
        let send = || async { call.clone().send().await.map(drop) };
        let look = || async {
            Ok(match is_so(&self.get().await?) {
                true => Seen::Applied(()),
                false => Seen::Unchanged("the project shows another value".to_owned()),
            })
        };
        Ok(Confirm::new(&self.client).after(Error::is_ambiguous).send(send, look).await?.1)
    }

    /// Orders a resource of an offering in the project. Awaiting the request sends it.
    /// (`marketplace_orders_create`)
    pub fn order(&self, offering: impl Into<Uuid>) -> OrderRequest {
        OrderRequest::new(&self.client, self.uuid, offering.into())
    }

    /// Returns the orders of the project, to narrow and to list them.
    pub fn orders(&self) -> Orders {
        Orders::new(&self.client).project(self.uuid)
    }

    /// Returns the resources of the project, to narrow and to list them.
    pub fn resources(&self) -> Resources {
        Resources::new(&self.client).project(self.uuid)
    }
}

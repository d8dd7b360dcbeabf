//! Creating a project.

use std::future::IntoFuture;

use chrono::NaiveDate;
use futures_util::future::BoxFuture;
use uuid::Uuid;
use waldur_api_client::types::{self, KindEnum, OecdFos2007CodeEnum, ProjectRequest};
use waldur_api_client::{Client, Error, ErrorKind, Operation, builder};

use super::address;
use super::check::Problems;
use super::projects::{Project, Projects};
use crate::confirm::{Applied, Confirm, Seen};
use crate::row::UnreadableRow;

const CREATE: &Operation = builder::ProjectsCreate::OPERATION;
const LIST: &Operation = builder::ProjectsList::OPERATION;

/// A request for a project of an organization. Awaiting it sends it, and returns the project and whether this
/// call created it. (`projects_list`, `projects_create`)
///
/// The request is never sent twice: organizations may have several projects with one name. If its response is
/// lost, the projects are looked at. To run a program again without creating the project again, call
/// [`find_existing`](Self::find_existing).
///
/// Requires the permission `PROJECT.CREATE` on the organization.
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use waldur_sandbox::{Actor, Sandbox};
/// # use waldur_sdk::{Applied, Client, ClientExt as _, NaiveDate};
/// # let sandbox = Sandbox::start().await?;
/// # let client = Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Consumer)).build()?;
/// # let uuid = sandbox.ids().consumer_customer;
/// let customer = client.consumer().customer(uuid);
/// let last_day = NaiveDate::from_ymd_opt(2099, 12, 31).ok_or("no such day")?;
/// let request = customer.create_project("Ocean waves").backend_id("grant-17").end_date(last_day);
/// let (project, applied) = request.clone().find_existing().await?;
/// assert_eq!(applied, Applied::Now);
///
/// let (same, applied) = request.find_existing().await?;
/// assert_eq!((same.uuid, applied), (project.uuid, Applied::Already));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// - [`Error::is_validation`]: the server doesn't accept a field, such as `name` or `end_date`, or several
///   projects may be the [existing](Self::find_existing) one.
/// - [`Error::is_forbidden`]: the caller lacks the permission.
/// - [`Error::is_unexpected_response`]: a project that may be the [existing](Self::find_existing) one can't
///   be read. Nothing is sent then.
/// - [`Error::is_unconfirmed`]: the response was lost, and the project is not there. It may still arrive:
///   look again later, or use [`find_existing`](Self::find_existing).
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct NewProject {
    client: Client,
    customer: Uuid,
    name: String,
    backend_id: Option<String>,
    body: types::builder::ProjectRequest,
    finds_existing: bool,
}

impl NewProject {
    pub(super) fn new(client: &Client, customer: Uuid, name: &str) -> Self {
        let name = name.trim().to_owned();
        let body = ProjectRequest::builder().name(name.as_str());
        Self {
            client: client.clone(),
            customer,
            name,
            backend_id: None,
            body: body.customer(address(client, "customers", customer)),
            finds_existing: false,
        }
    }

    /// Sets the description.
    pub fn description(self, text: impl Into<String>) -> Self {
        Self { body: self.body.description(text), ..self }
    }

    /// Sets the id of the project in another system, such as the number of a grant.
    pub fn backend_id(self, id: impl Into<String>) -> Self {
        let id = id.into().trim().to_owned();
        let body = self.body.backend_id(id.as_str());
        Self { body, backend_id: Some(id).filter(|id| !id.is_empty()), ..self }
    }

    /// Sets the slug: letters, digits, `-` and `_`, at most 50. By default the server makes one of the name.
    pub fn slug(self, slug: impl Into<String>) -> Self {
        Self { body: self.body.slug(slug), ..self }
    }

    /// Sets the first day. Orders that are placed before it wait for it.
    pub fn start_date(self, day: NaiveDate) -> Self {
        Self { body: self.body.start_date(day), ..self }
    }

    /// Sets the last day. Servers end the resources of the project after it.
    pub fn end_date(self, day: NaiveDate) -> Self {
        Self { body: self.body.end_date(day), ..self }
    }

    /// Sets the number of days after the last day during which the resources are kept.
    pub fn grace_period_days(self, days: u32) -> Self {
        Self { body: self.body.grace_period_days(i64::from(days)), ..self }
    }

    /// Sets the kind: an ordinary project, a course or a public one.
    pub fn kind(self, kind: KindEnum) -> Self {
        Self { body: self.body.kind(kind), ..self }
    }

    /// Sets the type, by the uuid of one of the types that the server's staff defined.
    pub fn project_type(self, project_type: impl Into<Uuid>) -> Self {
        let project_type = address(&self.client, "project-types", project_type.into());
        Self { body: self.body.type_(project_type), ..self }
    }

    /// Sets the field of science, by its code in the OECD's classification of 2007, such as `1.5`.
    pub fn field_of_science(self, code: impl Into<OecdFos2007CodeEnum>) -> Self {
        Self { body: self.body.oecd_fos_2007_code(code), ..self }
    }

    /// Marks the project as one of industry.
    pub fn industry(self) -> Self {
        Self { body: self.body.is_industry(true), ..self }
    }

    /// Creates nothing if the organization has such a project: one with the
    /// [`backend_id`](Self::backend_id), or, if none is set, one with the name. That project is returned, as
    /// [`Applied::Already`].
    ///
    /// Other fields of the existing project aren't compared. The look and the request are separate: two
    /// programs at the same time may both create a project.
    pub fn find_existing(mut self) -> Self {
        self.finds_existing = true;
        self
    }

    /// Lists the projects that may be the requested one.
    async fn list(&self) -> Result<(Vec<Project>, Vec<UnreadableRow>), Error> {
        let list = Projects::new(&self.client).customer(self.customer);
        let list = match &self.backend_id {
            Some(id) => list.backend_id(id),
            None => list.name_exact(&self.name),
        };
        let (mut rows, unreadable) = list.all().await?.into_parts();
        // A server that doesn't know a filter ignores it.
        rows.retain(|row| {
            let (has, wanted) = self.key(row);
            row.customer_uuid.is_none_or(|uuid| uuid == self.customer) && (has.is_empty() || has == wanted)
        });
        Ok((rows, unreadable))
    }

    /// Returns what tells a project from others, and what is wanted of it.
    fn key<'a>(&'a self, row: &'a Project) -> (&'a str, &'a str) {
        match &self.backend_id {
            Some(id) => (&row.backend_id, id),
            None => (&row.name, &self.name),
        }
    }

    /// Returns the existing project.
    fn existing(&self, rows: &[Project], unreadable: &[UnreadableRow]) -> Result<Option<Project>, Error> {
        let uncertain = rows.iter().find(|row| self.key(row).0.is_empty() || row.customer_uuid.is_none());
        let uncertain = uncertain.map(|row| format!("project {}", row.uuid.simple()));
        if let Some(row) = unreadable.first().map(ToString::to_string).or(uncertain) {
            let problem = format!("{row} may be the project `{}`, so nothing is created", self.name);
            return Err(Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(LIST).unsent(true));
        }
        let mut problems = Problems::default();
        if rows.len() > 1 {
            match &self.backend_id {
                Some(id) => problems.add("backend_id", format!("several projects have the id `{id}`")),
                None => problems.add("name", format!("several projects have the name `{}`", self.name)),
            }
        }
        problems.into_result(CREATE).map(|()| rows.first().cloned())
    }

    async fn run(self) -> Result<(Project, Applied), Error> {
        let mut problems = Problems::default();
        if self.name.is_empty() {
            problems.add("name", "the project needs a name");
        }
        problems.into_result(CREATE)?;
        let (rows, unreadable) = self.list().await?;
        if self.finds_existing
            && let Some(project) = self.existing(&rows, &unreadable)?
        {
            return Ok((project, Applied::Already));
        }
        let before: Vec<Uuid> = rows.iter().map(Uuid::from).collect();
        let call = self.client.projects_create().body(self.body.clone());
        let send = || async {
            call.clone().send().await?.into_inner().and_then(Project::of).ok_or_else(|| {
                let problem = "the response doesn't name the project that was created";
                Error::new(ErrorKind::UnexpectedResponse, problem).with_operation(CREATE)
            })
        };
        let look = || async {
            let (rows, unreadable_now) = self.list().await?;
            if let Some(row) = unreadable.iter().chain(&unreadable_now).next() {
                return Ok(Seen::Unclear(format!("a project that may be it can't be read: {row}")));
            }
            let mut new = rows.into_iter().filter(|row| row.name == self.name && !before.contains(&row.uuid));
            Ok(match (new.next(), new.next()) {
                (Some(project), None) => Seen::Applied(project),
                (None, _) => Seen::Differs("no such project is there, but it may still arrive".to_owned()),
                (Some(_), Some(_)) => Seen::Unclear("several such projects are new".to_owned()),
            })
        };
        Confirm::new(&self.client).after(Error::is_ambiguous).once().send(send, look).await
    }
}

impl IntoFuture for NewProject {
    type Output = Result<(Project, Applied), Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

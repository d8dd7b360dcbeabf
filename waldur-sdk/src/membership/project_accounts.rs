//! The service accounts and course accounts of projects.

use futures_util::FutureExt as _;
use futures_util::future::{ready, try_join, try_join_all};
use uuid::Uuid;
use waldur_api_client::types::ServiceAccountState;
use waldur_api_client::{Client, Error, Operation, builder};

use super::MemberKind;
use crate::accounts::{
    CourseAccount, ServiceAccount, ServiceAccountOwner, course_accounts_of, service_accounts_of,
};
use crate::row::{Rows, UnreadableRow};

/// An account that a project has at the resources of an offering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProjectAccount {
    pub(super) uuid: Uuid,
    pub(super) kind: MemberKind,
    pub(super) offering_uuid: Uuid,
    pub(super) project_uuid: Uuid,
    /// The user of a course account.
    pub(super) user_uuid: Option<Uuid>,
    /// The name; blank until the server has chosen one.
    pub(super) username: String,
    pub(super) email: String,
    pub(super) state: ServiceAccountState,
}

impl ProjectAccount {
    fn of_service(offering: Uuid, account: ServiceAccount) -> Result<Self, UnreadableRow> {
        let operation = builder::MarketplaceProviderOfferingsListProjectServiceAccountsList::OPERATION;
        Ok(Self {
            uuid: account.uuid,
            kind: MemberKind::ServiceAccount,
            offering_uuid: offering,
            project_uuid: account.project_uuid.ok_or_else(|| of_no_project(operation, account.uuid))?,
            user_uuid: None,
            username: account.username,
            email: account.email,
            state: account.state,
        })
    }

    fn of_course(offering: Uuid, account: CourseAccount) -> Result<Self, UnreadableRow> {
        let operation = builder::MarketplaceProviderOfferingsListCourseAccountsList::OPERATION;
        Ok(Self {
            uuid: account.uuid,
            kind: MemberKind::CourseAccount,
            offering_uuid: offering,
            project_uuid: account.project_uuid.ok_or_else(|| of_no_project(operation, account.uuid))?,
            user_uuid: account.user_uuid,
            username: account.username,
            email: account.email,
            state: account.state,
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == ServiceAccountState::Closed
    }
}

/// Which accounts of projects are members of their resources.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Included {
    pub(super) service: bool,
    pub(super) course: bool,
}

impl Included {
    pub(super) fn any(self) -> bool {
        self.service || self.course
    }

    /// Lists the accounts of the projects that use these offerings. Servers that have no such lists have no
    /// such accounts.
    ///
    /// # Errors
    /// If a list can't be read.
    pub(super) async fn list(
        self,
        client: &Client,
        offerings: impl IntoIterator<Item = Uuid>,
    ) -> Result<Rows<ProjectAccount>, Error> {
        let lists = offerings.into_iter().map(|offering| {
            let service = match self.service {
                true => service_accounts_of(client, offering, ServiceAccountOwner::Project).left_future(),
                false => ready(Ok(Rows::default())).right_future(),
            };
            let course = match self.course {
                true => course_accounts_of(client, offering).left_future(),
                false => ready(Ok(Rows::default())).right_future(),
            };
            async move {
                let (service, course) = try_join(service.map(or_none), course.map(or_none)).await?;
                let service = each(service, move |account| ProjectAccount::of_service(offering, account));
                let course = each(course, move |account| ProjectAccount::of_course(offering, account));
                Ok::<_, Error>(service.chain(course))
            }
        });
        Ok(try_join_all(lists).await?.into_iter().flatten().collect())
    }
}

/// Converts each readable row, and passes the others on.
fn each<T>(
    rows: Rows<T>,
    make: impl FnMut(T) -> Result<ProjectAccount, UnreadableRow>,
) -> impl Iterator<Item = Result<ProjectAccount, UnreadableRow>> {
    let (rows, unreadable) = rows.into_parts();
    rows.into_iter().map(make).chain(unreadable.into_iter().map(Err))
}

/// Returns the row of an account that may be any project's.
fn of_no_project(operation: &'static Operation, uuid: Uuid) -> UnreadableRow {
    UnreadableRow {
        operation: operation.id,
        uuid: Some(uuid),
        problem: "no usable `project_uuid`".to_owned(),
    }
}

fn or_none<T>(list: Result<Rows<T>, Error>) -> Result<Rows<T>, Error> {
    match list {
        Err(error) if error.is_unsupported() => Ok(Rows::default()),
        list => list,
    }
}

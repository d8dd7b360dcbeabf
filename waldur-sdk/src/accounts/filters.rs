//! The filters that the collections of service accounts and of course accounts share.

use uuid::Uuid;
use waldur_api_client::types::ServiceAccountState;

/// The values of the filters.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    /// The project or the organization.
    pub(super) owner: Option<Uuid>,
    pub(super) service_provider: Option<Uuid>,
    pub(super) states: Vec<ServiceAccountState>,
}

/// Declares a collection of accounts that belong to a project or to an organization, with its filters.
///
/// `by` names the filter by the owner, and the same filter of the list operation. `or` names the operation
/// that lists the accounts by service provider, if there is one.
macro_rules! account_collection {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident of $account:ty: $accounts:literal, by $owner:ident ($what:literal, $filter:ident) {
            $list:ident $( or $provider_list:ident )? as $row:ty
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        #[must_use = "nothing is sent until a verb is called"]
        $vis struct $name {
            client: ::waldur_api_client::Client,
            filters: $crate::accounts::filters::Filters,
        }

        $crate::collection::collection!($name, $account, by listing as $row);

        impl $name {
            pub(crate) fn new(client: &::waldur_api_client::Client) -> Self {
                Self { client: client.clone(), filters: $crate::accounts::filters::Filters::default() }
            }

            #[doc = concat!("Keeps ", $accounts, " of this ", $what, ".")]
            pub fn $owner(mut self, $owner: impl Into<::uuid::Uuid>) -> Self {
                self.filters.owner = Some($owner.into());
                self
            }

            $(
                #[doc = concat!("Keeps ", $accounts, " of projects that use an offering of this service provider.")]
                #[doc = concat!("(`", stringify!($provider_list), "`)")]
                ///
                /// Listing them returns an error for which
                /// [`is_forbidden`](::waldur_api_client::Error::is_forbidden) is true if the service provider
                /// is not the caller's, and [`is_unsupported`](::waldur_api_client::Error::is_unsupported) if
                /// the server is older than 7.7.8.
                pub fn service_provider(mut self, service_provider: impl Into<::uuid::Uuid>) -> Self {
                    self.filters.service_provider = Some(service_provider.into());
                    self
                }
            )?

            #[doc = concat!("Keeps ", $accounts, " in `state`. Call it again to accept further states.")]
            pub fn state(mut self, state: ::waldur_api_client::types::ServiceAccountState) -> Self {
                self.filters.states.push(state);
                self
            }

            /// Returns the list operation with these filters.
            fn listing(&self) -> ::waldur_api_client::ListRequest<::waldur_api_client::__private::Unread> {
                $(
                    if let Some(uuid) = self.filters.service_provider {
                        let list = self.client.$provider_list().service_provider_uuid(uuid);
                        return $crate::accounts::filters::account_collection!(@filtered self, list, $filter);
                    }
                )?
                let list = self.client.$list();
                $crate::accounts::filters::account_collection!(@filtered self, list, $filter)
            }
        }
    };
    (@filtered $self:ident, $list:ident, $filter:ident) => {{
        let mut list = $list;
        if let Some(uuid) = $self.filters.owner {
            list = list.$filter(uuid);
        }
        if !$self.filters.states.is_empty() {
            list = list.state($self.filters.states.clone());
        }
        ::waldur_api_client::ListExt::unread(list)
    }};
}

pub(super) use account_collection;

//! The people that a provider works with: users and their keys, and whom a service provider serves.

mod service_provider;
mod users;

pub use self::service_provider::{
    ProjectPermission, ProviderCustomer, ProviderOffering, ProviderProject, ServiceProvider,
    ServiceProviderHandle, ServiceProviders,
};
pub use self::users::{SshKey, SshKeys, User, Users};

//! Representations of objects in responses.

mod customers;
mod generic;
mod offering_users;
mod offerings;
mod orders;
mod people;
mod providers;
mod resources;
mod usages;

pub(crate) use customers::{customer, price, project};
pub(crate) use generic::{generic_address, generic_object};
pub(crate) use offering_users::{offering_user, offering_user_address};
pub(crate) use offerings::{
    OfferingView, category, components, endpoint, glauth, offering, offering_summary, order_options, plan,
    plans, public_offering, resources_count, secret_options, ten_decimals, user_attributes,
};
pub(crate) use orders::order;
pub(crate) use people::{key, user};
pub(crate) use providers::service_provider;
pub(crate) use resources::{resource, scope_type};
pub(crate) use usages::{two_decimals, usage, usage_facts, user_usage};

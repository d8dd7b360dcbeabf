//! What the server allows and does, by collection.

pub(crate) mod access;
pub(crate) mod categories;
pub(crate) mod customers;
pub(crate) mod events;
pub(crate) mod generic;
pub(crate) mod invitations;
pub(crate) mod invoices;
pub(crate) mod offering_users;
pub(crate) mod offerings;
pub(crate) mod orders;
pub(crate) mod people;
pub(crate) mod providers;
mod references;
pub(crate) mod resources;
pub(crate) mod system;
pub(crate) mod usages;

//! Requests and responses as handlers see them: paging, filters, field selection, errors.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod filters;
pub(crate) mod form;
pub(crate) mod listing;
pub(crate) mod payload;

//! `marketplace-categories`.

use crate::protocol::answer::Outcome;
use crate::protocol::call::Call;
use crate::protocol::filters::contains;
use crate::protocol::listing;
use crate::render;
use crate::store::{Category, Offering, Resource, State};

/// Lists the categories, to anybody. They have no groups, and every offering is shared.
pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let (title, offering_name) = (call.text("title"), call.text("offering_name"));
    let group = call.uuid_filter("group_uuid")?;
    let provider = call.uuid_filter("customer_uuid")?;
    let project = call.uuid_filter("resource_project_uuid")?;
    let customer = call.uuid_filter("resource_customer_uuid")?;
    let is_shared = call.text("has_shared").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let has_offering = |category: &Category, is_it: &dyn Fn(&Offering) -> bool| {
        state.offerings.iter().any(|row| row.category == category.uuid && is_it(row))
    };
    let has_resource = |category: &Category, is_it: &dyn Fn(&Resource) -> bool| {
        has_offering(category, &|offering| {
            state.resources.iter().any(|row| row.offering == offering.uuid && is_it(row))
        })
    };
    let is_of = |row: &Resource, customer| {
        state.projects.get(row.project).is_some_and(|project| project.customer == customer)
    };
    let mut rows: Vec<&Category> = state
        .categories
        .iter()
        .filter(|_| group.is_none())
        .filter(|row| title.is_none_or(|part| contains(&row.title, part)))
        .filter(|row| offering_name.is_none_or(|part| has_offering(row, &|of| contains(&of.name, part))))
        .filter(|row| provider.is_none_or(|uuid| has_offering(row, &|of| of.customer == uuid)))
        .filter(|row| project.is_none_or(|uuid| has_resource(row, &|of| of.project == uuid)))
        .filter(|row| customer.is_none_or(|uuid| has_resource(row, &|of| is_of(of, uuid))))
        .filter(|row| !is_shared || has_offering(row, &|_| true))
        .collect();
    rows.sort_by(|a, b| a.title.cmp(&b.title));
    listing::page(call, &rows, |row, fields| render::category(call, state, row, fields))
}

//! `marketplace-component-usages` and `marketplace-component-user-usages`: usage by month.

mod amount;
pub(crate) mod report;
pub(crate) mod shares;

use chrono::NaiveDate;
use uuid::Uuid;

use crate::protocol::answer::{Answer, Outcome, no_match};
use crate::protocol::call::Call;
use crate::protocol::listing::{self, Ordered};
use crate::render;
use crate::store::{State, Usage, UserUsage};

const ORDERINGS: &[Ordered<Usage>] =
    &[("billing_period", |a, b| a.month.cmp(&b.month)), ("usage", |a, b| a.amount.cmp(&b.amount))];

const USER_ORDERINGS: &[Ordered<UserUsage>] = &[
    ("usage", |a, b| a.amount.cmp(&b.amount)),
    ("username", |a, b| a.username.cmp(&b.username)),
    ("component_usage__billing_period", |a, b| a.usage.cmp(&b.usage)),
];

/// The filters of a list of usages.
#[derive(Debug)]
struct Filter<'a> {
    resource: Option<Uuid>,
    offering: Option<Uuid>,
    project: Option<Uuid>,
    customer: Option<Uuid>,
    kind: Option<&'a str>,
    month: Option<NaiveDate>,
    after: Option<NaiveDate>,
    before: Option<NaiveDate>,
    year: Option<&'a str>,
    number: Option<&'a str>,
}

impl<'a> Filter<'a> {
    fn new(call: &'a Call, month: &'static str) -> Result<Self, Answer> {
        Ok(Self {
            resource: call.uuid_filter("resource_uuid")?,
            offering: call.uuid_filter("offering_uuid")?,
            project: call.uuid_filter("project_uuid")?,
            customer: call.uuid_filter("customer_uuid")?,
            kind: call.text("type"),
            month: call.date_filter(month)?,
            after: call.date_filter("date_after")?,
            before: call.date_filter("date_before")?,
            year: call.text("billing_period_year"),
            number: call.text("billing_period_month"),
        })
    }

    fn admits(&self, state: &State, usage: &Usage) -> bool {
        let Some(resource) = state.resources.get(usage.resource) else { return false };
        let day = usage.date.date_naive();
        let number = |text: Option<&str>, format: &str| {
            text.and_then(|text| text.parse::<u32>().ok())
                .is_none_or(|wanted| usage.month.format(format).to_string().parse() == Ok(wanted))
        };
        self.resource.is_none_or(|uuid| resource.uuid == uuid)
            && self.offering.is_none_or(|uuid| resource.offering == uuid)
            && self.project.is_none_or(|uuid| resource.project == uuid)
            && self
                .customer
                .is_none_or(|uuid| state.projects.get(resource.project).is_some_and(|p| p.customer == uuid))
            && self.kind.is_none_or(|kind| usage.component == kind)
            && self.month.is_none_or(|month| usage.month == month)
            && self.after.is_none_or(|after| day >= after)
            && self.before.is_none_or(|before| day <= before)
            && number(self.year, "%Y")
            && number(self.number, "%m")
    }
}

pub(crate) fn list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let filter = Filter::new(call, "billing_period")?;
    let open = filter.resource.is_some() && call.release.shows_usages_of_known_resources();
    let mut rows: Vec<&Usage> = state
        .usages
        .iter()
        .filter(|usage| filter.admits(state, usage))
        .filter(|usage| open || state.sees_usage(actor, usage))
        .collect();
    rows.sort_by(|a, b| a.component.cmp(&b.component));
    listing::order(call, &mut rows, ORDERINGS)?;
    listing::page(call, &rows, |usage, fields| render::usage(state, usage, fields))
}

pub(crate) fn retrieve(call: &Call, state: &mut State) -> Outcome {
    let usage = visible(call, state)?;
    listing::one(call, |fields| render::usage(state, usage, fields))
}

pub(crate) fn visible<'a>(call: &Call, state: &'a State) -> Result<&'a Usage, Answer> {
    let actor = call.actor()?;
    call.uuid()
        .and_then(|uuid| state.usages.get(uuid))
        .filter(|usage| state.sees_usage(actor, usage))
        .ok_or_else(|| no_match("ComponentUsage"))
}

pub(crate) fn user_list(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let filter = Filter::new(call, "component_usage__billing_period")?;
    let username = call.text("username");
    let mut rows: Vec<&UserUsage> = state
        .user_usages
        .iter()
        .filter(|row| username.is_none_or(|name| row.username == name))
        .filter(|row| {
            state
                .usages
                .get(row.usage)
                .is_some_and(|usage| filter.admits(state, usage) && state.sees_usage(actor, usage))
        })
        .collect();
    listing::order(call, &mut rows, USER_ORDERINGS)?;
    listing::page(call, &rows, |row, fields| {
        render::user_usage(call, state, row, call.fields_if_newer(fields))
    })
}

pub(crate) fn user_retrieve(call: &Call, state: &mut State) -> Outcome {
    let actor = call.actor()?;
    let row = call
        .uuid()
        .and_then(|uuid| state.user_usages.get(uuid))
        .filter(|row| state.usages.get(row.usage).is_some_and(|usage| state.sees_usage(actor, usage)))
        .ok_or_else(|| no_match("ComponentUserUsage"))?;
    listing::one(call, |fields| render::user_usage(call, state, row, call.fields_if_newer(fields)))
}

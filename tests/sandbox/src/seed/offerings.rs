//! What an offering asks of orders.

use serde_json::Value;
use uuid::Uuid;

use super::Seed;
use crate::store::{Category, OfferingState};

impl Seed<'_> {
    /// Adds a category of the marketplace.
    pub fn category(&mut self, title: &str) -> Uuid {
        let uuid = self.state.unused(&format!("category {title}"));
        self.state.categories.push(Category { uuid, title: title.to_owned() });
        uuid
    }

    /// Moves an offering to a category.
    pub fn categorise(&mut self, offering: Uuid, category: Uuid) {
        if let Some(row) = self.state.offerings.get_mut(offering) {
            row.category = category;
        }
    }

    /// Sets the least and the greatest limit of a component of an offering. Only components with the
    /// [billing type](Seed::billing_type) `limit` take limits.
    pub fn limit_bounds(&mut self, offering: Uuid, component: &str, min: Option<i64>, max: Option<i64>) {
        let components = self.state.offerings.get_mut(offering).map(|row| row.components.iter_mut());
        for row in components.into_iter().flatten().filter(|row| row.kind == component) {
            row.properties.min_value = min;
            row.properties.max_value = max;
        }
    }

    /// Makes a component of an offering one that is paid in advance. Resources of such offerings can be
    /// renewed.
    pub fn prepaid(&mut self, offering: Uuid, component: &str) {
        let components = self.state.offerings.get_mut(offering).map(|row| row.components.iter_mut());
        for row in components.into_iter().flatten().filter(|row| row.kind == component) {
            row.properties.is_prepaid = Some(true);
        }
    }

    /// Adds an attribute that orders of an offering have: its name, and its option as the schema has it,
    /// such as `{"label": "Queue", "type": "select_string", "choices": ["a", "b"], "required": true}`.
    pub fn order_option(&mut self, offering: Uuid, name: &str, option: Value) {
        if let Some(row) = self.state.offerings.get_mut(offering) {
            row.options.push((name.to_owned(), option));
        }
    }

    /// Archives a plan of an offering: it is listed, and can't be ordered.
    pub fn archive_plan(&mut self, offering: Uuid, plan: Uuid) {
        if let Some(row) = self.state.offerings.get_mut(offering) {
            let plans = std::iter::once(&mut row.plan).chain(&mut row.other_plans);
            plans.filter(|known| known.uuid == plan).for_each(|known| known.archived = true);
        }
    }

    /// Pauses an offering: it is listed, and can't be ordered.
    pub fn pause_offering(&mut self, offering: Uuid) {
        if let Some(row) = self.state.offerings.get_mut(offering) {
            row.state = OfferingState::Paused;
        }
    }
}

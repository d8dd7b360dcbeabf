//! The invoices of an organization.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::types::{BillingUnit, InvoiceStateEnum};
use waldur_api_client::{Client, builder};

use crate::collection::collection;
use crate::row::row;

row! {
    /// The invoice of a month. All amounts are exact.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct Invoice {
        /// The invoice's uuid.
        pub uuid: Uuid = need "uuid",
        /// The number; `None` if it has none yet.
        pub number: Option<i64> = optional "number",
        /// The year.
        pub year: Option<i64> = optional "year",
        /// The month, from 1 to 12.
        pub month: Option<i64> = optional "month",
        /// The state; that of the current month is pending, and its amounts grow.
        pub state: InvoiceStateEnum = or_unknown "state",
        /// The day on which it was issued.
        pub invoice_date: Option<NaiveDate> = optional "invoice_date",
        /// The day until which it is to be paid.
        pub due_date: Option<NaiveDate> = optional "due_date",
        /// The sum of the items without tax.
        pub price: Decimal = or_default "price",
        /// The tax.
        pub tax: Decimal = or_default "tax",
        /// The sum with tax.
        pub total: Decimal = or_default "total",
        /// The items.
        pub items: Vec<InvoiceItem> = or_default "items",
    }
}

row! {
    /// An item of an invoice.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    #[non_exhaustive]
    pub struct InvoiceItem {
        /// The item's uuid.
        pub uuid: Option<Uuid> = optional "uuid",
        /// What is billed, such as `waves (Polar cluster) / CPU`.
        pub name: String = or_default "name",
        /// The project.
        pub project_uuid: Option<Uuid> = optional "project_uuid",
        /// The name of the project.
        pub project_name: String = or_default "project_name",
        /// The marketplace resource; `None` for an item of no resource.
        pub resource_uuid: Option<Uuid> = optional "resource_uuid",
        /// The name of the resource.
        pub resource_name: String = or_default "resource_name",
        /// The first moment.
        pub start: Option<DateTime<Utc>> = optional "start",
        /// The last moment.
        pub end: Option<DateTime<Utc>> = optional "end",
        /// How much is billed.
        pub quantity: Decimal = or_default "quantity",
        /// What one costs.
        pub unit_price: Decimal = or_default "unit_price",
        /// What the [`quantity`](Self::quantity) counts.
        pub unit: Option<BillingUnit> = optional "unit",
        /// The unit of the component, such as `hours`; may be empty.
        pub measured_unit: String = or_default "measured_unit",
        /// The article code in accounting; empty if it has none.
        pub article_code: String = or_default "article_code",
        /// The price without tax.
        pub price: Decimal = or_default "price",
        /// The tax.
        pub tax: Decimal = or_default "tax",
        /// The price with tax.
        pub total: Decimal = or_default "total",
    }
}

/// The invoices of an organization, one a month. Filters narrow the collection; its verbs list it. Nothing is
/// sent until a verb is called. (`invoices_list`)
///
/// Owners of the organization see them.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until a verb is called"]
pub struct Invoices {
    client: Client,
    customer: Uuid,
    year: Option<i64>,
    month: Option<i64>,
}

collection!(Invoices, Invoice);

impl Invoices {
    pub(super) fn new(client: &Client, customer: Uuid) -> Self {
        Self { client: client.clone(), customer, year: None, month: None }
    }

    /// Keeps invoices of this year.
    pub fn year(mut self, year: u16) -> Self {
        self.year = Some(year.into());
        self
    }

    /// Keeps invoices of this month, from 1 to 12, of any year.
    pub fn month(mut self, month: u8) -> Self {
        self.month = Some(month.into());
        self
    }

    fn request(&self) -> builder::InvoicesList {
        let mut list = self.client.invoices_list().customer_uuid(self.customer);
        if let Some(year) = self.year {
            list = list.year(year);
        }
        if let Some(month) = self.month {
            list = list.month(month);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::row::of_json;

    #[test]
    fn amounts_are_exact() {
        let item =
            json!({ "price": 0.1, "quantity": "0.30", "unit_price": "1.2345678901", "total": "12.00" });
        let invoice = json!({ "uuid": "69846d71999058d5a659c45402fb0ffb", "total": "0.1", "items": [item] });
        let invoice: Invoice = of_json(&invoice).unwrap();
        let item = &invoice.items[0];
        assert_eq!((item.price, item.quantity), (Decimal::new(1, 1), Decimal::new(3, 1)));
        assert_eq!(item.unit_price, Decimal::new(12_345_678_901, 10));
        assert_eq!(invoice.total, Decimal::new(1, 1));
    }
}

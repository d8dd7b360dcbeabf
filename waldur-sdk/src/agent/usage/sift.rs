//! What of the measured usage is reported, and what is left out.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use uuid::Uuid;

use super::meter::{Measured, sum};
use super::report::{LeftOut, LeftOutReason};
use crate::usage::{Component, ComponentUsage, OfferingUsage, ReportedAmount, UserAmount, rounded};

/// The longest username that Waldur accepts, in characters.
const USERNAME_LENGTH: usize = 100;

/// How amounts are converted and which are reported.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// By component: how many units of the back end are one unit of Waldur.
    pub(super) factors: BTreeMap<String, Decimal>,
    pub(super) allow_decrease: bool,
}

/// What has to be sent for a resource.
#[derive(Debug, Default)]
pub(super) struct Sifted {
    pub(super) usages: Vec<ComponentUsage>,
    pub(super) unchanged: Vec<ComponentUsage>,
    pub(super) users: Vec<UserAmount>,
    pub(super) left_out: Vec<LeftOut>,
}

impl Rules {
    /// Returns the amount in the unit of Waldur, with two decimals.
    fn converted(&self, component: &str, amount: Decimal) -> Result<Decimal, LeftOutReason> {
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(LeftOutReason::Negative);
        }
        let converted = match self.factors.get(component) {
            Some(factor) => amount.checked_div(*factor),
            None => Some(amount),
        };
        converted.and_then(rounded).ok_or(LeftOutReason::TooLarge)
    }

    /// Returns the amount of a component, and its measured amount if it is left out.
    fn total(&self, component: &str, measured: &Measured) -> Result<Decimal, (Decimal, LeftOutReason)> {
        if let Some(total) = measured.total {
            return self.converted(component, total).map_err(|reason| (total, reason));
        }
        // The sum of the shares as they are reported: newer servers make it the amount of the component.
        let mut total = None;
        let mut odd = None;
        for (username, amount) in &measured.users {
            match self.share(component, username, *amount) {
                Ok(share) => total = Some(sum(total.unwrap_or_default(), share)),
                Err(reason) => odd = odd.or(Some((*amount, reason))),
            }
        }
        match (total, odd) {
            // Nothing but odd shares is not nothing.
            (None, Some(odd)) => Err(odd),
            (total, _) => {
                let total = total.unwrap_or_default();
                rounded(total).ok_or((total, LeftOutReason::TooLarge))
            }
        }
    }

    /// Returns the amount of a user.
    fn share(&self, component: &str, username: &str, amount: Decimal) -> Result<Decimal, LeftOutReason> {
        match (1..=USERNAME_LENGTH).contains(&username.chars().count()) {
            true => self.converted(component, amount),
            false => Err(LeftOutReason::InvalidUsername),
        }
    }

    /// Sorts the measured usage of a resource.
    pub(super) fn sift(
        &self,
        resource: Uuid,
        measured: &BTreeMap<String, Measured>,
        components: &[Component],
        there: &OfferingUsage,
        closed: &BTreeSet<String>,
    ) -> Sifted {
        let mut sifted = Sifted::default();
        for (type_, measured) in measured {
            let known = components.iter().find(|component| component.type_ == *type_);
            let amount = match (known, self.total(type_, measured)) {
                (None, Ok(amount) | Err((amount, _))) => Err((amount, LeftOutReason::UnknownComponent)),
                (Some(known), Ok(amount) | Err((amount, _))) if !known.is_reportable() => {
                    Err((amount, LeftOutReason::NotReportable))
                }
                (Some(_), Err(odd)) => Err(odd),
                (Some(_), Ok(amount)) => {
                    let reported = there.total(resource, type_);
                    match reported {
                        ReportedAmount::Is(before) if amount == before => Ok((amount, false)),
                        _ if closed.contains(type_) => Err((amount, LeftOutReason::MonthClosed)),
                        ReportedAmount::Is(before) if amount < before && !self.allow_decrease => {
                            Err((amount, LeftOutReason::Decrease { reported: before }))
                        }
                        ReportedAmount::Unreadable if !self.allow_decrease => {
                            Err((amount, LeftOutReason::Unreadable))
                        }
                        _ => Ok((amount, true)),
                    }
                }
            };
            match amount {
                Ok((amount, is_new)) => {
                    let usage = ComponentUsage { type_: type_.clone(), amount };
                    if is_new { &mut sifted.usages } else { &mut sifted.unchanged }.push(usage);
                    self.sift_users(resource, type_, measured, there, &mut sifted);
                }
                Err((amount, reason)) => {
                    sifted.left_out.push(LeftOut {
                        component: type_.clone(),
                        username: None,
                        amount,
                        reason,
                    });
                }
            }
        }
        sifted
    }

    fn sift_users(
        &self,
        resource: Uuid,
        type_: &str,
        measured: &Measured,
        there: &OfferingUsage,
        sifted: &mut Sifted,
    ) {
        for (username, measured) in &measured.users {
            match self.share(type_, username, *measured) {
                Ok(amount) if there.has_share(resource, type_, username, amount) => {}
                Ok(amount) => sifted.users.push(UserAmount {
                    component: type_.to_owned(),
                    username: username.clone(),
                    amount,
                }),
                Err(reason) => sifted.left_out.push(LeftOut {
                    component: type_.to_owned(),
                    username: Some(username.clone()),
                    amount: *measured,
                    reason,
                }),
            }
        }
    }
}

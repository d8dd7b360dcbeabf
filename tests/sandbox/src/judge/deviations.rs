//! Known deviations of the real server from its schema, with the reason for each.

use super::Wrong;

/// A property of responses that deviates from its schema.
#[derive(Debug)]
struct Deviation {
    /// The name of the schema.
    schema: &'static str,
    properties: &'static [&'static str],
    wrong: Wrong,
    #[allow(dead_code, reason = "for those who read the table")]
    reason: &'static str,
}

const DEVIATIONS: &[Deviation] = &[
    Deviation {
        schema: "OrderDetails",
        properties: &["category_icon", "offering_image", "offering_thumbnail"],
        wrong: Wrong::Null,
        reason: "pictures that aren't there are null",
    },
    Deviation {
        schema: "OrderDetails",
        properties: &["new_cost_estimate", "old_cost_estimate"],
        wrong: Wrong::Kind,
        reason: "estimates are JSON numbers",
    },
    Deviation {
        schema: "OrderDetails",
        properties: &[
            "consumer_reviewed_by",
            "consumer_reviewed_by_full_name",
            "consumer_reviewed_by_username",
            "provider_reviewed_by",
            "provider_reviewed_by_full_name",
            "provider_reviewed_by_username",
        ],
        wrong: Wrong::Absent,
        reason: "read through the reviewer, and left out where there is none",
    },
    Deviation {
        schema: "OrderDetails",
        properties: &["error_traceback"],
        wrong: Wrong::Absent,
        reason: "for staff only",
    },
    Deviation {
        schema: "Resource",
        properties: &[
            "category_icon",
            "limit_usage",
            "offering_image",
            "offering_thumbnail",
            "project_end_date_requested_by",
            "report",
            "scope",
        ],
        wrong: Wrong::Null,
        reason: "what isn't there is null",
    },
    Deviation {
        schema: "Resource",
        properties: &[
            "parent_name",
            "parent_offering_name",
            "parent_offering_slug",
            "parent_offering_uuid",
            "parent_uuid",
            "service_settings_uuid",
            "creation_order",
            "order_in_progress",
        ],
        wrong: Wrong::Absent,
        reason: "read through a relation, and left out where there is none; orders are only in single answers",
    },
    Deviation {
        schema: "Resource",
        properties: &["current_usages", "limits"],
        wrong: Wrong::Kind,
        reason: "amounts are strings with two decimals, or what the provider set",
    },
    Deviation {
        schema: "User",
        properties: &[
            "description",
            "is_active",
            "is_staff",
            "is_support",
            "token",
            "token_lifetime",
            "token_expires_at",
        ],
        wrong: Wrong::Absent,
        reason: "for staff, or for the user",
    },
    Deviation {
        schema: "ComponentUsage",
        properties: &["usage"],
        wrong: Wrong::Kind,
        reason: "amounts are strings with two decimals",
    },
    Deviation {
        schema: "ComponentUserUsage",
        properties: &["usage"],
        wrong: Wrong::Kind,
        reason: "amounts are strings with two decimals",
    },
    Deviation {
        schema: "ComponentUserUsage",
        properties: &["user"],
        wrong: Wrong::Null,
        reason: "a share need not belong to an account",
    },
    Deviation {
        schema: "NestedPriceEstimate",
        properties: &["current", "tax", "tax_current", "total"],
        wrong: Wrong::Kind,
        reason: "estimates are JSON numbers",
    },
    Deviation {
        schema: "BaseProviderPlan",
        properties: &["future_prices"],
        wrong: Wrong::Null,
        reason: "prices that aren't there are null",
    },
    Deviation {
        schema: "ProviderPlanDetails",
        properties: &["future_prices"],
        wrong: Wrong::Null,
        reason: "prices that aren't there are null",
    },
    Deviation {
        schema: "BasePublicPlan",
        properties: &["future_prices"],
        wrong: Wrong::Null,
        reason: "prices that aren't there are null",
    },
    Deviation {
        schema: "MarketplaceProviderCustomer",
        properties: &["payment_profiles"],
        wrong: Wrong::Null,
        reason: "null to those who may not see them",
    },
    Deviation {
        schema: "Project",
        properties: &["oecd_fos_2007_label"],
        wrong: Wrong::Null,
        reason: "what isn't there is null",
    },
    Deviation {
        schema: "ProjectPermissionLog",
        properties: &["project_end_date"],
        wrong: Wrong::Null,
        reason: "what isn't there is null",
    },
    Deviation {
        schema: "ProviderOfferingDetails",
        properties: &["scope"],
        wrong: Wrong::Null,
        reason: "what isn't there is null",
    },
    Deviation {
        schema: "PublicOfferingDetails",
        properties: &["scope"],
        wrong: Wrong::Null,
        reason: "what isn't there is null",
    },
    Deviation {
        schema: "ServiceProvider",
        properties: &["customer_image"],
        wrong: Wrong::Null,
        reason: "pictures that aren't there are null",
    },
    Deviation {
        schema: "ServiceProvider",
        properties: &["enable_notifications"],
        wrong: Wrong::Absent,
        reason: "not for those who aren't signed in",
    },
    Deviation {
        schema: "Version",
        properties: &["latest_version"],
        wrong: Wrong::Null,
        reason: "a server that doesn't look for newer ones",
    },
];

/// Properties of responses of a server of late 2024 that the schema no longer has.
const REMOVED: &[(&str, &[&str])] = &[
    ("Customer", &["organization_group", "projects"]),
    ("MergedSecretOptions", &["service_provider_can_create_offering_user"]),
    ("OfferingUser", &["propagation_date"]),
    ("OrderDetails", &["created_by", "offering_terms_of_service", "project"]),
    (
        "ProviderOfferingDetails",
        &["native_description", "native_name", "rating", "terms_of_service", "terms_of_service_link"],
    ),
    (
        "PublicOfferingDetails",
        &["native_description", "native_name", "rating", "terms_of_service", "terms_of_service_link"],
    ),
    ("Resource", &["offering_customer_uuid", "offering_terms_of_service"]),
    ("ServiceProvider", &["organization_group"]),
];

pub(crate) fn removed(schema: &str) -> &'static [&'static str] {
    REMOVED.iter().find(|(name, _)| *name == schema).map_or(&[], |(_, properties)| properties)
}

/// Objects that hold what a client has stored, besides the properties that the schema declares.
const FREE_FORM: &[&str] = &["BackendMetadata"];

pub(crate) fn known(schema: &str, property: &str, wrong: Wrong) -> bool {
    let is_free = wrong == Wrong::Extra && FREE_FORM.contains(&schema);
    is_free
        || DEVIATIONS.iter().any(|deviation| {
            deviation.wrong == wrong && deviation.schema == schema && deviation.properties.contains(&property)
        })
}

/// Properties of the schema that a server of late 2024 lacks, by schema or operation, as far as the sandbox
/// has them.
const NEWER: &[(&str, &[&str])] = &[
    (
        "OrderDetails",
        &[
            "completed_at",
            "consumer_reviewed_by_username",
            "created_by_email",
            "created_by_organization",
            "created_by_username",
            "old_plan_name",
            "old_plan_uuid",
            "provider_reviewed_by_username",
            "provider_slug",
            "slug",
            "url",
        ],
    ),
    // The response to the creation of an order has other properties than the order.
    (
        "marketplace_orders_create",
        &[
            "activation_price",
            "backend_id",
            "can_terminate",
            "completed_at",
            "created_by_civil_number",
            "created_by_email",
            "created_by_organization",
            "customer_slug",
            "fixed_price",
            "issue",
            "new_cost_estimate",
            "new_plan_name",
            "new_plan_uuid",
            "old_cost_estimate",
            "old_plan_name",
            "old_plan_uuid",
            "project_slug",
            "provider_reviewed_at",
            "provider_reviewed_by",
            "provider_slug",
            "slug",
            "termination_comment",
        ],
    ),
    ("Resource", &["last_sync", "offering_components", "offering_slug", "offering_state", "provider_slug"]),
    ("RobotAccount", &["description", "error_message", "error_traceback", "state"]),
    ("RobotAccountDetails", &["description", "error_message", "error_traceback", "provider_name", "state"]),
    ("Project", &["is_removed"]),
    ("ProjectUser", &["offering_user_state"]),
    ("ProviderOfferingDetails", &["backend_id_rules", "billing_type_classification"]),
    ("PublicOfferingDetails", &["billing_type_classification"]),
    ("User", &["active_isds", "managed_isds", "nationalities", "eduperson_assurance", "attribute_sources"]),
    (
        "OfferingUser",
        &[
            "has_consent",
            "requires_reconsent",
            "service_provider_comment",
            "service_provider_comment_url",
            "state",
            "user_email",
        ],
    ),
];

/// Properties that a server of late 2024 has under another name: schema, old name, new name.
const RENAMED: &[(&str, &str, &str)] = &[("RobotAccountDetails", "offering_customer_uuid", "provider_uuid")];

/// Returns the old names of a schema's properties, each with the new one.
pub(crate) fn renamed(schema: &str) -> impl Iterator<Item = (&'static str, &'static str)> + use<'_> {
    RENAMED.iter().filter(move |(name, _, _)| *name == schema).map(|(_, old, new)| (*old, *new))
}

pub(crate) fn newer(schema: &str) -> &'static [&'static str] {
    NEWER.iter().find(|(name, _)| *name == schema).map_or(&[], |(_, properties)| properties)
}

/// Operations that respond with an undeclared status.
const STATUSES: &[(&str, u16, &str)] = &[];

pub(crate) fn status(operation: &str, status: u16) -> bool {
    STATUSES.iter().any(|(id, known, _)| *id == operation && *known == status)
}

/// Operations that declare a body and respond without one.
const EMPTY: &[&str] = &["marketplace_orders_approve_by_provider", "marketplace_orders_approve_by_consumer"];

pub(crate) fn empty(operation: &str) -> bool {
    EMPTY.contains(&operation)
}

/// Operations that declare no body and respond with one.
const BODIES: &[&str] = &["marketplace_service_providers_set_offerings_username"];

pub(crate) fn body(operation: &str) -> bool {
    BODIES.contains(&operation)
}

/// Returns whether the server accepts a value that a parameter's schema forbids.
pub(crate) fn accepts(operation: &str, parameter: &str, value: &str) -> bool {
    // Resources are filtered by day.
    matches!(parameter, "created" | "modified")
        && operation.contains("resources")
        && chrono::NaiveDate::parse_from_str(value, "%Y-%m-%d").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::pin;

    /// Returns whether a schema has a property; `None` if there is no such schema.
    fn has(schema: &str, property: &str) -> Option<bool> {
        Some(pin::schema(schema)?.object()?.property(property).is_some())
    }

    #[test]
    fn deviating_properties_are_in_the_schema() {
        for deviation in DEVIATIONS {
            assert!(!deviation.reason.is_empty());
            for property in deviation.properties {
                assert_eq!(has(deviation.schema, property), Some(true), "{} {property}", deviation.schema);
            }
        }
        for (schema, properties) in NEWER {
            for property in *properties {
                assert_ne!(has(schema, property), Some(false), "{schema} {property}");
            }
        }
    }

    #[test]
    fn removed_properties_are_not_in_the_schema() {
        for (schema, properties) in REMOVED {
            for property in *properties {
                assert_eq!(has(schema, property), Some(false), "{schema} {property}");
            }
        }
    }
}

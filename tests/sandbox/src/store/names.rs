//! Uuids made from names, and texts that all offerings share.

use std::sync::LazyLock;

use uuid::Uuid;

/// The category of offerings by default.
pub(crate) const CATEGORY_TITLE: &str = "Computing";

pub(crate) const OFFERING_DESCRIPTION: &str = "Offered by the sandbox";

const NAMESPACE: Uuid = Uuid::from_u128(0x7761_6c64_7572_4073_a66e_6462_6f78_0001);

/// Returns the uuid of a name.
pub(crate) fn named(name: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

pub(crate) fn category() -> Uuid {
    static CATEGORY: LazyLock<Uuid> = LazyLock::new(|| named("category"));
    *CATEGORY
}

pub(crate) fn role_uuid(name: &str) -> Uuid {
    named(&format!("role {name}"))
}

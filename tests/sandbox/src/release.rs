//! Which server to be.

use crate::listing::Fields;

/// The age of the server that a sandbox stands in for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Release {
    /// As the schema of this workspace says, apart from what is known to differ on the wire.
    #[default]
    Schema,
    /// As a server of late 2024 was seen to answer: younger properties are absent, filters that have become
    /// lists take one value, and some lists don't know `field`.
    Late2024,
    /// As the schema says, and younger: it has operations that the schema doesn't know yet, such as
    /// `set_endpoints` of a provider's resource. Requests to those aren't judged.
    Newer,
}

impl Release {
    /// Old servers have less than the schema says.
    pub(crate) fn has_schema(self) -> bool {
        self != Self::Late2024
    }

    /// Some lists didn't know `field` at first.
    pub(crate) fn young_field(self, fields: &Fields) -> &Fields {
        if self == Self::Late2024 { &Fields::ALL } else { fields }
    }
}

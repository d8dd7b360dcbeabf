//! Facts about operations.

/// An operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Operation {
    /// The id of the operation in the schema.
    pub id: &'static str,
    /// The method, in uppercase.
    pub method: &'static str,
    /// The path, with the names of its parameters in braces.
    pub path: &'static str,
    /// Whether a body is required.
    pub body_required: bool,
}

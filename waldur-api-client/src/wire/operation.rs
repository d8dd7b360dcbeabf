//! The facts of an operation.

/// The facts of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The operation's id.
    pub id: &'static str,
    /// The method, in capitals.
    pub method: &'static str,
    /// The path, with names in braces.
    pub path: &'static str,
    /// Whether a body must be sent.
    pub body_required: bool,
}

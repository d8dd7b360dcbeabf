//! Which operations are lists, and which let their fields be chosen: facts that a pager and a projection
//! need.

use crate::call::{Call, Operation};
use crate::wire::Wire;

/// The facts of a list beside those of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListFacts {
    /// The operation that answers the headers of the list only, where there is one.
    pub head: Option<&'static Operation>,
    /// Whether it comes in pages.
    pub paged: bool,
    /// The names that its parameter `field` takes; none where it has no such parameter.
    pub fields: Option<&'static [&'static str]>,
}

/// A call whose answer is a list: implemented by the builder of every such operation.
pub trait ListCall: Sized {
    /// What is listed.
    type Item: Wire + Send + 'static;
    /// The facts of the list.
    const LIST: ListFacts;
    /// The call.
    fn into_call(self) -> Call;
}

/// A call whose answer is an object, of which fields can be chosen by the parameter `field`: implemented by
/// the builder of every such operation.
pub trait RetrieveCall: Sized {
    /// The names that `field` takes.
    const FIELDS: &'static [&'static str];
    /// The call.
    fn into_call(self) -> Call;
}

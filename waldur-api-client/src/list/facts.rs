//! Facts about operations that paging and projections need, and the traits of the builders that have them.

use self::sealed::{IntoCall, ListOperation};
use crate::call::Operation;
use crate::wire::LenientDecode;

/// The facts of a list beside those of its operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListFacts {
    /// The HEAD operation of the list, if there is one. Its response has the headers of the list only.
    pub head: Option<&'static Operation>,
    /// Whether the list has pages.
    pub paged: bool,
    /// The names that the parameter `field` accepts; `None` if there is no such parameter.
    pub fields: Option<&'static [&'static str]>,
}

/// A builder of a call whose response is a list. Only generated builders implement it; [`ListExt`] has their
/// functions.
///
/// [`ListExt`]: crate::ListExt
pub trait ListCall: ListOperation {
    /// The type of the items.
    type Item: LenientDecode + Send + 'static;
}

/// A builder of a call whose response is one object, and whose fields the parameter `field` selects. Only
/// generated builders implement it; [`RetrieveExt`] has their functions.
///
/// [`RetrieveExt`]: crate::RetrieveExt
pub trait RetrieveCall: IntoCall {
    /// The names that the parameter `field` accepts.
    const FIELDS: &'static [&'static str];
}

/// What generated builders implement for this crate. The module is private, so nothing else can.
pub(crate) mod sealed {
    use super::ListFacts;
    use crate::call::Call;

    /// A builder of a call.
    pub trait IntoCall: Sized {
        /// Returns the call.
        fn into_call(self) -> Call;
    }

    /// A builder of a call whose response is a list.
    pub trait ListOperation: IntoCall {
        /// The facts of the list.
        const LIST: ListFacts;
    }
}

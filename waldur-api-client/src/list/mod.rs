//! Lists: one set of verbs for every list operation, read page by page, whole or as far as the caller asks.

mod ext;
mod facts;
mod link;
mod pager;
mod projection;
mod request;
mod streams;

pub use ext::ListExt;
pub use facts::{ListCall, ListFacts, RetrieveCall};
pub use pager::PageToken;
pub use projection::{Projection, RetrieveExt, project};
pub use request::{ListRequest, MAX_PAGE_SIZE};
pub use streams::{ItemStream, Page, PageStream};

pub use request::ReadPage;

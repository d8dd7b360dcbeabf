//! Lists: the same functions for every list operation, to read it page by page, as a whole or in part.

mod ext;
mod facts;
mod link;
mod page_items;
mod page_token;
mod pager;
mod plan;
mod position;
mod projection;
mod request;
mod streams;
mod unread;
mod walk;

pub use ext::ListExt;
#[allow(
    unreachable_pub,
    unused_imports,
    reason = "public in `exchanges`; only generated code names it otherwise"
)]
pub use facts::ListFacts;
#[allow(unused_imports, reason = "only generated code names it, and some features generate no list")]
pub(crate) use facts::sealed;
pub use facts::{ListCall, RetrieveCall};
pub use page_items::PageItems;
pub use page_token::PageToken;
pub use plan::MAX_PAGE_SIZE;
pub use projection::{Projection, RetrieveExt, project};
pub use request::ListRequest;
pub use streams::{ItemStream, Page, PageStream};
pub use unread::Unread;

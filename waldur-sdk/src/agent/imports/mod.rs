//! Imports: Waldur learns which resources the back end has that it doesn't know.

mod backend;
mod import_run;
mod processor;
mod report;

pub use backend::{Importable, ImportableResource};
pub use processor::ImportsProcessor;
pub use report::{ImportRequest, ImportResult, ImportResultKind, LeftOutImport, ProcessedImport};

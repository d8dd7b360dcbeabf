//! What the generated code can do without, taken out.

use serde_json::Value;

use super::Result;

pub(super) fn slim(_file: &mut syn::File, _document: &Value) -> Result<()> {
    Ok(())
}

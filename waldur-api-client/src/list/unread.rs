//! Items that aren't read.

use crate::wire::{LenientDecode, Source, Stopped};

/// An item of a list whose content is skipped: of a list that is counted, or whose fields are yet to be
/// selected. The code that reads the operation's model isn't compiled for it.
#[derive(Clone, Copy, Debug)]
pub struct Unread;

impl LenientDecode for Unread {
    fn read(source: &mut dyn Source) -> Result<Option<Self>, Stopped> {
        source.skip()?;
        Ok(Some(Self))
    }
}

//! Which server to be.

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
}

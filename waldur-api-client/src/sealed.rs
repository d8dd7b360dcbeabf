//! The seal of public traits that only this crate implements.

/// Seals a public trait: a crate that can't name this trait can't implement the other.
pub trait Sealed {}

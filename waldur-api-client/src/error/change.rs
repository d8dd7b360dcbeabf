//! What is known of a change whose request failed, once the object was read again.
//!
//! The functions are for the crates that do so; they are no part of the public interface.

use std::fmt;

use super::{Error, ErrorKind};

/// What reading an object showed about a change whose request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// It was not applied, and still could be.
    NotApplied,
    /// It isn't possible in the state that the object is in by now.
    Superseded,
    /// The object could not be read, or doesn't tell.
    Unknown,
    /// Nothing was sent, because the server kept failing.
    HeldBack,
}

impl Error {
    /// Returns this error as one after which the object was read, and the change was not applied. `state` says how
    /// the object is.
    #[doc(hidden)]
    #[must_use]
    pub fn not_applied(mut self, state: &str) -> Self {
        self.0.confirmation = Some(Confirmation::NotApplied);
        self.with_note(format!("it was not applied: {state}"))
    }

    /// Returns this error as one after which it is not known whether the change was applied: the object doesn't
    /// tell, or could not be read.
    #[doc(hidden)]
    #[must_use]
    pub fn unconfirmed(mut self, why: &dyn fmt::Display) -> Self {
        self.0.confirmation = Some(Confirmation::Unknown);
        self.with_note(format!("whether it was applied is not known: {why}"))
    }

    /// Returns the error of a request that isn't sent because the server kept failing. `problem` says since when.
    #[doc(hidden)]
    #[must_use]
    pub fn held_back(problem: String) -> Self {
        let mut error = Self::new(ErrorKind::Server, problem).unsent(true);
        error.0.confirmation = Some(Confirmation::HeldBack);
        error
    }

    /// Returns whether this is [`Error::held_back`].
    #[doc(hidden)]
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.0.confirmation == Some(Confirmation::HeldBack)
    }

    /// Returns whether this is [`Error::superseded`].
    #[doc(hidden)]
    #[must_use]
    pub fn is_superseded(&self) -> bool {
        self.0.confirmation == Some(Confirmation::Superseded)
    }

    /// Returns the error of a change that isn't possible any more in the `state` that the object is in, as was read
    /// after this error.
    #[doc(hidden)]
    #[must_use]
    pub fn superseded(self, state: String) -> Self {
        let mut error = Self::new(ErrorKind::Conflict, state);
        error.0.confirmation = Some(Confirmation::Superseded);
        error.0.attempts = self.0.attempts;
        (error.0.operation, error.0.raw) = (self.0.operation, self.0.raw.clone());
        error.with_source(self)
    }
}

//! Errors of changes whose object was read again after the request failed.
//!
//! The functions are for the crates above. They are not part of the public interface.

use std::fmt;

use super::{Error, ErrorKind};

/// The state of a change whose request failed, from reading the object again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// The change was not applied, and is still possible.
    NotApplied,
    /// The change is not possible any more in the current state of the object.
    Superseded,
    /// The object could not be read, or doesn't show whether the change was applied.
    Unknown,
    /// The request was not sent, because the server kept failing.
    HeldBack,
}

impl Error {
    /// Marks the change as not applied, which reading the object showed. `state` describes the object.
    #[doc(hidden)]
    #[must_use]
    pub fn not_applied(mut self, state: &str) -> Self {
        self.0.confirmation = Some(Confirmation::NotApplied);
        self.with_note(format!("it was not applied: {state}"))
    }

    /// Marks it as unknown whether the change was applied: the object doesn't show it, or could not be read.
    #[doc(hidden)]
    #[must_use]
    pub fn unconfirmed(mut self, why: &dyn fmt::Display) -> Self {
        self.0.confirmation = Some(Confirmation::Unknown);
        self.with_note(format!("whether it was applied is not known: {why}"))
    }

    /// Returns the error of a request that is not sent because the server kept failing. `problem` has the
    /// details.
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

    /// Returns the error of a change that is not possible any more in the current `state` of the object,
    /// which was read after this error.
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

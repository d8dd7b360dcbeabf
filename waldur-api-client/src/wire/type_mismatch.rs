//! The values of a response that don't fit their fields, recorded while it is decoded.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;

/// A value of a response that doesn't fit its field. The field is decoded as if it were absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeMismatch {
    /// The kind of value that the field holds, such as "an integer".
    pub expected: &'static str,
    /// The kind of value that the server sent, such as "a text".
    pub found: &'static str,
    /// The steps of the path, the innermost first.
    steps: Vec<Cow<'static, str>>,
    kind: Kind,
}

/// What was recorded at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value that doesn't fit its field.
    Mismatch,
    /// A field that the model doesn't have.
    UnknownField,
    /// A value of an enum that the client knows.
    #[cfg(feature = "exchanges")]
    KnownValue,
    /// A value of an enum that the client doesn't know.
    #[cfg(feature = "exchanges")]
    UnknownValue,
}

impl TypeMismatch {
    pub(super) fn new(expected: &'static str, found: &'static str) -> Self {
        Self { expected, found, steps: Vec::new(), kind: Kind::Mismatch }
    }

    /// Returns what was recorded.
    #[cfg(feature = "exchanges")]
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the JSON path of the value.
    pub fn path(&self) -> String {
        self.steps.iter().rev().fold("$".to_owned(), |mut path, step| {
            if !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
            path
        })
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.path(), self.expected, self.found)
    }
}

thread_local! {
    // Decoding never yields, so that one decoding has the thread for itself.
    static MISMATCHES: RefCell<Vec<TypeMismatch>> = const { RefCell::new(Vec::new()) };
    // Their number. It is read at every field, so it must be cheap.
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static NOTES_ALL: Cell<bool> = const { Cell::new(false) };
}

/// Records that a value of kind `found` stands where `expected` should.
pub(super) fn mismatch(expected: &'static str, found: &'static str) {
    note(TypeMismatch::new(expected, found));
}

#[cold]
fn note(mismatch: TypeMismatch) {
    MISMATCHES.with_borrow_mut(|all| all.push(mismatch));
    COUNT.set(COUNT.get() + 1);
}

/// Records for the warnings about the response that a value of kind `found` stands where `expected` should.
#[doc(hidden)]
pub fn note_mismatch(expected: &'static str, found: &'static str) {
    mismatch(expected, found);
}

/// Records that a model doesn't have the field `name`, if more than mismatches is recorded.
pub(crate) fn unknown(name: &str) {
    if NOTES_ALL.get() {
        let steps = vec![name.to_owned().into()];
        note(TypeMismatch { expected: "no such field", found: "a field", steps, kind: Kind::UnknownField });
    }
}

/// Records a value of an enum, if more than mismatches is recorded.
#[cfg(feature = "exchanges")]
pub(crate) fn enum_value(is_known: bool) {
    if NOTES_ALL.get() {
        let kind = if is_known { Kind::KnownValue } else { Kind::UnknownValue };
        note(TypeMismatch { expected: "a known value", found: "a text", steps: Vec::new(), kind });
    }
}

/// Returns how many mismatches were recorded so far.
pub(crate) fn mark() -> usize {
    COUNT.get()
}

/// Adds `step` to the paths of the mismatches that were recorded since `mark`.
pub(crate) fn at(mark: usize, step: impl FnOnce() -> Cow<'static, str>) {
    if COUNT.get() > mark {
        add_step(mark, step());
    }
}

#[cold]
fn add_step(mark: usize, step: Cow<'static, str>) {
    MISMATCHES.with_borrow_mut(|all| {
        let since = all.iter_mut().skip(mark);
        let steps = std::iter::repeat_n(step, since.len());
        since.zip(steps).for_each(|(mismatch, step)| mismatch.steps.push(step));
    });
}

/// Returns the recorded mismatches and clears the record.
pub(super) fn take_mismatches() -> Vec<TypeMismatch> {
    COUNT.set(0);
    MISMATCHES.take()
}

/// Records unknown fields and values of enums as well while `decode` runs.
#[cfg(feature = "exchanges")]
pub(super) fn with_all_notes<T>(decode: impl FnOnce() -> T) -> T {
    NOTES_ALL.set(true);
    let decoded = decode();
    NOTES_ALL.set(false);
    decoded
}

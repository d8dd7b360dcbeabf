//! Transitions of offering users and robot accounts between their states.

use std::fmt;

use uuid::Uuid;
use waldur_api_client::{Client, Error, ErrorKind, Operation};

use crate::confirm::{Applied, Confirm, Seen};

/// A transition of one kind of object. [`transitions!`] declares its table.
pub(super) trait Transition: Copy + fmt::Display + Send + Sync + 'static {
    /// The states of the object. A server may have none.
    type State: Clone + PartialEq + fmt::Display + Send + Sync;
    /// The body of the request.
    type Body: Clone + Send + Sync;

    /// The name of the object in messages.
    const OBJECT: &'static str;

    fn is_legal_from(self, state: &Self::State) -> bool;

    fn target(self) -> Self::State;

    fn operation(self) -> &'static Operation;

    /// Reads the state of the object.
    fn state(client: &Client, uuid: Uuid) -> impl Future<Output = Result<Option<Self::State>, Error>> + Send;

    /// Sends the transition.
    fn send(
        self,
        client: &Client,
        uuid: Uuid,
        body: Self::Body,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Reads the object, sends the transition unless the object is in the target state, and reads the object
/// again if the response leaves open whether the transition was applied.
///
/// # Errors
/// [`Error::is_conflict`] if the transition isn't legal from the object's state; the server's refusal; and
/// [`Error::is_unconfirmed`] if whether the transition was applied is unknown.
pub(super) async fn apply<T: Transition>(
    client: &Client,
    transition: T,
    uuid: Uuid,
    body: T::Body,
) -> Result<Applied, Error> {
    let now = T::state(client, uuid).await?;
    apply_from(client, Confirm::new(client), None, now.as_ref(), transition, uuid, body).await
}

/// Applies a transition to an object whose state is known. With `doubt`, the error of an earlier attempt, the
/// object is read first.
///
/// # Errors
/// Those of [`apply`].
pub(super) async fn apply_from<T: Transition>(
    client: &Client,
    confirm: Confirm<'_>,
    doubt: Option<Error>,
    now: Option<&T::State>,
    transition: T,
    uuid: Uuid,
    body: T::Body,
) -> Result<Applied, Error> {
    let target = transition.target();
    match now {
        Some(state) if doubt.is_none() && *state == target => return Ok(Applied::Already),
        Some(state) if doubt.is_none() && !transition.is_legal_from(state) => {
            let problem = format!("{transition} is not possible: the {} is {state}", T::OBJECT);
            return Err(Error::new(ErrorKind::Conflict, problem).with_operation(transition.operation()));
        }
        _ => {}
    }
    let send = || transition.send(client, uuid, body.clone());
    let look = || async {
        let object = T::OBJECT;
        Ok(match T::state(client, uuid).await? {
            Some(state) if state == target => Seen::Applied(()),
            Some(state) if transition.is_legal_from(&state) => {
                Seen::Unchanged(format!("the {object} is still {state}"))
            }
            Some(state) => Seen::Superseded(format!("the {object} is {state}")),
            None => Seen::Unclear(format!("the {object} has no state")),
        })
    };
    // By the schema, an illegal transition is a 400; some servers respond with 409.
    let looks_after = |error: &Error| error.is_ambiguous() || error.is_conflict() || error.is_validation();
    let ((), applied) = confirm.after(looks_after).go_on(doubt, send, look).await?;
    Ok(applied)
}

/// Declares an enum of transitions by a table: the server's name, the states that a transition is legal from,
/// the target state, and the operation, which may have a body.
///
/// The header names the type of the states, the object in messages, its handle, and the type of the body.
macro_rules! transitions {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident of $state:ident: $object:literal, $handle:ty, $body:ty {
            $(
                $(#[$doc:meta])*
                $variant:ident = $text:literal from [$($source:ident)|+] to $target:ident by $operation:ident
                    $($with:ident)?;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        $vis enum $name {
            $( $(#[$doc])* $variant, )*
        }

        impl $name {
            /// All transitions.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// Returns the server's name of the transition.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                }
            }

            /// Returns whether the transition is legal from `state`.
            #[must_use]
            pub fn is_legal_from(self, state: &$state) -> bool {
                match self {
                    $( Self::$variant => matches!(state, $( $state::$source )|+), )*
                }
            }

            /// Returns the state that the transition leads to.
            #[must_use]
            pub fn target(self) -> $state {
                match self {
                    $( Self::$variant => $state::$target, )*
                }
            }

            /// Returns the transitions that are legal from `state`, or none if the state is unknown.
            fn legal_from(state: Option<$state>) -> impl Iterator<Item = Self> + use<> {
                let all = Self::ALL.iter().copied();
                all.filter(move |transition| state.as_ref().is_some_and(|state| transition.is_legal_from(state)))
            }
        }

        impl $crate::accounts::state_machine::Transition for $name {
            type State = $state;
            type Body = $body;

            const OBJECT: &'static str = $object;

            fn is_legal_from(self, state: &$state) -> bool {
                Self::is_legal_from(self, state)
            }

            fn target(self) -> $state {
                Self::target(self)
            }

            fn operation(self) -> &'static ::waldur_api_client::Operation {
                match self {
                    $( Self::$variant => ::waldur_api_client::builder::$operation::OPERATION, )*
                }
            }

            async fn state(
                client: &::waldur_api_client::Client,
                uuid: ::uuid::Uuid,
            ) -> Result<Option<$state>, ::waldur_api_client::Error> {
                Ok(<$handle>::new(client, uuid).get().await?.state)
            }

            async fn send(
                self,
                client: &::waldur_api_client::Client,
                uuid: ::uuid::Uuid,
                body: $body,
            ) -> Result<(), ::waldur_api_client::Error> {
                match self {
                    $(
                        Self::$variant => {
                            let call = ::waldur_api_client::builder::$operation::new(client).uuid(uuid);
                            $( let call = call.$with(body); )?
                            call.send().await.map(drop)
                        }
                    )*
                }
            }
        }

        /// Writes the server's name.
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        /// Serializes as the server's name.
        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        /// Reads the server's name. Anything else is an error of kind
        /// [`Validation`](::waldur_api_client::ErrorKind::Validation).
        impl ::std::str::FromStr for $name {
            type Err = ::waldur_api_client::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|transition| transition.as_str() == text);
                found.ok_or_else(|| {
                    let problem = format!("`{text}` is not the name of a transition");
                    ::waldur_api_client::Error::new(::waldur_api_client::ErrorKind::Validation, problem)
                })
            }
        }
    };
}

pub(super) use transitions;

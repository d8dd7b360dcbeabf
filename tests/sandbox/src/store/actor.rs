//! The users that have a token.

use std::sync::LazyLock;

use uuid::Uuid;

use super::named;

/// A default user with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// Staff: may do everything.
    Staff,
    /// Owner of the customer that provides the offerings.
    Provider,
    /// Owner of the customer that orders.
    Consumer,
    /// Administrator of the consumer's project.
    Alice,
    /// Member of the consumer's project.
    Bob,
    /// A user without any role.
    Outsider,
}

impl Actor {
    /// All actors, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Staff, Self::Provider, Self::Consumer, Self::Alice, Self::Bob, Self::Outsider];

    /// Returns the username.
    pub fn username(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Provider => "provider",
            Self::Consumer => "consumer",
            Self::Alice => "alice",
            Self::Bob => "bob",
            Self::Outsider => "outsider",
        }
    }

    /// Returns the user's uuid. It is computed once, since every row of a list needs it.
    pub(crate) fn uuid(self) -> Uuid {
        static UUIDS: LazyLock<[Uuid; 6]> =
            LazyLock::new(|| Actor::ALL.map(|actor| named(&format!("user {}", actor.username()))));
        UUIDS[self as usize]
    }

    /// Returns the token: the same 40 hex digits in every sandbox.
    pub(crate) fn token(self) -> String {
        Self::token_named(self.username())
    }

    /// Returns the token that replaces the ones before it.
    pub(crate) fn later_token(self, number: usize) -> String {
        Self::token_named(&format!("{} {number}", self.username()))
    }

    fn token_named(name: &str) -> String {
        let first = named(&format!("token {name}"));
        let second = named(&format!("token {name} again"));
        let mut token = format!("{}{}", first.simple(), second.simple());
        token.truncate(40);
        token
    }

    /// Returns the number that some responses have instead of a uuid.
    pub(crate) fn number(self) -> u64 {
        self as u64 + 1
    }
}

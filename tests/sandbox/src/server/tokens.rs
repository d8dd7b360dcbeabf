//! Authentication of requests.

use std::sync::Mutex;

use http::{HeaderMap, header};
use uuid::Uuid;

use crate::protocol::answer::Answer;
use crate::server::shared::lock;
use crate::store::Actor;

/// The tokens of all actors.
#[derive(Debug)]
pub(crate) struct Tokens {
    first: [(Actor, String); 6],
    /// Those that replaced others.
    later: Mutex<Vec<(Actor, String)>>,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self { first: Actor::ALL.map(|actor| (actor, actor.token())), later: Mutex::default() }
    }

    /// Returns the token that an actor starts with.
    pub(crate) fn first(&self, actor: Actor) -> &str {
        self.first.iter().find(|(who, _)| *who == actor).map_or("", |(_, token)| token)
    }

    pub(crate) fn current(&self, actor: Actor) -> String {
        let later = lock(&self.later);
        let last = later.iter().rev().find(|(who, _)| *who == actor);
        last.map_or_else(|| self.first(actor).to_owned(), |(_, token)| token.clone())
    }

    /// Replaces the token of an actor.
    pub(crate) fn rotate(&self, actor: Actor) -> String {
        let mut later = lock(&self.later);
        let token = actor.later_token(later.len() + 1);
        later.push((actor, token.clone()));
        token
    }

    fn owner(&self, token: &str) -> Option<Actor> {
        Actor::ALL.into_iter().find(|actor| self.current(*actor) == token)
    }

    /// Returns the caller by the request's headers; `None` if there are no credentials.
    ///
    /// `Token <40 hex>` is a token, `Bearer w_<40 hex>` a personal access token. Any other scheme counts as
    /// no credentials. A wrong token is refused, also by routes that need none.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<Option<Actor>, Answer> {
        let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return Ok(None);
        };
        let mut words = value.split_ascii_whitespace();
        let (scheme, token) = (words.next().unwrap_or_default(), words.next());
        let actor = if scheme.eq_ignore_ascii_case("token") {
            match (token, words.next()) {
                (None, _) => {
                    return Err(Answer::unauthorized("Invalid token header. No credentials provided."));
                }
                (_, Some(_)) => {
                    return Err(Answer::unauthorized(
                        "Invalid token. Token string should not contain spaces.",
                    ));
                }
                (Some(token), None) => self.owner(token),
            }
        } else if let Some(token) =
            token.filter(|_| scheme.eq_ignore_ascii_case("bearer")).and_then(|t| t.strip_prefix("w_"))
        {
            self.owner(token)
        } else {
            return Ok(None);
        };
        let actor = actor.ok_or_else(|| Answer::unauthorized("Invalid token."))?;
        Ok(Some(if actor == Actor::Staff { impersonated(headers).unwrap_or(actor) } else { actor }))
    }
}

/// Returns the personal access token of a request.
pub(crate) fn personal(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.starts_with("w_")).then(|| token.to_owned())
}

/// Returns the user that staff impersonates.
fn impersonated(headers: &HeaderMap) -> Option<Actor> {
    let uuid = headers.get("x-impersonated-user-uuid")?.to_str().ok()?;
    let uuid = Uuid::parse_str(uuid).ok()?;
    Actor::ALL.into_iter().find(|actor| actor.uuid() == uuid)
}

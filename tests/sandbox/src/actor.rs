//! Who calls, and what that person may see and do.

use std::sync::LazyLock;

use http::{HeaderMap, header};
use uuid::Uuid;

use crate::answer::{Answer, forbidden};
use crate::model::{OWNER, Offering, OfferingUser, Order, Person, Project, Resource, Usage};
use crate::seed::named;
use crate::state::State;

/// A person of the seed, each with a token of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// Runs the deployment and may do everything.
    Staff,
    /// Owns the organisation that provides the offerings.
    Provider,
    /// Owns the organisation that orders.
    Consumer,
    /// Administers the consumer's project.
    Alice,
    /// Works in the consumer's project.
    Bob,
    /// Signed in, but has no role anywhere.
    Outsider,
}

impl Actor {
    /// Everybody, in the order of declaration.
    pub const ALL: [Self; 6] =
        [Self::Staff, Self::Provider, Self::Consumer, Self::Alice, Self::Bob, Self::Outsider];

    /// The name to sign in with.
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

    /// The uuid of the person's user. Every row of every list asks for it, so it is computed once.
    pub(crate) fn uuid(self) -> Uuid {
        static UUIDS: LazyLock<[Uuid; 6]> =
            LazyLock::new(|| Actor::ALL.map(|actor| named(&format!("user {}", actor.username()))));
        UUIDS[self as usize]
    }

    /// The same 40 hex digits in every sandbox.
    pub(crate) fn token(self) -> String {
        let first = named(&format!("token {}", self.username()));
        let second = named(&format!("token {} again", self.username()));
        let mut token = format!("{}{}", first.simple(), second.simple());
        token.truncate(40);
        token
    }

    /// The number that some answers give instead of a uuid.
    pub(crate) fn number(self) -> u64 {
        self as u64 + 1
    }
}

/// Everybody's tokens, made once.
#[derive(Debug)]
pub(crate) struct Tokens([(Actor, String); 6]);

impl Tokens {
    pub(crate) fn new() -> Self {
        Self(Actor::ALL.map(|actor| (actor, actor.token())))
    }

    pub(crate) fn of(&self, actor: Actor) -> &str {
        self.0.iter().find(|(who, _)| *who == actor).map_or("", |(_, token)| token)
    }

    fn owner(&self, token: &str) -> Option<Actor> {
        self.0.iter().find(|(_, known)| known == token).map(|(actor, _)| *actor)
    }

    /// Who the headers say is calling; `None` is nobody.
    ///
    /// `Token <40 hex>` is the ordinary form; `Bearer w_<40 hex>` is how a personal access token goes. Any
    /// other scheme counts as not signed in; a wrong token is refused, even where nobody has to be signed in.
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

/// Staff may act as somebody else.
fn impersonated(headers: &HeaderMap) -> Option<Actor> {
    let uuid = headers.get("x-impersonated-user-uuid")?.to_str().ok()?;
    let uuid = Uuid::parse_str(uuid).ok()?;
    Actor::ALL.into_iter().find(|actor| actor.uuid() == uuid)
}

fn person_sees_project(person: &Person, project: &Project) -> bool {
    person
        .roles
        .iter()
        .any(|role| role.scope == project.uuid || (role.scope == project.customer && role.name == OWNER))
}

/// What a signed-in person may see and do, in one place.
impl State {
    pub(crate) fn owns(&self, actor: Actor, customer: Uuid) -> bool {
        self.person(actor).is_some_and(|person| person.owns(customer))
    }

    /// The person speaks for the organisation that provides the offering.
    pub(crate) fn provides(&self, actor: Actor, offering: Uuid) -> bool {
        actor == Actor::Staff
            || self.offerings.get(offering).is_some_and(|offering| self.owns(actor, offering.customer))
    }

    /// The offerings that the person provides, for lists that ask for each of many rows.
    pub(crate) fn provided(&self, actor: Actor) -> Vec<Uuid> {
        self.offerings.iter().map(|row| row.uuid).filter(|uuid| self.provides(actor, *uuid)).collect()
    }

    /// The person owns the organisation that the project belongs to.
    pub(crate) fn consumes(&self, actor: Actor, project: Uuid) -> bool {
        actor == Actor::Staff
            || self.projects.get(project).is_some_and(|project| self.owns(actor, project.customer))
    }

    /// The person owns the project's organisation, or works in the project.
    pub(crate) fn sees_project(&self, actor: Actor, project: &Project) -> bool {
        actor == Actor::Staff || self.person(actor).is_some_and(|person| person_sees_project(person, project))
    }

    fn sees_project_of(&self, actor: Actor, resource: &Resource) -> bool {
        self.projects.get(resource.project).is_some_and(|project| self.sees_project(actor, project))
    }

    pub(crate) fn sees_customer(&self, actor: Actor, customer: Uuid) -> bool {
        actor == Actor::Staff
            || self.owns(actor, customer)
            || self
                .projects
                .iter()
                .any(|project| project.customer == customer && self.sees_project(actor, project))
    }

    /// `marketplace-resources` is the consumer's view: a provider sees nothing there.
    pub(crate) fn sees_as_consumer(&self, actor: Actor, resource: &Resource) -> bool {
        self.sees_project_of(actor, resource)
    }

    /// `marketplace-provider-resources` is the provider's view.
    pub(crate) fn sees_as_provider(&self, actor: Actor, resource: &Resource) -> bool {
        self.provides(actor, resource.offering)
    }

    /// Orders and usages are seen from both sides.
    pub(crate) fn sees_order(&self, actor: Actor, order: &Order) -> bool {
        self.provides(actor, order.offering)
            || self
                .resources
                .get(order.resource)
                .is_some_and(|resource| self.sees_project_of(actor, resource))
    }

    pub(crate) fn sees_usage(&self, actor: Actor, usage: &Usage) -> bool {
        self.resources.get(usage.resource).is_some_and(|resource| {
            self.provides(actor, resource.offering) || self.sees_project_of(actor, resource)
        })
    }

    pub(crate) fn sees_offering(&self, actor: Actor, offering: &Offering) -> bool {
        self.provides(actor, offering.uuid)
    }

    pub(crate) fn sees_offering_user(&self, actor: Actor, account: &OfferingUser) -> bool {
        self.provides(actor, account.offering) || actor.uuid() == account.person
    }

    /// Oneself, those who share a project or its organisation, and the users of one's offerings.
    pub(crate) fn sees_person(&self, actor: Actor, person: &Person) -> bool {
        if actor == Actor::Staff || person.actor == Some(actor) {
            return true;
        }
        if self.serves(actor, person) {
            return true;
        }
        self.projects
            .iter()
            .any(|project| self.sees_project(actor, project) && person_sees_project(person, project))
    }

    /// The person works in a project that has a resource of one of the actor's offerings.
    pub(crate) fn serves(&self, actor: Actor, person: &Person) -> bool {
        self.resources.iter().any(|resource| {
            person.role_in(resource.project).is_some() && self.provides(actor, resource.offering)
        })
    }

    /// Refuses everybody but the provider of the offering and staff.
    pub(crate) fn must_provide(&self, actor: Actor, offering: Uuid) -> Result<(), Answer> {
        if self.provides(actor, offering) { Ok(()) } else { Err(forbidden()) }
    }

    /// Refuses everybody but the owner of the project's organisation and staff.
    pub(crate) fn must_consume(&self, actor: Actor, project: Uuid) -> Result<(), Answer> {
        if self.consumes(actor, project) { Ok(()) } else { Err(forbidden()) }
    }
}

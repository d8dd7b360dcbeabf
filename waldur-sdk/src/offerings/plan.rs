//! What has to be done so that the components of an offering match a set.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;
use uuid::Uuid;
use waldur_api_client::{Error, ErrorKind, Operation, builder};

use super::definition::ComponentDefinition;
use super::details::{OfferingComponent, OfferingDetails};

const CREATE: &Operation = builder::MarketplaceProviderOfferingsCreateOfferingComponent::OPERATION;

/// What is done with one component.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComponentStep {
    /// The component matches, or comes with the type of the offering. Nothing is sent.
    Keep {
        /// The component's type.
        #[serde(rename = "type")]
        type_: String,
    },
    /// The offering doesn't have the component.
    Create {
        /// The wanted definition.
        definition: ComponentDefinition,
    },
    /// The component differs.
    Update {
        /// The component's uuid.
        uuid: Uuid,
        /// The wanted definition, with the values that the component keeps.
        definition: ComponentDefinition,
        /// The fields that change.
        changed: Vec<&'static str>,
    },
    /// The component isn't in the set.
    Remove {
        /// The component's uuid.
        uuid: Uuid,
        /// The component's type.
        #[serde(rename = "type")]
        type_: String,
    },
}

impl ComponentStep {
    /// Returns whether the components show the step as done.
    pub(super) fn is_applied(&self, components: &[OfferingComponent]) -> bool {
        match self {
            Self::Keep { .. } => true,
            Self::Create { definition } | Self::Update { definition, .. } => components.iter().any(|there| {
                there.definition.type_ == definition.type_ && definition.onto(&there.definition).1.is_empty()
            }),
            Self::Remove { uuid, .. } => components.iter().all(|there| there.uuid != *uuid),
        }
    }
}

impl fmt::Display for ComponentStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keep { type_ } => write!(f, "keep {type_}"),
            Self::Create { definition } => write!(f, "create {}", definition.type_),
            Self::Update { definition, changed, .. } => {
                write!(f, "update {}: {}", definition.type_, changed.join(", "))
            }
            Self::Remove { type_, .. } => write!(f, "remove {type_}"),
        }
    }
}

/// What has to be done so that the components of an offering match a set: a step for each component. Displays
/// one step per line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
#[must_use = "nothing is done until it is applied"]
pub struct ComponentPlan {
    /// The offering.
    pub offering_uuid: Uuid,
    /// The steps, in the order of the set. Components that aren't in the set come last.
    pub steps: Vec<ComponentStep>,
}

impl ComponentPlan {
    /// Compares the components of an offering with a set.
    ///
    /// # Errors
    /// If the set has a type twice, or a definition that every server refuses ([`Error::is_validation`]; the
    /// error names the component).
    pub fn between(offering: &OfferingDetails, wanted: &[ComponentDefinition]) -> Result<Self, Error> {
        let refuse = |problem: String| Error::new(ErrorKind::Validation, problem).with_operation(CREATE);
        let mut types = HashSet::new();
        let mut steps = Vec::with_capacity(wanted.len());
        for definition in wanted {
            if let Some(problem) = definition.problem() {
                return Err(refuse(problem));
            }
            if !types.insert(definition.type_.as_str()) {
                return Err(refuse(format!("{}: the set has it twice", definition.type_)));
            }
            let mut components = offering.components.iter();
            let there = components.find(|there| there.definition.type_ == definition.type_);
            steps.push(match there.map(|there| (there, definition.onto(&there.definition))) {
                None => ComponentStep::Create { definition: definition.clone() },
                Some((there, (definition, changed))) if !changed.is_empty() && !there.is_builtin => {
                    ComponentStep::Update { uuid: there.uuid, definition, changed }
                }
                Some(_) => ComponentStep::Keep { type_: definition.type_.clone() },
            });
        }
        let others = offering.components.iter().filter(|row| !types.contains(row.definition.type_.as_str()));
        steps.extend(others.map(|there| {
            let type_ = there.definition.type_.clone();
            match there.is_builtin {
                true => ComponentStep::Keep { type_ },
                false => ComponentStep::Remove { uuid: there.uuid, type_ },
            }
        }));
        Ok(Self { offering_uuid: offering.uuid, steps })
    }

    /// Returns whether nothing has to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, ComponentStep::Keep { .. }))
    }
}

impl fmt::Display for ComponentPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            step.fmt(f)?;
        }
        Ok(())
    }
}

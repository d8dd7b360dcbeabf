//! What it takes to bring the components of an offering in line.

use super::*;

/// What is done with one component.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ComponentStep {
    /// It is as it should be, or comes with the type of the offering.
    Keep {
        /// Its type.
        #[serde(rename = "type")]
        type_: String,
    },
    /// It isn't there.
    Create {
        /// What it shall be.
        definition: ComponentDefinition,
    },
    /// It is there, but otherwise.
    Update {
        /// Its uuid.
        uuid: Uuid,
        /// What it shall be, with what it keeps.
        definition: ComponentDefinition,
        /// The fields that change.
        changed: Vec<&'static str>,
    },
    /// It isn't wanted.
    Remove {
        /// Its uuid.
        uuid: Uuid,
        /// Its type.
        #[serde(rename = "type")]
        type_: String,
    },
}

impl ComponentStep {
    /// Whether it is done already.
    pub(super) fn is_so(&self, components: &[OfferingComponent]) -> bool {
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

/// How the components of an offering come to match a given set: a step for each, one a line where it is
/// shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
#[must_use = "nothing is done until it is applied"]
pub struct ComponentPlan {
    /// The offering.
    pub offering_uuid: Uuid,
    /// In the order of the set; what isn't wanted comes last.
    pub steps: Vec<ComponentStep>,
}

impl ComponentPlan {
    /// What has to be done with the components of an offering so that they match the set.
    ///
    /// # Errors
    /// If the set has a type twice, or a component that no server takes; the error names it.
    pub fn between(offering: &OfferingDetails, wanted: &[ComponentDefinition]) -> Result<Self, Error> {
        let refuse = |problem: String| Error::new(ErrorKind::Validation, problem).with_operation(CREATE);
        let mut types = HashSet::new();
        let mut steps = Vec::with_capacity(wanted.len());
        for definition in wanted {
            if let Some(problem) = definition.problem() {
                return Err(refuse(problem));
            }
            if !types.insert(definition.type_.as_str()) {
                return Err(refuse(format!("{}: it is in the set twice", definition.type_)));
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

    /// Whether there is nothing to do.
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

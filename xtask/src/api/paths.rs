//! The paths by which users of a crate can name its items.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use super::attributes::Conditions;
use super::names::{Import, Index, Target};
use super::tokens;

/// Something that users can name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Public {
    /// The path, from the crate's name.
    pub(super) path: Vec<String>,
    pub(super) what: What,
    pub(super) conditions: Conditions,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// An item, by its index.
    Definition(usize),
    Macro(usize),
    Module,
    /// Another name for what isn't listed here.
    Other(String),
}

/// Everything that users can name.
#[derive(Debug)]
pub(super) struct Surface {
    pub(super) all: BTreeSet<Public>,
    /// The shortest path of each item, by the item's index.
    pub(super) shortest: BTreeMap<usize, Vec<String>>,
    /// The shortest path of what is re-exported from generated code, by its path there.
    generated: BTreeMap<Vec<String>, Vec<String>>,
}

impl Surface {
    pub(super) fn of(index: &Index<'_>) -> Result<Self> {
        let mut walk = Walk { index, all: BTreeSet::new(), generated: BTreeMap::new() };
        let root = vec![index.source.name.clone()];
        walk.module(0, &root, &Conditions::new(), &mut vec![0])?;
        let mut shortest: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for one in &walk.all {
            if let What::Definition(id) = one.what {
                let path = shortest.entry(id).or_insert_with(|| one.path.clone());
                if one.path.len() < path.len() {
                    path.clone_from(&one.path);
                }
            }
        }
        Ok(Self { all: walk.all, shortest, generated: walk.generated })
    }

    /// Returns the path by which users name what is at `inner` in generated code, if they can.
    pub(super) fn of_generated(&self, inner: &[String]) -> Option<Vec<String>> {
        (1..=inner.len()).rev().find_map(|end| {
            let public = self.generated.get(&inner[..end])?;
            Some([public.as_slice(), &inner[end..]].concat())
        })
    }
}

struct Walk<'a> {
    index: &'a Index<'a>,
    all: BTreeSet<Public>,
    generated: BTreeMap<Vec<String>, Vec<String>>,
}

impl Walk<'_> {
    fn add(&mut self, path: Vec<String>, what: What, conditions: Conditions) {
        self.all.insert(Public { path, what, conditions });
    }

    /// Adds what is public in a module that has the path `at`. `within` are the modules around.
    fn module(
        &mut self,
        module: usize,
        at: &[String],
        conditions: &Conditions,
        within: &mut Vec<usize>,
    ) -> Result<()> {
        if self.index.source.modules[module].is_generated && !at.is_empty() {
            let all = [at, &["*".to_owned()]].concat();
            self.add(all, What::Other("generated code".to_owned()), conditions.clone());
        }
        self.names(module, at, conditions, within, &BTreeSet::new(), &mut vec![module])
    }

    /// Adds the public names of a module but those in `shadowed`. `globs` are the globs that led there.
    fn names(
        &mut self,
        module: usize,
        at: &[String],
        conditions: &Conditions,
        within: &mut Vec<usize>,
        shadowed: &BTreeSet<String>,
        globs: &mut Vec<usize>,
    ) -> Result<()> {
        let index = self.index;
        let names = &index.names[module];
        for (name, target) in names.own.iter().filter(|(name, _)| !shadowed.contains(name)) {
            // A macro has no path but the one at the root.
            if !matches!(target, Target::Macro(_)) || module == 0 {
                self.target(target, name, at, conditions, within)?;
            }
        }
        let mut known: BTreeSet<String> = shadowed.clone();
        known.extend(names.own.iter().map(|(name, _)| name.clone()));
        known.extend(names.imports.iter().filter_map(|import| import.name.clone()));
        for (number, import) in names.imports.iter().enumerate() {
            if !import.is_public || import.hidden {
                continue;
            }
            let conditions = conditions | &import.conditions;
            match &import.name {
                Some(name) if shadowed.contains(name) => {}
                Some(name) => {
                    let targets = index.imported(module, number);
                    if targets.is_empty() {
                        return self.lost(module, import);
                    }
                    for target in targets {
                        self.target(&target, name, at, &conditions, within)?;
                    }
                }
                None => {
                    for target in index.imported(module, number) {
                        match target {
                            Target::Module(inner) if globs.contains(&inner) => {}
                            Target::Module(inner) => {
                                globs.push(inner);
                                self.names(inner, at, &conditions, within, &known, globs)?;
                                globs.pop();
                            }
                            other => {
                                let all = [at, &["*".to_owned()]].concat();
                                self.add(all, What::Other(self.all_of(&other)), conditions.clone());
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn lost(&self, module: usize, import: &Import) -> Result<()> {
        let around = &self.index.source.modules[module];
        let place = around.place(&around.items[import.item].node);
        bail!("{place}: can't find what `{}` names", import.path.join("::"))
    }

    fn all_of(&self, target: &Target) -> String {
        match target {
            Target::Generated(_) | Target::Unseen(_) => self.said(target),
            _ => format!("{}::*", self.said(target)),
        }
    }

    fn said(&self, target: &Target) -> String {
        match target {
            Target::Definition(id) => {
                let definition = &self.index.definitions[*id];
                let mut path = vec![self.index.source.name.clone()];
                path.extend(self.index.source.modules[definition.module].path.iter().cloned());
                path.push(definition.name.clone());
                path.join("::")
            }
            Target::External(path) => path.join("::"),
            // Where it is in the crate is nothing that users notice.
            Target::Generated(_) => "generated code".to_owned(),
            Target::Unseen(_) => "of a macro that was not expanded".to_owned(),
            Target::Macro(_) | Target::Module(_) => String::new(),
        }
    }

    /// Adds what `name` stands for in the module at `at`, if it is public.
    fn target(
        &mut self,
        target: &Target,
        name: &str,
        at: &[String],
        conditions: &Conditions,
        within: &mut Vec<usize>,
    ) -> Result<()> {
        let index = self.index;
        let path = [at, &[name.to_owned()]].concat();
        match target {
            Target::Definition(id) => {
                let definition = &index.definitions[*id];
                let item = &index.source.modules[definition.module].items[definition.item];
                if definition.is_public && !item.hidden {
                    self.add(path, What::Definition(*id), conditions | &item.conditions);
                }
            }
            Target::Macro(id) => {
                let found = &index.source.macros[*id];
                if found.is_exported && !found.hidden {
                    self.add(path, What::Macro(*id), conditions | &found.conditions);
                }
            }
            Target::Module(inner) => {
                let found = &index.source.modules[*inner];
                if found.is_public && !found.hidden && !within.contains(inner) {
                    let conditions = conditions | &found.conditions;
                    self.add(path.clone(), What::Module, conditions.clone());
                    within.push(*inner);
                    self.module(*inner, &path, &conditions, within)?;
                    within.pop();
                }
            }
            Target::External(_) | Target::Generated(_) | Target::Unseen(_) => {
                if let Target::Generated(inner) = target {
                    let shortest = self.generated.entry(inner.clone()).or_insert_with(|| path.clone());
                    if path.len() < shortest.len() {
                        shortest.clone_from(&path);
                    }
                }
                self.add(path, What::Other(self.said(target)), conditions.clone());
            }
        }
        Ok(())
    }
}

/// Writes conditions as the end of a line.
pub(super) fn ending(conditions: &Conditions) -> String {
    conditions.iter().map(|condition| format!(" [{condition}]")).collect()
}

/// Writes the rules of a macro as a line without their bodies.
pub(super) fn macro_line(index: &Index<'_>, id: usize, path: &[String]) -> String {
    let arms: Vec<String> = index.source.macros[id]
        .rules
        .matchers()
        .map(|matcher| format!("({})", tokens::text(matcher)))
        .collect();
    format!("macro {}! {}", path.join("::"), arms.join(" "))
}

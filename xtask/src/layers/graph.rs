//! The dependencies between the top-level modules of a crate, and their circles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::scan::Found;
use crate::count::counted;

/// Which top-level module depends on which, with the first place where it does.
pub(super) struct Graph<'a>(BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>);

impl<'a> Graph<'a> {
    /// Returns the dependencies that were found.
    pub(super) fn of(found: &'a Found) -> Self {
        let mut modules: BTreeMap<&str, BTreeMap<&str, &str>> =
            found.modules.iter().map(|module| (module.as_str(), BTreeMap::new())).collect();
        for dependency in &found.dependencies {
            if dependency.from != dependency.to {
                let of = modules.entry(&dependency.from).or_default();
                of.entry(&dependency.to).or_insert(&dependency.place);
            }
        }
        Self(modules)
    }

    /// Counts modules and dependencies.
    pub(super) fn summary(&self) -> String {
        let dependencies: usize = self.0.values().map(BTreeMap::len).sum();
        format!(
            "{}, {}",
            counted(self.0.len(), "module", "modules"),
            counted(dependencies, "dependency", "dependencies")
        )
    }

    /// Describes a shortest circle through each module that is in one. Circles that share a module with one
    /// before are left out: they are found when that one is gone.
    pub(super) fn circles(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for module in self.0.keys() {
            let Some(path) = self.circle(module) else { continue };
            if path.iter().any(|module| seen.contains(module)) {
                continue;
            }
            seen.extend(path.iter().copied());
            circles.push(self.describe(&path));
        }
        circles
    }

    /// Returns the modules of a shortest circle that begins and ends at `start`.
    fn circle(&self, start: &'a str) -> Option<Vec<&'a str>> {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(module) = queue.pop_front() {
            for next in self.0.get(module).into_iter().flat_map(BTreeMap::keys).copied() {
                if next == start {
                    let mut path = vec![start, module];
                    while let Some(previous) = path.last().and_then(|last| before.get(last)) {
                        path.push(previous);
                    }
                    if module == start {
                        path.pop();
                    }
                    path.reverse();
                    return Some(path);
                }
                if !before.contains_key(next) {
                    before.insert(next, module);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    fn describe(&self, path: &[&str]) -> String {
        let places = path.windows(2).filter_map(|step| self.0.get(step[0])?.get(step[1]).copied());
        format!("{} via {}", path.join(" -> "), places.collect::<Vec<_>>().join(", "))
    }
}

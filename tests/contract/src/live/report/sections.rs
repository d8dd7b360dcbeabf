//! The sections of a report.

use std::collections::BTreeMap;

use super::{Report, Version};
use crate::live::document::{Document, counted};
use crate::live::fields::Selection;
use crate::live::lists::{Outcome, Page};
use crate::live::operations::Presence;
use crate::live::paging::Held;
use crate::live::timing::{Measured, Times};

impl Report {
    /// Returns the report as a document.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut document = Document::default();
        document.title("Visit to a Waldur server");
        document.heading("Server");
        document.line(match &self.version {
            Version::Shown(version) => format!("version {version}"),
            Version::Refused(status) => format!("version not shown to this user ({})", status.as_u16()),
            Version::Unreadable => "version not known: the response has none of the usual form".to_owned(),
            Version::Unanswered(why) => format!("version not known: {why}"),
        });
        document.line(if self.is_staff { "the user is staff" } else { "the user is not staff" });
        document.line(format!("{}, all of them GET, HEAD or OPTIONS", counted(self.requests, "request")));
        self.write_lists(&mut document);
        self.write_findings(&mut document);
        self.write_operations(&mut document);
        self.write_paging(&mut document);
        self.write_fields(&mut document);
        self.write_times(&mut document);
        document.heading("Result");
        let problems = self.problems();
        match problems.len() {
            0 => document.line("everything holds"),
            problems => document.line(counted(problems, "problem")),
        }
        document.items(problems);
        document
    }

    fn write_lists(&self, document: &mut Document) {
        document.heading("First page of each list");
        let rows = self.lists.iter().map(|page| {
            let (items, result) = match &page.outcome {
                Outcome::Read(read) => (items(read), result(read)),
                Outcome::Unreadable(why) => (String::new(), format!("can't be read: {why}")),
                Outcome::Refused(status) => (String::new(), format!("refused ({})", status.as_u16())),
                Outcome::Missing => (String::new(), "no such route".to_owned()),
                Outcome::NoObject => (String::new(), "not asked: no object to ask about".to_owned()),
                Outcome::Unanswered(why) => (String::new(), why.to_string()),
            };
            vec![page.list.operation.id.to_owned(), items, result]
        });
        document.table(&["list", "items", "result"], rows.collect());
    }

    fn write_findings(&self, document: &mut Document) {
        let pages = || {
            self.lists.iter().filter_map(|page| match &page.outcome {
                Outcome::Read(read) => Some((page.list.operation.id, &read.findings)),
                _ => None,
            })
        };
        let misfits = pages().flat_map(|(id, findings)| {
            let one = move |(path, (kinds, times)): (&String, &(String, usize))| {
                format!("{id} {path}: {kinds}{}", often(*times))
            };
            findings.misfits.iter().map(one)
        });
        let lost = pages().flat_map(|(id, findings)| {
            findings.lost.iter().map(move |(path, times)| format!("{id} {path}{}", often(*times)))
        });
        let values = pages().flat_map(|(id, findings)| {
            let one =
                move |(path, values): (&String, &Vec<String>)| format!("{id} {path}: {}", values.join(", "));
            findings.unknown_values.iter().map(one)
        });
        let fields = pages().flat_map(|(id, findings)| {
            findings.unknown_fields.iter().map(move |(path, times)| format!("{id} {path}{}", often(*times)))
        });
        let mut section = |heading: &str, items: Vec<String>| {
            document.heading(heading);
            if items.is_empty() {
                document.line("none");
            }
            document.items(items);
        };
        section("Values of another type than their fields", misfits.collect());
        section("Values that are lost for another reason", lost.collect());
        section("Values of enums that the client doesn't know, which it keeps", values.collect());
        section("Fields that the client doesn't have, which it skips", fields.collect());
    }

    fn write_operations(&self, document: &mut Document) {
        document.heading("Operations that a provider's software needs");
        let count = |presence: &Presence| self.operations.values().filter(|one| *one == presence).count();
        let (there, missing) = (count(&Presence::There), count(&Presence::Missing));
        let unknown = self.operations.len() - there - missing;
        document.line(format!("{there} there, {missing} missing, {unknown} not known"));
        let mut groups: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (id, presence) in &self.operations {
            match presence {
                Presence::There => {}
                Presence::Missing => groups.entry("missing".to_owned()).or_default().push(id),
                Presence::NotKnown(why) => groups.entry(format!("not known, {why}")).or_default().push(id),
            }
        }
        document.items(groups.into_iter().map(|(what, ids)| format!("{what}: {}", ids.join(", "))).collect());
    }

    fn write_paging(&self, document: &mut Document) {
        document.heading("Paging");
        if self.paging.is_empty() {
            document.line("not known: no list has two items");
        }
        let rows = self.paging.iter().map(|check| {
            let held = match check.held {
                Held::Yes => "yes",
                Held::No => "NO",
                Held::NotKnown => "not known",
            };
            [check.list, check.expected, held, &check.seen].map(str::to_owned).into()
        });
        document.table(&["list", "expected", "holds", "seen"], rows.collect());
    }

    fn write_fields(&self, document: &mut Document) {
        document.heading("The parameter field");
        if self.fields.is_empty() {
            document.line("not known: no list with the parameter has an item");
        }
        let mut groups: BTreeMap<(Selection, Selection), Vec<&str>> = BTreeMap::new();
        for (id, selections) in &self.fields {
            groups.entry(*selections).or_default().push(id);
        }
        let rows = groups.into_iter().map(|((known, unknown), lists)| {
            vec![selection(known, "honoured"), selection(unknown, "passed over"), lists.join(", ")]
        });
        document.table(&["two known names", "an unknown name beside one", "lists"], rows.collect());
    }

    fn write_times(&self, document: &mut Document) {
        document.heading("Times of one page, with all fields and with a few");
        if self.times.is_empty() {
            document.line("not measured");
        }
        let rows = self.times.iter().map(|times| {
            let Times { list, rows, all, few } = times;
            vec![
                (*list).to_owned(),
                rows.to_string(),
                measured(*all),
                measured(*few),
                format!("{:.1}", all.time.as_secs_f64() / few.time.as_secs_f64().max(1e-6)),
            ]
        });
        document.table(&["list", "items", "all fields", "a few fields", "times faster"], rows.collect());
        if let Some(times) = self.times.first() {
            document.line(match times.all.exchanges {
                1 => "each measured once".to_owned(),
                more => format!("medians of {more} exchanges"),
            });
        }
    }
}

fn items(page: &Page) -> String {
    match page.count {
        Some(count) => format!("{} of {count}", page.rows),
        None => page.rows.to_string(),
    }
}

fn result(page: &Page) -> String {
    let findings = &page.findings;
    let parts = [
        (findings.misfits.len() + findings.lost.len(), "lost"),
        (findings.unknown_values.len(), "with unknown values"),
        (findings.unknown_fields.len(), "unknown"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", counted(number, "field")))
        .collect();
    if parts.is_empty() { "ok".to_owned() } else { parts.join(", ") }
}

fn often(times: usize) -> String {
    if times == 1 { String::new() } else { format!(" ({times} times)") }
}

fn selection(selection: Selection, honoured: &str) -> String {
    match selection {
        Selection::Honoured => honoured.to_owned(),
        Selection::Ignored => "ignored: all fields".to_owned(),
        Selection::Refused(status) => format!("refused ({})", status.as_u16()),
        Selection::NotKnown => "not known".to_owned(),
    }
}

fn measured(measured: Measured) -> String {
    format!("{:.1} ms, {}", measured.time.as_secs_f64() * 1000.0, counted(measured.bytes, "byte"))
}

//! Reports as text and as Markdown.

use std::fmt::{self, Write as _};

/// Returns a count with its noun: `1 item`, `2 items`.
pub(crate) fn counted<N: fmt::Display + From<u8> + PartialEq>(count: N, one: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {one}{ending}")
}

/// A document of headings, lines, lists and tables.
#[derive(Clone, Debug, Default)]
pub struct Document(Vec<Block>);

#[derive(Clone, Debug)]
enum Block {
    Title(String),
    Heading(String),
    Line(String),
    Items(Vec<String>),
    Table { head: Vec<String>, rows: Vec<Vec<String>> },
}

impl Document {
    /// Adds the title.
    pub fn title(&mut self, text: impl Into<String>) {
        self.0.push(Block::Title(text.into()));
    }

    /// Adds a heading.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.0.push(Block::Heading(text.into()));
    }

    /// Adds a paragraph of one line.
    pub fn line(&mut self, text: impl Into<String>) {
        self.0.push(Block::Line(text.into()));
    }

    /// Adds a list, unless it is empty.
    pub fn items(&mut self, items: Vec<String>) {
        if !items.is_empty() {
            self.0.push(Block::Items(items));
        }
    }

    /// Adds a table, unless it has no rows.
    pub fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        if !rows.is_empty() {
            self.0.push(Block::Table { head: head.iter().map(|text| (*text).to_owned()).collect(), rows });
        }
    }

    /// Returns the document as text for a terminal.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for block in &self.0 {
            match block {
                Block::Title(title) => line(&mut text, title),
                Block::Heading(heading) => line(&mut text, &format!("\n{heading}")),
                Block::Line(one) => line(&mut text, &format!("  {one}")),
                Block::Items(items) => items.iter().for_each(|item| line(&mut text, &format!("  - {item}"))),
                Block::Table { head, rows } => aligned(&mut text, head, rows),
            }
        }
        text
    }

    /// Returns the document as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        for block in &self.0 {
            match block {
                Block::Title(title) => line(&mut text, &format!("# {title}\n")),
                Block::Heading(heading) => line(&mut text, &format!("## {heading}\n")),
                Block::Line(one) => line(&mut text, &format!("{}\n", escaped(one))),
                Block::Items(items) => {
                    items.iter().for_each(|item| line(&mut text, &format!("- {}", escaped(item))));
                    text.push('\n');
                }
                Block::Table { head, rows } => {
                    let row = |cells: &[String]| {
                        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
                        format!("| {} |", cells.join(" | "))
                    };
                    line(&mut text, &row(head));
                    line(&mut text, &format!("|{}", "---|".repeat(head.len())));
                    rows.iter().for_each(|cells| line(&mut text, &row(cells)));
                    text.push('\n');
                }
            }
        }
        let end = text.trim_end().len();
        text.truncate(end);
        text.push('\n');
        text
    }
}

fn line(text: &mut String, line: &str) {
    // Writing to a `String` can't fail.
    let _ = writeln!(text, "{}", line.trim_end_matches(' '));
}

fn aligned(text: &mut String, head: &[String], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
        cells.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in std::iter::once(head).chain(rows.iter().map(Vec::as_slice)) {
        let mut one = String::from("  ");
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(one, "{cell:<width$}  ");
        }
        line(text, &one);
    }
}

/// Escapes what Markdown would take for markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '*' | '_' | '<' | '[' | ']' | '`' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        assert_eq!([0, 1, 2].map(|count: u64| counted(count, "item")), ["0 items", "1 item", "2 items"]);
    }

    #[test]
    fn a_document_is_written_as_text_and_as_markdown() {
        let mut document = Document::default();
        document.title("Report");
        document.heading("Lists");
        document.line("two of them");
        document.table(&["list", "rows"], vec![vec!["keys_list".into(), "5".into()]]);
        document.items(vec!["$[].a".into(), "b|c".into()]);
        document.items(Vec::new());
        document.table(&["none"], Vec::new());
        assert_eq!(
            document.to_text(),
            "Report\n\nLists\n  two of them\n  list       rows\n  keys_list  5\n  - $[].a\n  - b|c\n"
        );
        assert_eq!(
            document.to_markdown(),
            "# Report\n\n## Lists\n\ntwo of them\n\n| list | rows |\n|---|---|\n| keys\\_list | 5 |\n\n\
             - $\\[\\].a\n- b\\|c\n"
        );
    }
}

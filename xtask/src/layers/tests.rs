use super::graph::Graph;
use super::scan::{Found, scan};

/// Reads a crate with `files`, each a path below `a/src` and its text.
fn found(files: &[(&str, &str)]) -> Found {
    let read = |path: &str| {
        let file = files.iter().find(|(name, _)| path == format!("a/src/{name}"));
        Ok(file.map(|(_, text)| (*text).to_owned()))
    };
    scan("a/src/lib.rs", &read).unwrap()
}

fn dependencies(found: &Found) -> Vec<String> {
    let others = found.dependencies.iter().filter(|one| one.from != one.to);
    others.map(|one| format!("{} -> {} at {}", one.from, one.to, one.place)).collect()
}

const LIB: (&str, &str) = ("lib.rs", "mod call; mod list; mod wire; pub use list::Page;");

#[test]
fn paths_of_every_form_are_found() {
    let list = "
        mod inner;
        use crate::{call::Call, wire::{Text, Shape}};
        use super::call;
        fn read() -> crate::wire::Decoded { super::call::send() }
        macro_rules! text { () => { $crate::wire::text() }; }
        mod of_its_own { use super::super::call::A; use super::Page; }
    ";
    let inner = "use super::{super::wire::B, Page}; pub(crate) use crate::list::Page as P;";
    let found =
        found(&[LIB, ("call.rs", ""), ("wire/mod.rs", ""), ("list/mod.rs", list), ("list/inner.rs", inner)]);
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(
        dependencies(&found),
        [
            "list -> wire at a/src/list/inner.rs:1",
            "list -> call at a/src/list/mod.rs:3",
            "list -> wire at a/src/list/mod.rs:3",
            "list -> call at a/src/list/mod.rs:4",
            "list -> wire at a/src/list/mod.rs:5",
            "list -> call at a/src/list/mod.rs:5",
            "list -> wire at a/src/list/mod.rs:6",
            "list -> call at a/src/list/mod.rs:7",
        ]
    );
}

#[test]
fn comments_texts_and_test_code_do_not_count() {
    let call = r#"
        //! See [`crate::list`].
        // use crate::list::Page;
        /// Like `crate::list::Page`.
        const TEXT: &str = "crate::list";
        #[cfg(test)]
        use crate::list::{Page, Token};
        #[cfg(test)]
        pub(crate) fn page(_: crate::list::Page) -> crate::Page { crate::list::page() }
        #[cfg(all(test, feature = "a"))]
        mod tests { use crate::list::Page; }
        #[cfg(test)]
        mod more;
        struct A { #[cfg(test)] page: crate::list::Page, wire: crate::wire::Text }
        #[cfg(not(test))]
        use crate::wire::Shape;
    "#;
    let found = found(&[LIB, ("call.rs", call), ("wire.rs", ""), ("list.rs", "")]);
    assert_eq!(found.problems, [""; 0]);
    assert_eq!(
        dependencies(&found),
        ["call -> wire at a/src/call.rs:14", "call -> wire at a/src/call.rs:16"]
    );
}

#[test]
fn paths_through_the_root_are_named() {
    let call = "use crate::Page;\nuse super::{wire, Page as P};\nuse crate::*;\nuse crate::wire::Text;";
    let found = found(&[LIB, ("call.rs", call), ("wire.rs", ""), ("list.rs", "")]);
    let ends = ["`crate::Page`", "`crate::Page`", "`crate::`"];
    assert_eq!(found.problems.len(), ends.len(), "{:?}", found.problems);
    for (index, (problem, end)) in found.problems.iter().zip(ends).enumerate() {
        let place = format!("a/src/call.rs:{}: call names {end}", index + 1);
        assert!(problem.starts_with(&place), "{problem}");
    }
}

#[test]
fn circles_are_named_with_their_places() {
    let files = [
        LIB,
        ("call.rs", "use crate::wire::Text;"),
        ("wire.rs", "\nuse crate::list::Page;"),
        ("list.rs", "use crate::call::Call; use crate::list::Page;"),
    ];
    let circular = found(&files);
    let graph = Graph::of(&circular);
    assert_eq!(graph.summary(), "3 modules, 3 dependencies");
    assert_eq!(
        graph.circles(),
        ["call -> wire -> list -> call via a/src/call.rs:1, a/src/wire.rs:2, a/src/list.rs:1"]
    );
    let straight = found(&[files[0], files[1], ("wire.rs", ""), files[3]]);
    assert_eq!(Graph::of(&straight).circles(), [""; 0]);
}

#[test]
fn a_module_without_a_file_is_an_error() {
    let read = |path: &str| Ok((path == "a/src/lib.rs").then(|| "\nmod call;".to_owned()));
    let error = scan("a/src/lib.rs", &read).unwrap_err().to_string();
    assert_eq!(error, "a/src/lib.rs:2: the module call has no file");
}

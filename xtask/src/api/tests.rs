//! Listings of small crates, given as the texts of their files.

use super::{changes, listing};

/// The lines of a crate whose files are given as paths and texts.
fn lines(files: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let read =
        |path: &str| Ok(files.iter().find(|(name, _)| *name == path).map(|(_, text)| (*text).to_owned()));
    super::lines("krate", "", &read).map(|(lines, _)| lines).map_err(|error| format!("{error:#}"))
}

/// The lines of a crate that consists of one file.
fn of(text: &str) -> Vec<String> {
    lines(&[("src/lib.rs", text)]).unwrap()
}

fn header(text: &str) -> String {
    listing("krate", &|path| Ok((path == "krate/src/lib.rs").then(|| text.to_owned()))).unwrap()
}

#[test]
fn each_sort_of_item_has_its_signature() {
    let found = of("
        use std::fmt;
        /// Docs.
        pub const MOST: u32 = 10;
        pub const LEAST: i32 = -1;
        pub const ALL: &[u8] = &[1, 2];
        pub static NAME: &str = \"a\";
        pub type Sized<T> = Result<T, fmt::Error>;
        pub async unsafe fn run<'a, T: Clone>(mut text: &'a str, (a, b): (u8, u8),) -> Option<T> where T: Send { todo!() }
        pub struct Unit;
        pub struct Pair<T>(pub T, u8);
        #[non_exhaustive] #[deprecated(note = \"x\")]
        pub struct Open { pub a: u8, pub(crate) b: u8 }
        pub struct Closed<T: fmt::Debug> where T: Copy { pub a: Vec<T> }
        pub enum Sort { #[non_exhaustive] A, B(Unit), C { x: u8 }, #[doc(hidden)] D, E = 5 }
        pub trait Back<T>: Send + fmt::Debug {
            const N: usize;
            type Error: fmt::Display;
            fn must(&self) -> Result<(), Self::Error>;
            fn can(&mut self, other: T) {}
            #[doc(hidden)] fn hidden(&self);
        }
        fn private() {}
        pub(crate) struct OfCrate;
    ");
    assert_eq!(
        found,
        [
            "const krate::ALL: &[u8]",
            "trait krate::Back<T>: Send + std::fmt::Debug",
            "type krate::Back::Error: std::fmt::Display",
            "const krate::Back::N: usize",
            "fn krate::Back::can(&mut self, other: T) { .. }",
            "fn krate::Back::must(&self) -> Result<(), Self::Error>",
            "struct krate::Closed<T: std::fmt::Debug> where T: Copy",
            "field krate::Closed::a: Vec<T>",
            "const krate::LEAST: i32 = -1",
            "const krate::MOST: u32 = 10",
            "static krate::NAME: &str",
            "#[non_exhaustive] #[deprecated] struct krate::Open { .. }",
            "field krate::Open::a: u8",
            "struct krate::Pair<T>(T, _)",
            "type krate::Sized<T> = Result<T, std::fmt::Error>",
            "enum krate::Sort",
            "#[non_exhaustive] variant krate::Sort::A",
            "variant krate::Sort::B(krate::Unit)",
            "variant krate::Sort::C { x: u8 }",
            "variant krate::Sort::E = 5",
            "struct krate::Unit;",
            "async unsafe fn krate::run<'a, T: Clone>(text: &'a str, _: (u8, u8)) -> Option<T> where T: Send",
        ]
    );
}

#[test]
fn modules_are_followed_into_files_of_either_layout() {
    let files = [
        ("src/lib.rs", "pub mod a; mod b; pub mod c { pub mod d; } pub use b::e::Deep;"),
        ("src/a.rs", "pub mod inner; pub struct A;"),
        ("src/a/inner.rs", "pub struct Inner(pub super::A);"),
        ("src/b/mod.rs", "pub mod e;"),
        ("src/b/e.rs", "pub struct Deep { pub a: crate::a::inner::Inner }"),
        ("src/c/d.rs", "pub fn d() {}"),
    ];
    assert_eq!(
        lines(&files).unwrap(),
        [
            "struct krate::Deep",
            "field krate::Deep::a: krate::a::inner::Inner",
            "mod krate::a",
            "struct krate::a::A;",
            "mod krate::a::inner",
            "struct krate::a::inner::Inner(krate::a::A)",
            "mod krate::c",
            "mod krate::c::d",
            "fn krate::c::d::d()",
        ]
    );
}

#[test]
fn re_exports_are_followed_to_what_they_name() {
    let found = of("
        mod a { pub struct One; pub struct Two; pub(crate) struct Three; pub mod more { pub fn f() {} } }
        mod b { pub use super::a::{One as First, *}; pub use reqwest::Method as M; use crate::a; pub use self::c::C; mod c { pub struct C; } pub use a::more; }
        pub use b::{First, M as Method, more};
        pub use crate::b::*;
        pub use std::{fmt::{self, Debug}, io::*};
        pub use ::uuid::Uuid;
        pub extern crate serde;
        #[doc(hidden)] pub use a::Two as Hidden;
    ");
    assert_eq!(
        found,
        [
            "use krate::* = std::io::*",
            "struct krate::C;",
            "use krate::Debug = std::fmt::Debug",
            "struct krate::First;",
            "use krate::M = reqwest::Method",
            "use krate::Method = reqwest::Method",
            "struct krate::One;",
            "struct krate::Two;",
            "use krate::Uuid = uuid::Uuid",
            "use krate::fmt = std::fmt",
            "mod krate::more",
            "fn krate::more::f()",
            "use krate::serde = serde",
        ]
    );
}

#[test]
fn an_item_of_several_paths_is_listed_under_each_and_named_by_the_shortest() {
    let found = of("
        pub mod a { #[derive(Clone)] pub struct X; impl X { pub fn same(&self) -> crate::a::X { X } } pub fn x() -> X { X } }
        pub use a::X;
    ");
    assert_eq!(
        found,
        [
            "struct krate::X;",
            "impl Clone for krate::X",
            "fn krate::X::same(&self) -> krate::X",
            "mod krate::a",
            "struct krate::a::X;",
            "impl Clone for krate::a::X",
            "fn krate::a::X::same(&self) -> krate::a::X",
            "fn krate::a::x() -> krate::X",
        ]
    );
}

#[test]
fn names_that_lead_in_circles_end() {
    let found = of("
        pub mod a { pub use crate::b::*; pub use crate::a; pub struct A; pub use url::url; }
        pub mod b { pub use crate::a::*; pub use super::b as again; pub use none::none; use none; }
    ");
    assert!(found.contains(&"struct krate::a::A;".to_owned()), "{found:#?}");
    assert!(found.contains(&"struct krate::b::A;".to_owned()), "{found:#?}");
    assert!(found.contains(&"use krate::a::url = url::url".to_owned()), "{found:#?}");
}

#[test]
fn impl_blocks_count_wherever_they_are() {
    let found = of("
        pub struct X<T>(T); struct Private; pub struct Open;
        pub trait Act { type Out; fn act(&self); }
        trait Sealed {}
        mod elsewhere {
            use std::fmt::{self, Display}; use super::*;
            impl<T: Display> X<T> {
                pub const N: usize = 1; pub fn a<U>(self, with: U) where U: Send {} fn b() {}
                pub(crate) fn c() {} #[doc(hidden)] pub fn d() {} #[cfg(test)] pub fn e() {}
            }
            impl<T> Act for X<T> { type Out = fmt::Error; fn act(&self) {} }
            impl<T> Sealed for X<T> {}
            impl From<Private> for Open { fn from(_: Private) -> Self { Open } }
            impl From<Open> for String { fn from(_: Open) -> Self { String::new() } }
            impl Act for Vec<u8> { type Out = (); fn act(&self) {} }
            impl Display for Private { }
            impl Iterator for &Open { type Item = Open; }
            #[cfg(test)] impl Clone for Open {}
        }
        const _: () = { use std::hash; impl hash::Hash for Open {} };
    ");
    assert_eq!(
        found,
        [
            "trait krate::Act",
            "impl krate::Act for Vec<u8> { type Out = (); }",
            "type krate::Act::Out",
            "fn krate::Act::act(&self)",
            "struct krate::Open;",
            "impl From<krate::Open> for String",
            "impl Iterator for &krate::Open { type Item = krate::Open; }",
            "impl std::hash::Hash for krate::Open",
            "struct krate::X<T>(_)",
            "impl<T> krate::Act for krate::X<T> { type Out = std::fmt::Error; }",
            "const krate::X<T>::N: usize = 1 where T: std::fmt::Display",
            "fn krate::X<T>::a<U>(self, with: U) where T: std::fmt::Display, U: Send",
        ]
    );
}

#[test]
fn derived_traits_read_like_those_written_by_hand() {
    let derived =
        of("use std::fmt::Debug; #[derive(Clone, Debug, Hash, serde::Serialize)] pub struct X<T: Send>(T);");
    assert_eq!(
        derived,
        [
            "struct krate::X<T: Send>(_)",
            "impl<T: Send + Clone> Clone for krate::X<T>",
            "impl<T: Send + std::fmt::Debug> std::fmt::Debug for krate::X<T>",
            "impl<T: Send + std::hash::Hash> std::hash::Hash for krate::X<T>",
            "impl<T: Send> serde::Serialize for krate::X<T>",
        ]
    );
    let by_hand = of("use std::fmt; pub struct X; impl fmt::Debug for X {} impl Clone for X {}");
    assert_eq!(by_hand, of("#[derive(Debug, Clone)] pub struct X;"));
}

#[test]
fn features_of_the_item_its_module_and_its_re_export_end_the_line() {
    let found = of("
        #[cfg(feature = \"a\")] mod a { pub struct X { #[cfg(feature = \"b\")] pub f: u8 } impl X { pub fn new() {} } impl Clone for X {} }
        #[cfg(feature = \"c\")] pub use a::X;
        #[cfg(any(feature = \"a\", unix))] pub fn f() {}
        #[cfg(test)] pub fn g() {}
        #[cfg(test)] mod missing;
    ");
    assert_eq!(
        found,
        [
            "struct krate::X [feature a] [feature c]",
            "impl Clone for krate::X [feature a] [feature c]",
            "field krate::X::f: u8 [feature a] [feature b] [feature c]",
            "fn krate::X::new() [feature a] [feature c]",
            "fn krate::f() [any(feature a, unix)]",
        ]
    );
}

#[test]
fn an_import_or_a_private_alias_that_moves_changes_no_line() {
    let before = of(
        "mod a { pub struct E; pub type R = Box<E>; } use a::R; pub use a::E; pub fn f(r: R) -> E { todo!() }",
    );
    let after =
        of("mod b { pub struct E; } pub use b::E; pub fn f(r: Box<crate::b::E>) -> self::E { todo!() }");
    assert_eq!(before, after);
    assert_eq!(before[1], "fn krate::f(r: Box<krate::E>) -> krate::E");
}

#[test]
fn parameters_and_qualified_paths_are_told_from_items() {
    let found = of("
        pub mod t { pub trait Of { type Out; } } mod T {}
        pub fn f<T: t::Of>(x: <T as t::Of>::Out, y: T::Out, z: [u8; N]) {}
        pub const N: usize = 2;
    ");
    assert_eq!(
        found[1],
        "fn krate::f<T: krate::t::Of>(x: <T as krate::t::Of>::Out, y: T::Out, z: [u8; krate::N])"
    );
}

#[test]
fn what_own_macros_define_is_listed() {
    let files = [
        ("src/lib.rs", "mod row; mod order; pub use order::{Order, Other}; helper! { Other2 }\n#[macro_export] macro_rules! helper { ($name:ident) => { pub struct $name; }; (@more $($x:tt)*) => {} }"),
        ("src/row.rs", "macro_rules! row { ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident: $type:ty = $mode:ident),* $(,)? }) => {
            $(#[$meta])* $vis struct $name { $(pub $field: $type),* }
            const _: () = { struct Sent; impl From<Sent> for $name {} impl $crate::row::Row for $name {} };
        } } pub(crate) use row; pub(crate) trait Row {}"),
        ("src/order.rs", "use crate::row::row; use uuid::Uuid;
            row! { #[derive(Clone)] pub struct Order { uuid: Uuid = need, names: Vec<String> = optional, } }
            row! { pub struct Other { } } row! { struct Private { } }"),
    ];
    assert_eq!(
        lines(&files).unwrap(),
        [
            "struct krate::Order",
            "impl Clone for krate::Order",
            "field krate::Order::names: Vec<String>",
            "field krate::Order::uuid: uuid::Uuid",
            "struct krate::Other",
            "struct krate::Other2;",
            "macro krate::helper! ($name: ident) (@more $($x: tt)*)",
        ]
    );
}

#[test]
fn what_can_not_be_seen_is_said() {
    let text = "
        mod generated { include!(concat!(env!(\"OUT_DIR\"), \"/x.rs\")); }
        mod m { thread_local! { static A: u8 = 1; } other::define! { pub struct Y; } thread_local! {} }
        pub use generated::{Client, types}; pub use m::Y;
        pub fn f(of: &Client) -> generated::types::T { todo!() }
        impl Client { pub fn strict(&self) -> Self { todo!() } }
        impl Clone for Client {} impl Clone for generated::Unnamed {}
    ";
    assert_eq!(
        of(text),
        [
            "use krate::Client = generated code",
            "impl Clone for krate::Client",
            "fn krate::Client::strict(&self) -> Self",
            "use krate::Y = of a macro that was not expanded",
            "fn krate::f(of: &krate::Client) -> krate::types::T",
            "use krate::types = generated code",
        ]
    );
    let listing = header(text);
    assert!(listing.contains("were not expanded: define! 1, thread_local! 2.\n\n"), "{listing}");
    assert!(header("pub struct X;").contains("were not expanded: none.\n\nstruct krate::X;\n"));
}

#[test]
fn a_wrong_source_is_an_error_with_file_and_line() {
    for (text, expected) in [
        ("pub fn f() {}\npub fun g() {}", "src/lib.rs:2: "),
        (
            "\n\nmod gone;",
            "src/lib.rs:3: the module gone has no file: there is no src/gone.rs and no src/gone/mod.rs",
        ),
        ("mod a {}\npub use a::Gone;", "src/lib.rs:2: can't find what `a::Gone` names"),
        ("macro_rules! m { ($a:ident) => {} }\nm! { 1 }", "src/lib.rs:2: no rule of the macro takes this"),
        ("macro_rules! m { () => { m!(); } }\nm!();", "more than 20000 macro invocations"),
    ] {
        let error = lines(&[("src/lib.rs", text)]).unwrap_err();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    assert_eq!(lines(&[]).unwrap_err(), "src/lib.rs isn't there");
    let error = lines(&[("src/lib.rs", "mod a;"), ("src/a.rs", "\nstruct {")]).unwrap_err();
    assert!(error.starts_with("src/a.rs:2: "), "{error}");
}

#[test]
fn changes_are_the_lines_of_one_listing_alone() {
    let old = "# Header\n\na\nb\nc\n";
    assert_eq!(changes(old, "# Header\n\nb\nc\nd\n"), ["-a", "+d"]);
    assert_eq!(changes(old, "# Other\n\na\nb\nb\nc\n"), ["-# Header", "+# Other", "+b", "+b"]);
    assert!(changes(old, old).is_empty());
}

//! `api`, as a program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

mod repository;

use repository::Repository;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// A repository with the sources of two crates.
fn repository() -> Repository {
    let repository = Repository::new("");
    for package in ["waldur-api-client", "waldur-sdk"] {
        std::fs::create_dir_all(repository.path(&format!("{package}/src"))).unwrap();
    }
    repository.write("waldur-api-client/src/lib.rs", "pub struct Call;");
    repository.write("waldur-sdk/src/lib.rs", "mod order; pub use order::Order;");
    repository.write("waldur-sdk/src/order.rs", "pub struct Order { pub state: u8 }");
    repository
}

#[test]
fn listings_are_written_and_a_change_of_the_sources_is_shown() {
    let repository = repository();
    let said = repository.succeeds(&["api"]);
    assert_eq!(said, "waldur-api-client/API.txt: 1 line\nwaldur-sdk/API.txt: 2 lines\n");
    assert!(repository.read("waldur-sdk/API.txt").ends_with("\nfield waldur_sdk::Order::state: u8\n"));
    assert_eq!(repository.succeeds(&["api", "--check"]), said);

    repository.write("waldur-sdk/src/order.rs", "pub struct Order { pub state: u16 }");
    let before = repository.everything();
    let output = repository.run(&["api", "--check"]);
    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "waldur-sdk/API.txt: 2 lines differ\n\
         -field waldur_sdk::Order::state: u8\n\
         +field waldur_sdk::Order::state: u16\n\
         error: waldur-sdk/API.txt isn't the API of the sources: run `cargo xtask api`\n"
    );
    assert_eq!(before, repository.everything(), "it writes nothing");
}

#[test]
fn only_the_first_differing_lines_are_shown() {
    let repository = repository();
    repository.succeeds(&["api"]);
    let many: String = (0..50).map(|number| format!("pub fn f{number}() {{}}\n")).collect();
    repository.write("waldur-api-client/src/lib.rs", &many);
    let output = repository.run(&["api", "--check"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("API.txt: 51 lines differ\n-struct waldur_api_client::Call;\n+fn "), "{text}");
    assert!(text.contains("\nand 11 more\n"), "{text}");
}

#[test]
fn a_source_that_can_not_be_read_is_named_with_its_line() {
    let repository = repository();
    repository.write("waldur-sdk/src/order.rs", "\npub struct {");
    repository.refuses(&["api"], &["can't list the API of waldur-sdk: waldur-sdk/src/order.rs:2: "]);
    std::fs::remove_file(repository.path("waldur-sdk/src/order.rs")).unwrap();
    repository.refuses(&["api"], &["waldur-sdk/src/lib.rs:1: the module order has no file"]);
    std::fs::create_dir(repository.path("waldur-sdk/src/order.rs")).unwrap();
    repository.refuses(&["api"], &["can't read waldur-sdk/src/order.rs"]);
}

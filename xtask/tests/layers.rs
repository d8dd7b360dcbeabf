//! `layers`, as a program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

mod repository;

use repository::Repository;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

#[test]
fn a_circle_is_an_error_that_names_it() {
    let repository = Repository::new("");
    std::fs::create_dir_all(repository.path("waldur-api-client/src")).unwrap();
    std::fs::create_dir_all(repository.path("waldur-sdk/src")).unwrap();
    repository.write("waldur-sdk/src/lib.rs", "mod orders;");
    repository.write("waldur-sdk/src/orders.rs", "pub struct Order;");
    repository.write("waldur-api-client/src/lib.rs", "mod call; mod list;");
    repository.write("waldur-api-client/src/call.rs", "pub struct Call;");
    repository.write("waldur-api-client/src/list.rs", "use crate::call::Call;");
    assert_eq!(
        repository.succeeds(&["layers"]),
        "waldur-api-client: 2 modules, 1 dependency\nwaldur-sdk: 1 module, 0 dependencies\n"
    );
    repository.write("waldur-api-client/src/call.rs", "use crate::list::Page;");
    let output = repository.run(&["layers"]);
    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "call -> list -> call via waldur-api-client/src/call.rs:1, waldur-api-client/src/list.rs:1\n\
         error: 1 problem with the layers of modules\n"
    );
}

//! The commands that need no generator, as a program.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests state what must hold by panicking")]

mod repository;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use repository::Repository;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

const INDEX: &str =
    r#"[{"name": "waldur-openapi-schema-8.0.9.yaml"}, {"name": "waldur-openapi-schema-8.0.10.yaml"}]"#;

/// Responds to one request with `body`, and returns the URL.
fn serve(body: &'static str) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/versions", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut part = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            let length = stream.read(&mut part).unwrap();
            assert!(length > 0, "the request ends early");
            request.extend_from_slice(&part[..length]);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
    });
    (url, server)
}

#[test]
fn published_versions_are_listed_newest_first_from_a_server_or_a_file() {
    let repository = Repository::new("");
    let (url, server) = serve(INDEX);
    assert_eq!(repository.succeeds(&["versions", "--index", &url]), "8.0.10\n8.0.9\n");
    server.join().unwrap();
    repository.write("index.json", INDEX);
    assert_eq!(repository.succeeds(&["versions", "--index", "index.json"]), "8.0.10\n8.0.9\n");
    repository.write("index.json", "[]");
    repository.refuses(
        &["versions", "--index", "index.json"],
        &["index.json can't be used: it names no file waldur-openapi-schema-{version}.yaml"],
    );
    repository
        .refuses(&["versions", "--index", "http://127.0.0.1:1/"], &["can't fetch http://127.0.0.1:1/: curl"]);
}

#[test]
fn regen_without_a_schema_lists_the_versions_and_needs_no_generator() {
    let repository = Repository::new("");
    repository.write("index.json", INDEX);
    let output = repository.run(&["regen", "--index", "index.json"]);
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "8.0.10\n8.0.9\n");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "error: nothing to make a pin from: give --version X.Y.Z or --from FILE|URL; the versions above are published\n"
    );
    repository.refuses(
        &["regen", "--index", "absent.json"],
        &["give --version X.Y.Z or --from FILE|URL (the published versions can't be listed: can't read absent.json"],
    );
}

#[test]
fn an_operation_is_found_by_a_part_of_its_name() {
    let repository = Repository::new("");
    repository.refuses(&["where", "things"], &["can't read waldur-api-client/schema/waldur.json"]);
    repository.write(
        "waldur-api-client/schema/waldur.json",
        r#"{"info": {"version": "1.0.0"}, "paths": {"/x/": {"get": {"operationId": "x_list", "x-features": ["x"]}}}}"#,
    );
    assert_eq!(repository.succeeds(&["where", "list"]), "x_list\n  GET /x/\n  features: x\n");
    repository.refuses(&["where", "things"], &["no operation of 1.0.0 matches things"]);
}

#[cfg(unix)]
#[test]
fn regen_starts_the_program_with_the_generator_and_passes_its_arguments_and_its_failure() {
    use std::os::unix::fs::PermissionsExt as _;

    let repository = Repository::new("");
    let cargo = repository.path("cargo");
    let run = |status: i32| {
        std::fs::write(&cargo, format!("#!/bin/sh\necho \"$@\"\nexit {status}\n")).unwrap();
        std::fs::set_permissions(&cargo, std::fs::Permissions::from_mode(0o755)).unwrap();
        Command::new(XTASK).args(["regen", "--version", "1.0.0"]).env("CARGO", &cargo).output().unwrap()
    };
    let output = run(0);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("run --profile regen --features allocator --manifest-path "), "{text}");
    assert!(text.ends_with("xtask/regen/Cargo.toml -- regen --version 1.0.0\n"), "{text}");
    assert!(!run(1).status.success());
}

#[test]
fn a_repository_that_is_not_there_is_refused_and_not_made() {
    let repository = Repository::new("");
    let absent = repository.path("absent");
    for command in [&["check"][..], &["pins", "schema.yaml"], &["versions"]] {
        let arguments = [&["--root", absent.to_str().unwrap()], command].concat();
        repository.refuses(&arguments, &["there is no folder", "absent"]);
    }
}

#[test]
fn a_reader_that_closes_the_pipe_is_no_failure() {
    let repository = Repository::new("");
    let things = |method: &str| {
        let operation = |number| {
            format!(
                r#""/{method}/{number}/": {{"get": {{"operationId": "{method}_{number}", "x-features": []}}}}"#
            )
        };
        (0..9999).map(operation).collect::<Vec<_>>().join(",")
    };
    repository.write(
        "waldur-api-client/schema/waldur.json",
        &format!(r#"{{"info": {{"version": "1.0.0"}}, "paths": {{{}}}}}"#, things("list")),
    );
    for (name, method) in [("a.json", "a"), ("b.json", "b")] {
        let text =
            format!(r#"{{"openapi": "3.0.3", "info": {{"version": "1"}}, "paths": {{{}}}}}"#, things(method));
        repository.write(name, &text);
    }
    for arguments in [&["where", "list"][..], &["diff", "a.json", "b.json"]] {
        let mut child =
            repository.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && error.is_empty(), "{arguments:?}: {error}");
    }
}

#[test]
fn pins_goes_on_after_a_schema_that_can_not_be_read() {
    let repository = Repository::new("");
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(repository.path("")).status();
    assert!(git.unwrap().success());
    repository.write(".gitignore", "target\n");
    std::fs::create_dir(repository.path("schemas")).unwrap();
    for name in ["a.yaml", "b.json"] {
        repository.write(&format!("schemas/{name}"), "<html>");
    }
    let output = repository.command(&["pins", "schemas"]).env_remove("CARGO_TARGET_DIR").output().unwrap();
    let (text, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(error, "error: 2 of 2 schemas failed\n", "{text}");
    let line = "    schemas/b.json is not an OpenAPI document: it has no \"openapi\" version";
    assert!(text.lines().any(|other| other == line), "{line:?} is not in {text}");
    let row = text.lines().find_map(|line| line.strip_prefix("| schemas/b.json | fails | - | - | - | - | "));
    let seconds = row.and_then(|seconds| seconds.strip_suffix(" |")?.parse::<u64>().ok());
    assert!(seconds.is_some(), "{text}");
}

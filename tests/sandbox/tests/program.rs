//! The program that runs a sandbox.

#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

#[test]
fn a_port_that_is_taken_is_an_error_in_words() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let program = env!("CARGO_BIN_EXE_waldur-sandbox");
    let output = Command::new(program).args(["--port", &port]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.lines().count()), (Some(1), 1), "{text}");
    assert!(text.starts_with("error: ") && text.contains(&port), "{text}");
}

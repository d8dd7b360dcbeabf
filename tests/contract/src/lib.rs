//! The contract between the client and real servers: recorded traffic is put through the client's own types,
//! and what the types lose of it is told. The program `replay` does that with anybody's recordings.
//!
//! A recording is a line for each exchange ([`recording`]); its operation is found by method and path
//! ([`routes`]), its body is written and its answer read through the types of that operation ([`replay`]),
//! and what the types hold is compared with what was recorded by its meaning ([`meaning`]).

pub mod meaning;
pub mod recording;
pub mod replay;
pub mod routes;

//! The contract between the client and real servers: recorded traffic is decoded and encoded by the client's
//! own types, and lost values are reported. The program `replay` does that with any recordings.
//!
//! A recording has one line per exchange ([`recording`]). The operation is found by method and path
//! ([`routes`]). The body is written and the response read by the types of that operation ([`replay`]), and
//! the result is compared with the recorded values by their meaning ([`meaning`]).

pub mod meaning;
pub mod recording;
pub mod replay;
pub mod routes;

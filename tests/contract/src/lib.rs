//! The contract between the client and real servers: recorded traffic is decoded and encoded by the client's
//! own types, and lost values are reported. The program `replay` does that with any recordings, the program
//! `live` with the responses of a server that it visits.
//!
//! A recording has one line per exchange ([`recording`]). The operation is found by method and path
//! ([`routes`]). The body is written and the response read by the types of that operation ([`replay`]), and
//! the result is compared with the recorded values by their meaning ([`meaning`]).
//!
//! A visit to a server ([`live`]) sends requests that read only. Its recording has personal details replaced
//! ([`anonymous`]).

pub mod anonymous;
pub mod live;
pub mod meaning;
pub mod recording;
pub mod replay;
pub mod routes;
pub mod seen;

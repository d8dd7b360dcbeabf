//! Who asks: credentials, and the tokens that requests are authorized with.

mod credentials;
mod oidc;
mod token;

pub use credentials::{AccessToken, Credentials};
pub use oidc::ClientCredentials;

pub(crate) use credentials::{Kind, Scheme};
pub(crate) use token::authorization;

//! Settings of a client, and where they come from: the builder, the environment, profiles of a file.

mod builder;
mod credentials;
mod http_client;
mod profile;
mod settings;
mod value;

pub use builder::ClientBuilder;
pub use profile::{CONFIG_FILE_VARIABLE, PROFILE_VARIABLE};
pub use settings::{TOKEN_VARIABLE, URL_VARIABLE};

//! Guides.

#[cfg(feature = "agent")]
#[doc = include_str!("../docs/writing-an-agent.md")]
pub mod writing_an_agent {}

#[cfg(feature = "agent")]
#[doc = include_str!("../docs/requests-of-an-agent.md")]
pub mod requests_of_an_agent {}

#[doc = include_str!("../docs/reporting-usage.md")]
pub mod reporting_usage {}

#[doc = include_str!("../docs/testing-with-the-sandbox.md")]
pub mod testing_with_the_sandbox {}

#[doc = include_str!("../docs/older-and-newer-servers.md")]
pub mod older_and_newer_servers {}

#[doc = include_str!("../docs/errors.md")]
pub mod errors {}

#[doc = include_str!("../docs/waldurs-provider-guide.md")]
pub mod waldurs_provider_guide {}

//! Each rule of the server, asked over HTTP.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod agents;
#[cfg(test)]
mod agreement;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod client;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod corruption;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod offering_users;
#[cfg(test)]
mod orders;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod providers;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod seed;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod usages;

//! The broker, asked over STOMP and WebSocket.

#[cfg(test)]
mod client;
#[cfg(test)]
mod consumers;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod events;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod login;
#[cfg(test)]
mod subscriptions;

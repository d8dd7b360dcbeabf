//! Parsing of misbehaviour.

use std::str::FromStr;
use std::time::Duration;

use chrono::DateTime;
use http::StatusCode;

use crate::server::fault::Fault;
use crate::server::misbehaviour::Misbehaviour;

/// The error of a text that isn't a [`Misbehaviour`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a fault: {why}")]
pub struct FaultError {
    text: String,
    why: &'static str,
}

impl FromStr for Misbehaviour {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let error = |why| FaultError { text: text.to_owned(), why };
        let (rest, chance) = match text.split_once('%') {
            Some((rest, percent)) => (rest, Some(percent)),
            None => (text, None),
        };
        let (rest, times) = match rest.rsplit_once('*') {
            Some((rest, times)) => (rest, Some(times)),
            None => (rest, None),
        };
        let (fault, target) = match rest.split_once('@') {
            Some((fault, target)) => (fault, Some(target)),
            None => (rest, None),
        };
        let mut all = Self::new(parse_fault(fault).map_err(error)?);
        match target {
            Some(end) if end.contains('/') => all.path_end = Some(end.to_owned()),
            Some(id) => all.operation = Some(id.to_owned()),
            None => {}
        }
        if let Some(times) = times {
            all.times = Some(times.parse().map_err(|_| error("the number of times is not a number"))?);
        }
        if let Some(percent) = chance {
            let percent: f64 = percent.parse().map_err(|_| error("the percentage is not a number"))?;
            all.chance = percent / 100.0;
        }
        Ok(all)
    }
}

fn parse_fault(text: &str) -> Result<Fault, &'static str> {
    let (name, value) = text.split_once(':').map_or((text, None), |(name, value)| (name, Some(value)));
    let number = || value.unwrap_or_default().parse::<u64>().map_err(|_| "a number has to follow the colon");
    let names = || {
        let names = value.unwrap_or_default().split('+').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    Ok(match name {
        "no-operation" => Fault::NoSuchOperation,
        "reset-before" => Fault::ResetBefore,
        "reset-after" => Fault::ResetAfter,
        "empty" => Fault::EmptyBody,
        "delay" => Fault::Delay(Duration::from_millis(number()?)),
        "truncated" => Fault::Truncated,
        "stalled" => Fault::Stalled,
        "media-type" => Fault::MediaType(value.unwrap_or("text/html").to_owned()),
        "extra" => Fault::ExtraFields,
        "missing" => Fault::MissingFields(names()),
        "null" => Fault::NullFields(names()),
        "blank" => Fault::BlankFields(names()),
        "unknown" => Fault::UnknownValues(names()),
        "vanished" => Fault::VanishedItems(usize::try_from(number()?).unwrap_or(usize::MAX)),
        "older" => Fault::OlderServer,
        "after" => Fault::StatusAfter(u16::try_from(number()?).map_err(|_| "no such status")?),
        "portal" if value.is_none() => Fault::Portal,
        "portal" => Fault::PortalRedirect(u16::try_from(number()?).map_err(|_| "no such status")?),
        "length-required" => Fault::LengthRequired,
        "close" => Fault::CloseAfter(Duration::from_micros(number()?)),
        "clock" => {
            let seconds = i64::try_from(number()?).ok();
            Fault::Clock(
                seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)).ok_or("no such time")?,
            )
        }
        status => {
            let status: u16 = status.parse().map_err(|_| "there is no fault with this name")?;
            if StatusCode::from_u16(status).is_err() {
                return Err("no such status");
            }
            if value.is_some() { Fault::RetryAfter(status, number()?) } else { Fault::Status(status) }
        }
    })
}

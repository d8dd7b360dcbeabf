//! Amounts, as the server reads them.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::protocol::form::NOT_NULL;

const MAX_DIGITS: usize = 20;
const MAX_DECIMALS: usize = 2;

/// Parses an amount as the server does: at most 20 digits, two of them decimals. A sum of floats such as 0.1
/// + 0.2 has 17 decimals and is refused.
pub(crate) fn amount(value: &Value) -> Result<Decimal, String> {
    const NOT_A_NUMBER: &str = "A valid number is required.";
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null => return Err(NOT_NULL.to_owned()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => return Err(NOT_A_NUMBER.to_owned()),
    };
    let plain = text.trim_start_matches(['+', '-']);
    if plain.contains(['e', 'E']) {
        let value = Decimal::from_scientific(&text).map_err(|_| NOT_A_NUMBER)?;
        return amount(&Value::String(value.normalize().to_string()));
    }
    let (whole, decimals) = plain.split_once('.').unwrap_or((plain, ""));
    if plain.is_empty()
        || plain == "."
        || text.len() > plain.len() + 1
        || !plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        || decimals.contains('.')
    {
        return Err(NOT_A_NUMBER.to_owned());
    }
    // A JSON number without a fraction arrives as a float: 100.0 has one decimal.
    let digits = whole.trim_start_matches('0').len() + decimals.len();
    if digits > MAX_DIGITS {
        return Err(format!("Ensure that there are no more than {MAX_DIGITS} digits in total."));
    }
    if decimals.len() > MAX_DECIMALS {
        return Err(format!("Ensure that there are no more than {MAX_DECIMALS} decimal places."));
    }
    let most = MAX_DIGITS - MAX_DECIMALS;
    if whole.trim_start_matches('0').len() > most {
        return Err(format!("Ensure that there are no more than {most} digits before the decimal point."));
    }
    text.parse().map_err(|_| NOT_A_NUMBER.to_owned())
}

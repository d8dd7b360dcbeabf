//! Amounts as literals.

use rust_decimal::Decimal;

/// Returns a [`Decimal`] from a literal, exactly: `dec!(12.50)`. It is checked when the program is compiled.
///
/// ```
/// use waldur_sdk::{Decimal, dec};
///
/// assert_eq!(dec!(12.50), Decimal::new(1250, 2));
/// assert_eq!(dec!(-1_000), Decimal::from(-1000));
/// ```
///
/// ```compile_fail
/// let amount = waldur_sdk::dec!(1e3);
/// ```
// The macro of rust_decimal names its own crate, so that programs would need that dependency.
#[macro_export]
macro_rules! dec {
    (-$amount:literal) => {
        const { $crate::decimal::decimal(concat!("-", stringify!($amount))) }
    };
    ($amount:literal) => {
        const { $crate::decimal::decimal(stringify!($amount)) }
    };
}

/// Reads digits with an optional sign and point; `_` between digits is ignored.
///
/// # Panics
/// If the text is something else, or has more digits than a [`Decimal`] can hold.
#[must_use]
#[allow(clippy::panic, reason = "the macro runs it when the program is compiled")]
pub const fn decimal(text: &str) -> Decimal {
    let bytes = text.as_bytes();
    let negative = !bytes.is_empty() && bytes[0] == b'-';
    let (mut mantissa, mut digits, mut scale, mut in_fraction) = (0_u128, 0_u32, 0_u32, false);
    let mut at = negative as usize;
    while at < bytes.len() {
        match bytes[at] {
            digit @ b'0'..=b'9' => {
                mantissa = mantissa * 10 + (digit - b'0') as u128;
                digits += 1;
                scale += in_fraction as u32;
            }
            b'.' if !in_fraction => in_fraction = true,
            b'_' => {}
            _ => panic!("an amount has digits and a point, such as 12.50"),
        }
        assert!(scale <= 28 && mantissa >> 96 == 0, "an amount has at most 28 digits");
        at += 1;
    }
    assert!(digits > 0, "an amount has digits");
    Decimal::from_parts(mantissa as u32, (mantissa >> 32) as u32, (mantissa >> 64) as u32, negative, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_read_exactly() {
        for text in
            ["0", "12.50", "-0.01", "7.", "9999999999999999999999999999", "0.0000000000000000000000000001"]
        {
            let expected: Decimal = text.trim_end_matches('.').parse().unwrap();
            assert_eq!((decimal(text), decimal(text).scale()), (expected, expected.scale()), "{text}");
        }
        assert_eq!(decimal("1_000.2_5"), Decimal::new(100_025, 2));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "-", "1e3", "1.2.3", "12u8", "99999999999999999999999999999"] {
            assert!(std::panic::catch_unwind(|| decimal(text)).is_err(), "{text}");
        }
    }
}

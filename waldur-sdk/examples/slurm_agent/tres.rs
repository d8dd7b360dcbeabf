//! Limits of trackable resources, as `sacctmgr` prints them.

use waldur_sdk::Decimal;

/// The signs of the units of memory, and how many MB each unit is as a power of 2. SLURM has one sign for all
/// units above PB.
const UNITS: [(char, u32); 7] = [('M', 0), ('G', 10), ('T', 20), ('P', 30), ('?', 40), ('?', 50), ('?', 60)];

/// The largest limit. SLURM calculates with floating-point numbers, which are exact up to here. It takes more
/// than 64 bits as no limit.
const MOST: i64 = 1 << 53;

/// Rounds TRES-minutes to what can be a limit; none if they are negative, which SLURM takes as no limit or as
/// a very large one, or too many.
pub(crate) fn whole_minutes(minutes: Decimal) -> Option<Decimal> {
    let minutes = minutes.round().normalize();
    (Decimal::ZERO..=Decimal::from(MOST)).contains(&minutes).then_some(minutes)
}

/// A limit as it is printed: memory in a large unit, with two decimals unless it is a whole number of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    number: Decimal,
    /// Its sign; none for numbers without a unit.
    unit: Option<char>,
}

impl Limit {
    /// Parses a limit such as `cpu=6000` or `mem=1.50T` into the trackable resource and the limit.
    pub(crate) fn parse(text: &str) -> Option<(String, Self)> {
        let (tres, amount) = text.rsplit_once('=')?;
        let unit = amount.chars().next_back().filter(|last| UNITS.iter().any(|(sign, _)| sign == last));
        let number = unit.and_then(|unit| amount.strip_suffix(unit)).unwrap_or(amount).parse().ok()?;
        Some((tres.to_owned(), Self { number, unit }))
    }

    /// Returns whether so many minutes are printed as this limit.
    pub(crate) fn shows(&self, minutes: Decimal) -> bool {
        self.sizes().any(|size| match (minutes.checked_div(size), self.number.scale()) {
            (Some(amount), 0) => amount == self.number,
            (Some(amount), decimals) => amount.round_dp(decimals) == self.number,
            (None, _) => false,
        })
    }

    /// Returns the minutes as exactly as they are printed.
    pub(crate) fn minutes(&self) -> Option<Decimal> {
        self.number.checked_mul(self.sizes().next()?)
    }

    /// Returns what one unit of the number may be.
    fn sizes(&self) -> impl Iterator<Item = Decimal> {
        let of_unit = UNITS.iter().filter(move |(sign, _)| self.unit.is_none_or(|unit| unit == *sign));
        let sizes = of_unit.map(|(_, power)| Decimal::from(1_i64 << power));
        sizes.take(if self.unit.is_some() { UNITS.len() } else { 1 })
    }
}

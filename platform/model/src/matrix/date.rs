//! The day from which a law holds, in UTC.

use std::fmt;
use std::str::FromStr;

use crate::id::InvalidId;

/// Years that a law may name.
const YEARS: std::ops::RangeInclusive<u16> = 2000..=2199;

/// A day of the Gregorian calendar, written `2026-11-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LawDate {
    year: u16,
    month: u8,
    day: u8,
}

impl LawDate {
    /// The first millisecond of the day, since 1970, in UTC.
    ///
    /// Days from the civil calendar after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    pub fn unix_ms(self) -> u64 {
        let (month, day) = (u64::from(self.month), u64::from(self.day));
        let year = u64::from(self.year) - u64::from(month <= 2);
        let (era, of_era) = (year / 400, year % 400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        (days - 719_468) * 86_400_000
    }

    /// Year, month and day as one number, `20261101`.
    pub(super) fn number(self) -> u32 {
        (u32::from(self.year) * 100 + u32::from(self.month)) * 100 + u32::from(self.day)
    }

    pub(super) fn from_number(number: u32) -> Option<Self> {
        let year = u16::try_from(number / 10_000).ok()?;
        let month = u8::try_from(number / 100 % 100).ok()?;
        let day = u8::try_from(number % 100).ok()?;
        Self::of(year, month, day)
    }

    fn of(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        let sound = YEARS.contains(&year) && (1..=days).contains(&day);
        sound.then_some(Self { year, month, day })
    }
}

impl fmt::Display for LawDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for LawDate {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let digits = |part: &str| {
            part.bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| part.parse().ok())
        };
        let parse = || {
            let bytes = text.as_bytes();
            if bytes.len() != 10 || !text.is_ascii() || bytes[4] != b'-' || bytes[7] != b'-' {
                return None;
            }
            let (year, month, day) = (digits(&text[..4])??, digits(&text[5..7])??, digits(&text[8..])??);
            Self::of(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
        };
        parse().ok_or_else(|| InvalidId::new("a date", "a day from 2000 to 2199, such as `2026-11-01`", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (text, unix_s) in [
            ("2000-01-01", 946_684_800),
            ("2000-02-29", 951_782_400),
            ("2000-03-01", 951_868_800),
            ("2026-11-25", 1_795_564_800),
            ("2100-12-31", 4_133_894_400_u64),
        ] {
            let date: LawDate = text.parse().expect("a date");
            assert_eq!(date.unix_ms(), unix_s * 1_000, "{text}");
            assert_eq!(date.to_string(), text);
            assert_eq!(LawDate::from_number(date.number()), Some(date));
        }
    }

    #[test]
    fn a_day_that_is_not_in_the_calendar_is_refused() {
        for text in [
            "",
            "2026-11-1",
            "2026-13-01",
            "2026-02-29",
            "2100-02-29",
            "1999-12-31",
            "2026-1é-01",
            "+026-11-01",
        ] {
            assert!(text.parse::<LawDate>().is_err(), "{text}");
        }
        assert_eq!(LawDate::from_number(20_261_301), None);
    }
}

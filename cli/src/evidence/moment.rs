//! A time as people write it: a day, or RFC 3339 in UTC.

use std::str::FromStr;

use platform_model::matrix::LawDate;

/// Milliseconds since 1970. A day is its first moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no time: a day such as `2026-11-25`, which is its first moment, or `2026-11-25T14:30:00Z` in UTC"
)]
pub struct InvalidMoment(String);

impl FromStr for Moment {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Self, InvalidMoment> {
        let invalid = || InvalidMoment(text.chars().take(40).collect());
        let (day, clock) = match text.split_once('T') {
            None => (text, None),
            Some((day, clock)) => (day, Some(clock)),
        };
        let day: LawDate = day.parse().map_err(|_| invalid())?;
        let of_day = match clock {
            None => Some(0),
            Some(clock) => clock.strip_suffix('Z').and_then(of_day_ms),
        };
        Ok(Self(day.unix_ms() + of_day.ok_or_else(invalid)?))
    }
}

/// `14:30:00` or `14:30:00.250`.
fn of_day_ms(clock: &str) -> Option<u64> {
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = clock.split(':').map(|part| {
        let is_two_digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_two_digits.then(|| part.parse::<u64>().ok())?
    });
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let is_whole = parts.next().is_none() && hours < 24 && minutes < 60 && seconds < 60;
    let is_fraction = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !is_whole || !is_fraction {
        return None;
    }
    let ms: u64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms)
}

#[cfg(test)]
mod tests {
    use control_plane_ledger::time;

    use super::*;

    #[test]
    fn times_read_back_as_they_are_shown() {
        for (text, shown) in [
            ("2026-11-25", "2026-11-25T00:00:00.000Z"),
            ("2026-11-25T14:30:01Z", "2026-11-25T14:30:01.000Z"),
            ("2026-11-25T14:30:01.5Z", "2026-11-25T14:30:01.500Z"),
            ("2026-11-25T14:30:01.123456Z", "2026-11-25T14:30:01.123Z"),
        ] {
            assert_eq!(time::utc(text.parse::<Moment>().expect("a time").0), shown);
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-25T",
            "2026-11-25T14:30Z",
            "2026-11-25T14:30:01",
            "2026-11-25T24:00:00Z",
            "2026-11-25T14:30:01+01:00",
            "2026-11-25T1:30:01Z",
            "2026-11-25T14:30:01.Z",
            "25.11.2026",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}

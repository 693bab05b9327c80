//! How far a restore goes: flags, and times as people write them.

use clap::Args;
use control_plane_ledger::time;
use platform_model::EpochPosition;
use platform_wire::custody::RestoreGoal;

// Without any of these a restore ends where the backup was taken. No doc comment: it would stand for that of the command.
#[derive(Debug, Args)]
#[group(id = "goal", multiple = false)]
pub struct Goal {
    /// Goes on with the log behind the backup, to the last entry that is not later: `2025-11-26T04:06:40Z`
    #[arg(long, value_name = "TIME", value_parser = unix_ms)]
    at: Option<u64>,
    /// Goes on with the log behind the backup, to just after this entry: `e4:1711`, as answers to writes say it
    #[arg(long, value_name = "PAIR")]
    at_pair: Option<EpochPosition>,
    /// Goes on with the log behind the backup, to its end: as little as can be is lost
    #[arg(long)]
    latest: bool,
}

impl Goal {
    pub fn named(&self) -> RestoreGoal {
        match (self.at, self.at_pair) {
            (Some(ms), _) => RestoreGoal::Time(ms),
            (_, Some(pair)) => RestoreGoal::Pair(pair),
            _ if self.latest => RestoreGoal::Latest,
            _ => RestoreGoal::Base,
        }
    }
}

/// What is lost, in words.
pub fn what_is_lost(goal: RestoreGoal) -> String {
    match goal {
        RestoreGoal::Base => "what was written after it is lost for ever".to_owned(),
        RestoreGoal::Pair(pair) => format!("what was written after {pair} is lost for ever"),
        RestoreGoal::Time(ms) => format!("what was written after {} is lost for ever", time::utc(ms)),
        RestoreGoal::Latest => "what its log does not have is lost for ever".to_owned(),
    }
}

/// Milliseconds since 1970 of a time in UTC (RFC 3339), to the millisecond at the finest.
fn unix_ms(text: &str) -> Result<u64, String> {
    let read = || {
        let body = text.strip_suffix('Z')?;
        let (whole, fraction) = body.split_once('.').unwrap_or((body, "000"));
        let part = |from: usize, to: usize| whole.get(from..to)?.parse::<u64>().ok();
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
        if fraction.len() > 3 {
            return None;
        }
        let ms: u64 = format!("{fraction:0<3}").parse().ok()?;
        let of_day = ((hour * 60 + minute) * 60 + second) * 1_000 + ms;
        let unix_ms = days(year, month, day)? * 86_400_000 + of_day;
        // There is no such day, or it was written in another way.
        let written = format!("{whole}.{fraction:0<3}Z");
        (time::utc(unix_ms) == written).then_some(unix_ms)
    };
    read().ok_or_else(|| "it takes a time in UTC, such as `2025-11-26T04:06:40Z`".to_owned())
}

/// Days since 1970 (Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`); none before that.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let leap_days = year / 4 - year / 100 + year / 400;
    (year * 365 + leap_days + of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back_and_what_is_none_is_refused() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T00:00:00.000Z", 951_782_400_000),
            ("2000-02-29T23:59:59.999Z", 951_868_799_999),
            ("2025-11-25T19:12:17.042Z", 1_764_097_937_042),
            ("2025-11-25T19:12:17.5Z", 1_764_097_937_500),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(unix_ms(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "Z",
            "yesterday",
            "2025-11-25",
            "2025-11-25T19:12:17",
            "2025-11-25T19:12:17+01:00",
            "2025-11-25 19:12:17Z",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-00-01T00:00:00Z",
            "2025-01-00T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00.1234Z",
            "2025-01-01T00:00:00.18446744073709551615Z",
            "2025-01-01T00:00:00.-12Z",
            "1969-12-31T23:59:59Z",
            "0000-00-00T00:00:00Z",
            "+025-01-01T00:00:00Z",
            "2025-01-01T0é:00:00Z",
        ] {
            assert!(unix_ms(bad).is_err(), "{bad}");
        }
    }
}

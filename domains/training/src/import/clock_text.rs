//! Times as GPX and TCX write them (`xsd:dateTime`, ISO 8601): `2021-01-19T23:30:50.000Z`, with an offset, or with none
//! (then it is taken for UTC).

/// Milliseconds since 1970, if the text is a time.
pub fn unix_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let (date, rest) = text.split_once(['T', ' '])?;
    let days = days_of(date)?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone_at);
    let ms = ms_of_day(clock)?;
    Some(days * 86_400_000 + ms - zone_ms(zone)?)
}

fn days_of(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = digits(parts.next()?, 2)?;
    let day = digits(parts.next()?, 2)?;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    Some(days_from_civil(year, month, day))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar, counted from a year that begins in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

fn ms_of_day(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let (second, fraction) = match parts.next() {
        Some(seconds) => seconds.split_once(['.', ',']).unwrap_or((seconds, "")),
        None => ("00", ""),
    };
    let second = digits(second, 2)?;
    if parts.next().is_some() || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    Some(((hour * 60 + minute) * 60 + second) * 1_000 + thousandths(fraction)?)
}

fn thousandths(fraction: &str) -> Option<i64> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digit = |at: usize| {
        fraction
            .as_bytes()
            .get(at)
            .map_or(0, |byte| i64::from(byte - b'0'))
    };
    Some(digit(0) * 100 + digit(1) * 10 + digit(2))
}

fn zone_ms(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (zone.len() == 1).then_some(0),
        Some(b'-') => -1,
        Some(_) => 1,
    };
    let digits_only: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let hours = digits(digits_only.get(..2)?, 2)?;
    let minutes = if digits_only.len() > 2 {
        digits(digits_only.get(2..)?, 2)?
    } else {
        0
    };
    (hours <= 14 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::unix_ms;

    #[test]
    fn times_are_read_as_files_write_them() {
        assert_eq!(unix_ms("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(unix_ms("2021-01-19T23:30:50.000Z"), Some(1_611_099_050_000));
        assert_eq!(unix_ms("2000-02-29T12:00:00.5+01:00"), Some(951_822_000_500));
        assert_eq!(unix_ms("2021-10-10T09:55:20.952"), Some(1_633_859_720_952));
        assert_eq!(unix_ms("1989-12-31T00:00:00Z"), Some(631_065_600_000));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2021-02-29T00:00:00Z",
            "2021-13-01T00:00:00Z",
            "2021-01-01",
            "2021-01-01T25:00:00Z",
        ] {
            assert_eq!(unix_ms(text), None, "{text}");
        }
        for text in [
            "2021-01-01T00:00:00Zebra",
            "2021-01-01T00:00:00+99:00",
            "2021-01-01T0é:00:00Z",
            "T",
            "--T::",
        ] {
            assert_eq!(unix_ms(text), None, "{text}");
        }
    }
}

//! Sizes and times as people read them: rounded, since they are estimates and change by the second.

/// `12.3 MiB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// `850ms`, `1.5s`, `12s`, `3m 4s`, `2h 5m`.
pub fn time(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0 => format!("{ms}ms"),
        1..10 if ms % 1_000 >= 100 => format!("{s}.{}s", ms % 1_000 / 100),
        1..60 => format!("{s}s"),
        60..3_600 => format!("{}m {}s", s / 60, s % 60),
        _ => format!("{}h {}m", s / 3_600, s / 60 % 60),
    }
}

/// Of 100. Nothing of nothing is all of it.
pub fn percent(done: u64, left: u64) -> u64 {
    let all = u128::from(done) + u128::from(left);
    let percent = (u128::from(done) * 100).checked_div(all).unwrap_or(100);
    u64::try_from(percent).expect("at most 100")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        let sizes = [0, 1_023, 1_024, 12_900_000, 1 << 30, u64::MAX].map(bytes);
        let expected = ["0 B", "1023 B", "1.0 KiB", "12.3 MiB", "1.0 GiB", "16383.9 PiB"];
        assert_eq!(sizes, expected);
        let times = [0, 999, 1_000, 1_550, 59_999, 184_000, 7_500_000].map(time);
        assert_eq!(times, ["0ms", "999ms", "1s", "1.5s", "59s", "3m 4s", "2h 5m"]);
    }

    #[test]
    fn a_share_is_never_more_than_all() {
        assert_eq!(percent(0, 0), 100);
        assert_eq!(percent(1, 2), 33);
        assert_eq!(percent(u64::MAX, u64::MAX), 50);
    }
}

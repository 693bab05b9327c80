//! Small workout files for load: each has bytes of its own, so that no two uploads are the same activity.

use std::fmt::Write;

/// Points of a track, 10 seconds apart.
const POINTS: u32 = 30;
/// Start of the first track: 2026-01-01T06:00:00Z, in seconds since 1970.
const FIRST_S: u64 = 1_767_247_200;

/// The `number`th track of a person called `who`, as GPX 1.1.
pub fn gpx(who: &str, number: u64) -> Vec<u8> {
    gpx_from(&format!("{who} {number}"), (48.0, 11.0), number)
}

/// The `number`th track, of that title, that leads north from a latitude and longitude in degrees, as GPX 1.1.
pub fn gpx_from(title: &str, (south, longitude): (f64, f64), number: u64) -> Vec<u8> {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gpx version=\"1.1\" creator=\"cellctl demo\" xmlns=\"http://www.topografix.com/GPX/1/1\">\n",
    );
    let start_s = FIRST_S + number * 3_600;
    let _ = writeln!(text, "<trk><name>{title}</name><type>running</type><trkseg>");
    for point in 0..POINTS {
        let latitude = south + f64::from(point) * 0.000_25;
        let elevation = 200.0 + f64::from(point);
        let time = utc(start_s + u64::from(point) * 10);
        let _ = writeln!(
            text,
            "<trkpt lat=\"{latitude:.6}\" lon=\"{longitude:.6}\"><ele>{elevation}</ele><time>{time}</time></trkpt>"
        );
    }
    text.push_str("</trkseg></trk>\n</gpx>\n");
    text.into_bytes()
}

/// A time of 2026 or later as RFC 3339, for as many days as months have 28.
fn utc(unix_s: u64) -> String {
    let (day, second) = ((unix_s - FIRST_S / 86_400 * 86_400) / 86_400, unix_s % 86_400);
    let (year, month, date) = (2026 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
    format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_tracks_are_the_same() {
        let tracks: BTreeSet<Vec<u8>> = (0..500).map(|number| gpx("anna", number)).collect();
        assert_eq!(tracks.len(), 500);
        assert_ne!(gpx("anna", 1), gpx("bruno", 1));
    }

    #[test]
    fn a_track_has_its_title_and_begins_at_its_place() {
        let text = String::from_utf8(gpx_from("home", (61.234_567, 101.345_678), 0)).expect("text");
        assert!(text.contains("<name>home</name>"), "{text}");
        let first = text.split("<trkpt ").nth(1).expect("a point");
        assert!(
            first.starts_with("lat=\"61.234567\" lon=\"101.345678\">"),
            "{first}"
        );
    }

    #[test]
    fn times_are_well_formed() {
        assert_eq!(utc(FIRST_S), "2026-01-01T06:00:00Z");
        assert_eq!(utc(FIRST_S + 27 * 86_400 + 61), "2026-01-28T06:01:01Z");
        assert_eq!(utc(FIRST_S + 28 * 86_400), "2026-02-01T06:00:00Z");
        assert_eq!(utc(FIRST_S + 336 * 86_400), "2027-01-01T06:00:00Z");
    }
}

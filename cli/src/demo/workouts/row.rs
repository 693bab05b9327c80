//! One workout as a row: what is computed beside what the device says.

use serde_json::json;

use crate::demo::app::{Activity, Figures, Person};
use crate::demo::story::Row;

/// Each computed figure is followed by the device's.
pub const HEADER: [&str; 11] = [
    "file",
    "person",
    "sport",
    "distance",
    "(device)",
    "time",
    "(device)",
    "climb",
    "(device)",
    "heart rate",
    "(device)",
];

/// The row of one activity.
pub fn of(person: &Person, file: &str, activity: &Activity) -> Row {
    let (own, device) = (&activity.figures, &activity.device_figures);
    let mut text = vec![file.to_owned(), person.name.clone(), activity.sport.clone()];
    let columns: [fn(&Figures) -> String; 4] = [distance, time, climb, heart_rate];
    for column in columns {
        text.push(column(own));
        text.push(column(device));
    }
    Row {
        text,
        json: json!({
            "file": file,
            "person": person.name,
            "home": person.home.to_string(),
            "format": activity.original.format,
            "sport": activity.sport,
            "truncated": activity.truncated,
            "computed": figures(own),
            "device": figures(device),
        }),
    }
}

fn figures(figures: &Figures) -> serde_json::Value {
    json!({
        "distance_m": figures.distance_m,
        "time_s": timer(figures),
        "climb_m": figures.ascent_m,
        "heart_rate": figures.heart_rate_avg,
    })
}

/// The time while the timer ran; where nobody says so, from first to last.
fn timer(figures: &Figures) -> Option<f64> {
    figures.timer_s.or(figures.elapsed_s)
}

fn distance(figures: &Figures) -> String {
    shown(figures.distance_m, |metres| format!("{:.2} km", metres / 1_000.0))
}

fn time(figures: &Figures) -> String {
    shown(timer(figures), clock_time)
}

fn climb(figures: &Figures) -> String {
    shown(figures.ascent_m, |metres| format!("{metres:.0} m"))
}

fn heart_rate(figures: &Figures) -> String {
    shown(figures.heart_rate_avg, |beats| format!("{beats:.0}"))
}

fn shown(value: Option<f64>, write: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), write)
}

/// `1:02:03`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time of a workout fits many times"
)]
fn clock_time(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    format!("{}:{:02}:{:02}", whole / 3_600, whole / 60 % 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_for_people_and_what_is_unknown_is_a_dash() {
        let known = Figures {
            distance_m: Some(6_873.6),
            elapsed_s: Some(1_072.4),
            timer_s: Some(3_723.4),
            ascent_m: Some(12.6),
            heart_rate_avg: Some(155.9),
        };
        let text = [distance(&known), time(&known), climb(&known), heart_rate(&known)];
        assert_eq!(text, ["6.87 km", "1:02:03", "13 m", "156"]);
        let unknown = Figures::default();
        assert_eq!(
            [
                distance(&unknown),
                time(&unknown),
                climb(&unknown),
                heart_rate(&unknown)
            ],
            ["-"; 4]
        );
        assert_eq!(
            time(&Figures {
                elapsed_s: Some(61.0),
                ..Figures::default()
            }),
            "0:01:01"
        );
    }
}

//! The JSON that apps see. Metres, seconds, metres a second; times as RFC 3339 in UTC; what is unknown is left out.

use serde::Serialize;
use uuid::Uuid;

use crate::model::{Channel, Format, Sport};
use crate::numbers::DistanceSource;
use crate::stored;
use crate::streams::Points;

#[derive(Debug, Serialize)]
pub struct ActivityView {
    pub id: Uuid,
    pub sport: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    pub started_at: String,
    pub ended_at: String,
    /// The file broke off: what stood before the break was kept.
    pub truncated: bool,
    /// Computed from the records.
    pub figures: FiguresView,
    /// What the file says of itself.
    pub device_figures: FiguresView,
    /// `device`, `positions` or `none`.
    pub distance_source: &'static str,
    pub record_count: u32,
    pub lap_count: u32,
    pub channels: Vec<&'static str>,
    pub quality: QualityView,
    pub original: OriginalView,
    pub uploaded_at: String,
}

/// A workout that somebody else shows. What its author did not tell, or the law did not let pass, is left out.
#[derive(Debug, Serialize)]
pub struct SharedView {
    /// In the order in which they came, from 1.
    pub number: u64,
    pub author: Uuid,
    pub author_home: String,
    pub workout: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sport: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timer_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heart_rate_avg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_kcal: Option<f64>,
    pub came_at: String,
}

#[derive(Debug, Serialize)]
pub struct SharedListView {
    pub items: Vec<SharedView>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct DetailView {
    #[serde(flatten)]
    pub activity: ActivityView,
    pub laps: Vec<LapView>,
}

#[derive(Debug, Serialize)]
pub struct LapView {
    /// From 1.
    pub number: usize,
    pub started_at: String,
    pub ended_at: String,
    pub figures: FiguresView,
    pub device_figures: FiguresView,
}

#[derive(Debug, Serialize)]
pub struct QualityView {
    pub checksum_failed: bool,
    pub records_dropped: u32,
    pub values_dropped: u32,
    pub laps_dropped: u32,
}

#[derive(Debug, Serialize)]
pub struct OriginalView {
    pub format: &'static str,
    pub gzip: bool,
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
}

#[derive(Debug, Serialize)]
pub struct ListView {
    pub items: Vec<ActivityView>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct StreamsView {
    pub id: Uuid,
    pub started_at: String,
    /// Seconds of a bucket; 0: every record.
    pub resolution_s: u32,
    /// Seconds since the start.
    pub time_s: Vec<f64>,
    pub channels: serde_json::Map<String, serde_json::Value>,
    /// Where to go on with `from`, if the answer was cut.
    pub next_from_s: Option<f64>,
}

/// The figures, one optional member each.
macro_rules! figures_view {
    ($($name:ident),*) => {
        #[derive(Debug, Default, Serialize)]
        pub struct FiguresView {
            $(#[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<f64>),*
        }

        impl From<Option<stored::Figures>> for FiguresView {
            fn from(figures: Option<stored::Figures>) -> Self {
                let figures = figures.unwrap_or_default();
                Self { $($name: figures.$name.map(thousandths)),* }
            }
        }
    };
}

figures_view!(
    distance_m,
    elapsed_s,
    timer_s,
    moving_s,
    ascent_m,
    descent_m,
    heart_rate_avg,
    heart_rate_max,
    speed_avg,
    speed_max,
    cadence_avg,
    power_avg,
    power_max,
    energy_kcal
);

impl From<stored::Activity> for ActivityView {
    fn from(activity: stored::Activity) -> Self {
        let quality = activity.quality.unwrap_or_default();
        let channels = Channel::ALL.into_iter().filter(|channel| activity.has(*channel));
        Self {
            id: activity.uuid().unwrap_or_default(),
            sport: Sport::from_number(activity.sport).name(),
            started_at: rfc3339(activity.started_ms),
            ended_at: rfc3339(activity.ended_ms),
            truncated: quality.truncated,
            figures: activity.figures.into(),
            device_figures: activity.device_figures.into(),
            distance_source: DistanceSource::from_number(activity.distance_source).name(),
            record_count: activity.record_count,
            lap_count: activity.lap_count,
            channels: channels.map(Channel::name).collect(),
            quality: quality.into(),
            original: activity.original.unwrap_or_default().into(),
            uploaded_at: rfc3339(i64::try_from(activity.uploaded_ms).unwrap_or_default()),
            name: activity.name,
            device: activity.device_name,
        }
    }
}

impl From<stored::SharedWorkout> for SharedView {
    fn from(row: stored::SharedWorkout) -> Self {
        Self {
            number: row.number,
            author: Uuid::from_slice(&row.author).unwrap_or_default(),
            author_home: row.author_home,
            workout: Uuid::from_slice(&row.workout).unwrap_or_default(),
            title: row.title,
            sport: row.sport.map(|sport| Sport::from_number(sport).name()),
            started_at: row.started_ms.map(rfc3339),
            distance_m: row.distance_m.map(thousandths),
            timer_s: row.timer_s.map(thousandths),
            heart_rate_avg: row.heart_rate_avg.map(thousandths),
            energy_kcal: row.energy_kcal.map(thousandths),
            came_at: rfc3339(i64::try_from(row.came_ms).unwrap_or_default()),
        }
    }
}

impl From<stored::Quality> for QualityView {
    fn from(quality: stored::Quality) -> Self {
        Self {
            checksum_failed: quality.checksum_failed,
            records_dropped: quality.records_dropped,
            values_dropped: quality.values_dropped,
            laps_dropped: quality.laps_dropped,
        }
    }
}

impl From<stored::Original> for OriginalView {
    fn from(original: stored::Original) -> Self {
        Self {
            format: Format::from_number(original.format).map_or("", Format::name),
            gzip: original.gzip,
            size_bytes: original.size_bytes,
            sha256: original.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// The laps of an activity, numbered.
pub fn laps(laps: Vec<stored::Lap>) -> Vec<LapView> {
    let view = |(at, lap): (usize, stored::Lap)| LapView {
        number: at + 1,
        started_at: rfc3339(lap.started_ms),
        ended_at: rfc3339(lap.ended_ms),
        figures: lap.figures.into(),
        device_figures: lap.device_figures.into(),
    };
    laps.into_iter().enumerate().map(view).collect()
}

/// Streams as columns: `{"heart_rate": {"unit": "bpm", "values": [81, null]}}`.
pub fn streams(
    activity: &stored::Activity,
    resolution_s: u32,
    points: &Points,
    next_ms: Option<i64>,
) -> StreamsView {
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    let column = |(channel, values): &(Channel, Vec<Option<f64>>)| {
        let digits = if matches!(channel, Channel::Latitude | Channel::Longitude) {
            1e7
        } else {
            1e3
        };
        let values: Vec<_> = values
            .iter()
            .map(|value| value.map(|value| (value * digits).round() / digits))
            .collect();
        (
            channel.name().to_owned(),
            serde_json::json!({ "unit": channel.unit(), "values": values }),
        )
    };
    StreamsView {
        id: activity.uuid().unwrap_or_default(),
        started_at: rfc3339(activity.started_ms),
        resolution_s,
        time_s: points.time_ms.iter().map(|ms| seconds(*ms)).collect(),
        channels: points.columns.iter().map(column).collect(),
        next_from_s: next_ms.map(seconds),
    }
}

fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// A time as RFC 3339 in UTC with milliseconds; years 0000 to 9999.
pub fn rfc3339(unix_ms: i64) -> String {
    let (days, ms) = (unix_ms.div_euclid(86_400_000), unix_ms.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        ms % 1_000
    )
}

/// Year, month and day of a count of days since 1970-01-01, by the Gregorian calendar.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;
    use crate::import::clock_text::unix_ms;
    use crate::import::import;
    use crate::numbers::compute;

    const PINNED: &str = include_str!("view.activity.json");

    #[test]
    fn an_activity_is_one_document_of_a_known_shape() {
        let workout = import(fixtures::get("hrv-activity.fit")).expect("a workout");
        let source = stored::Source {
            id: Uuid::from_u128(1),
            sha256: [7; 32],
            size_bytes: 55_568,
            gzip: false,
        };
        let numbers = compute(&workout);
        let activity = stored::Activity::of(&workout, &numbers, &source);
        let pages = stored::lap_pages(source.id, &numbers.laps[..1]);
        let view = DetailView {
            laps: laps(pages[0].laps.clone()),
            activity: activity.into(),
        };
        let text = serde_json::to_string_pretty(&view).expect("JSON");
        assert_eq!(text, PINNED.trim_end(), "\n{text}");
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "2000-02-29T23:59:59.999Z",
            "2021-01-19T23:30:50.000Z",
            "2099-12-31T01:02:03.004Z",
        ] {
            assert_eq!(rfc3339(unix_ms(text).expect("a time")), text);
        }
    }
}

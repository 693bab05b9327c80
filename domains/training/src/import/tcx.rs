//! TCX (Training Center XML): activities, laps, tracks, track points and the ActivityExtension of Garmin.

use super::clock_text::unix_ms;
use super::xml::{self, Element, End, Sink};
use super::{ImportError, LAPS_MAX, clean_name, laps, timer_spans, whole_span};
use crate::model::{Builder, Channel, Figures, Format, LapMark, Sample, Span, Sport, Workout};

/// Tracks that follow one another within this time are one stretch of the timer.
pub(super) const SEGMENT_GAP_MS_MAX: i64 = 10_000;
/// Segments of one file; those past it are joined to the one before.
pub(super) const SEGMENTS_MAX: usize = 20_000;

/// # Errors
/// `Empty` without a record or a lap, `Corrupt` if it broke before the first.
pub fn read(bytes: &[u8]) -> Result<Workout, ImportError> {
    let mut reader = TcxReader::default();
    let end = xml::walk(bytes, &mut reader)?;
    reader.workout(end)
}

/// In which element a value stands; the same names mean other things elsewhere.
#[derive(Debug, Default)]
struct TcxReader {
    builder: Builder,
    sport: Option<Sport>,
    notes: Option<String>,
    device_name: Option<String>,
    lap: Option<OpenLap>,
    laps: Vec<LapMark>,
    point: Option<Sample>,
    segments: Vec<Span>,
    in_creator: bool,
    /// The heart rate element whose `<Value>` comes.
    rate: Option<Rate>,
}

#[derive(Debug, Default)]
struct OpenLap {
    start_ms: Option<i64>,
    last_ms: Option<i64>,
    figures: Figures,
}

#[derive(Debug, Clone, Copy)]
enum Rate {
    Point,
    Average,
    Maximum,
}

impl Sink for TcxReader {
    fn open(&mut self, name: &str, element: &Element<'_>) -> Result<(), ImportError> {
        match name {
            "Activity" if self.sport.is_none() => {
                self.sport = Some(Sport::from_text(&element.attribute("Sport").unwrap_or_default()));
            }
            "Lap" => {
                let start_ms = element.attribute("StartTime").as_deref().and_then(unix_ms);
                self.lap = Some(OpenLap {
                    start_ms,
                    ..OpenLap::default()
                });
            }
            "Track" => self.open_segment(),
            "Trackpoint" => self.point = Some(Sample::default()),
            "Creator" => self.in_creator = true,
            "HeartRateBpm" if self.point.is_some() => self.rate = Some(Rate::Point),
            "AverageHeartRateBpm" => self.rate = Some(Rate::Average),
            "MaximumHeartRateBpm" => self.rate = Some(Rate::Maximum),
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str, text: &str) -> Result<(), ImportError> {
        match name {
            "Trackpoint" => return self.close_point(),
            "Lap" => self.close_lap(),
            "Creator" => self.in_creator = false,
            "Name" if self.in_creator => self.device_name = clean_name(text),
            "Notes" if self.lap.is_none() => self.notes = clean_name(text),
            "Value" => self.take_rate(text),
            _ if self.point.is_some() => self.take_point_value(name, text),
            _ => self.take_lap_value(name, text),
        }
        Ok(())
    }
}

impl TcxReader {
    fn open_segment(&mut self) {
        if self.segments.len() < SEGMENTS_MAX {
            self.segments.push(Span {
                start_ms: i64::MAX,
                end_ms: i64::MIN,
            });
        }
    }

    fn take_rate(&mut self, text: &str) {
        let Some(value) = xml::number(text) else { return };
        match (self.rate.take(), &mut self.point, &mut self.lap) {
            (Some(Rate::Point), Some(point), _) => point.set(Channel::HeartRate, value),
            (Some(Rate::Average), _, Some(lap)) => lap.figures.heart_rate_avg = Some(value),
            (Some(Rate::Maximum), _, Some(lap)) => lap.figures.heart_rate_max = Some(value),
            _ => {}
        }
    }

    fn take_point_value(&mut self, name: &str, text: &str) {
        let Some(point) = &mut self.point else { return };
        let channel = match name {
            "Time" => {
                point.time_ms = unix_ms(text);
                return;
            }
            "LatitudeDegrees" => Channel::Latitude,
            "LongitudeDegrees" => Channel::Longitude,
            "AltitudeMeters" => Channel::Altitude,
            "DistanceMeters" => Channel::Distance,
            "Cadence" | "RunCadence" => Channel::Cadence,
            "Speed" => Channel::Speed,
            "Watts" => Channel::Power,
            _ => return,
        };
        if let Some(value) = xml::number(text) {
            point.set(channel, value);
        }
    }

    fn take_lap_value(&mut self, name: &str, text: &str) {
        let Some(lap) = &mut self.lap else { return };
        let slot = match name {
            "TotalTimeSeconds" => &mut lap.figures.timer_s,
            "DistanceMeters" => &mut lap.figures.distance_m,
            "MaximumSpeed" => &mut lap.figures.speed_max,
            "Calories" => &mut lap.figures.energy_kcal,
            "AvgSpeed" => &mut lap.figures.speed_avg,
            "Cadence" | "AvgRunCadence" => &mut lap.figures.cadence_avg,
            "AvgWatts" => &mut lap.figures.power_avg,
            "MaxWatts" => &mut lap.figures.power_max,
            _ => return,
        };
        *slot = xml::number(text).or(*slot);
    }

    fn close_point(&mut self) -> Result<(), ImportError> {
        let Some(point) = self.point.take() else {
            return Ok(());
        };
        if let (Some(time_ms), Some(segment)) = (point.time_ms, self.segments.last_mut()) {
            segment.start_ms = segment.start_ms.min(time_ms);
            segment.end_ms = segment.end_ms.max(time_ms);
        }
        if let Some(lap) = &mut self.lap {
            lap.last_ms = lap.last_ms.max(point.time_ms);
        }
        Ok(self.builder.push(point)?)
    }

    fn close_lap(&mut self) {
        let Some(lap) = self.lap.take() else { return };
        let told_ms = lap
            .figures
            .timer_s
            .filter(|s| (0.0..1e7).contains(s))
            .map(|s| (s * 1_000.0) as i64);
        let (Some(start_ms), true) = (lap.start_ms, self.laps.len() < LAPS_MAX) else {
            self.builder.quality.laps_dropped += 1;
            return;
        };
        let told_end = start_ms.saturating_add(told_ms.unwrap_or(0));
        let end_ms = lap.last_ms.unwrap_or(told_end).max(told_end);
        self.laps.push(LapMark {
            span: Span { start_ms, end_ms },
            device: lap.figures,
        });
    }

    fn workout(mut self, end: End) -> Result<Workout, ImportError> {
        self.close_lap();
        let (records, mut quality) = self.builder.finish();
        quality.truncated |= end == End::Broken;
        let told = match (self.laps.first(), self.laps.last()) {
            (Some(first), Some(last)) => Some(Span {
                start_ms: first.span.start_ms,
                end_ms: last.span.end_ms,
            }),
            _ => None,
        };
        let Some(span) = whole_span(&records, told) else {
            return Err(nothing(end));
        };
        let laps = laps::believed(self.laps, span, &mut quality);
        let device = laps
            .iter()
            .map(|lap| lap.device)
            .reduce(Figures::then)
            .unwrap_or_default();
        Ok(Workout {
            format: Format::Tcx,
            sport: self.sport.unwrap_or_default(),
            name: self.notes,
            device_name: self.device_name,
            span,
            timer: timer_spans(self.segments, span, SEGMENT_GAP_MS_MAX),
            records,
            laps,
            device,
            quality,
        })
    }
}

pub(super) fn nothing(end: End) -> ImportError {
    match end {
        End::Whole => ImportError::Empty {
            reason: "no point of the file has a time: it is no workout",
        },
        End::Broken => ImportError::Corrupt {
            reason: "the file breaks off before its first record",
        },
    }
}

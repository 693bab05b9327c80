//! GPX 1.0 and 1.1: track points with times, with the extensions of Garmin for heart rate, cadence, power and statistics.
//! Routes and way points are plans, not workouts: they are not read.

use super::clock_text::unix_ms;
use super::tcx::{SEGMENT_GAP_MS_MAX, SEGMENTS_MAX, nothing};
use super::xml::{self, Element, End, Sink};
use super::{ImportError, clean_name, timer_spans, whole_span};
use crate::model::{Builder, Channel, Figures, Format, Sample, Span, Sport, Workout};

/// # Errors
/// `Empty` without a timed point, `Corrupt` if it broke before the first.
pub fn read(bytes: &[u8]) -> Result<Workout, ImportError> {
    let mut reader = GpxReader::default();
    let end = xml::walk(bytes, &mut reader)?;
    reader.workout(end)
}

#[derive(Debug, Default)]
struct GpxReader {
    builder: Builder,
    creator: Option<String>,
    name: Option<String>,
    sport: Option<Sport>,
    point: Option<Sample>,
    segments: Vec<Span>,
    /// Open elements named so, by place.
    in_track: bool,
    in_statistics: bool,
    device: Figures,
}

impl Sink for GpxReader {
    fn open(&mut self, name: &str, element: &Element<'_>) -> Result<(), ImportError> {
        match name {
            "gpx" => self.creator = element.attribute("creator").as_deref().and_then(clean_name),
            "trk" => self.in_track = true,
            "trkseg" if self.segments.len() < SEGMENTS_MAX => {
                self.segments.push(Span {
                    start_ms: i64::MAX,
                    end_ms: i64::MIN,
                });
            }
            "trkpt" if self.in_track => {
                let mut point = Sample::default();
                if let (Some(latitude), Some(longitude)) = (element.number("lat"), element.number("lon")) {
                    point.set(Channel::Latitude, latitude);
                    point.set(Channel::Longitude, longitude);
                }
                self.point = Some(point);
            }
            "TrackStatsExtension" => self.in_statistics = true,
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self, name: &str, text: &str) -> Result<(), ImportError> {
        match name {
            "trkpt" => return self.close_point(),
            "trk" => self.in_track = false,
            "TrackStatsExtension" => self.in_statistics = false,
            _ if self.point.is_some() => self.take_point_value(name, text),
            _ if self.in_statistics => self.take_statistic(name, text),
            "name" if self.in_track && self.name.is_none() => self.name = clean_name(text),
            "type" if self.in_track && self.sport.is_none() => self.sport = Some(Sport::from_text(text)),
            _ => {}
        }
        Ok(())
    }
}

impl GpxReader {
    fn take_point_value(&mut self, name: &str, text: &str) {
        let Some(point) = &mut self.point else { return };
        let channel = match name {
            "time" => {
                point.time_ms = unix_ms(text);
                return;
            }
            "ele" => Channel::Altitude,
            "hr" | "heartrate" => Channel::HeartRate,
            "cad" | "cadence" => Channel::Cadence,
            "power" | "PowerInWatts" | "watts" => Channel::Power,
            "atemp" | "temp" => Channel::Temperature,
            "speed" => Channel::Speed,
            "distance" => Channel::Distance,
            _ => return,
        };
        if let Some(value) = xml::number(text) {
            point.set(channel, value);
        }
    }

    fn take_statistic(&mut self, name: &str, text: &str) {
        let slot = match name {
            "Distance" => &mut self.device.distance_m,
            "TimerTime" => &mut self.device.timer_s,
            "TotalElapsedTime" => &mut self.device.elapsed_s,
            "MovingTime" => &mut self.device.moving_s,
            "MaxSpeed" => &mut self.device.speed_max,
            "Ascent" => &mut self.device.ascent_m,
            "Descent" => &mut self.device.descent_m,
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
        Ok(self.builder.push(point)?)
    }

    fn workout(self, end: End) -> Result<Workout, ImportError> {
        let (records, mut quality) = self.builder.finish();
        quality.truncated |= end == End::Broken;
        let Some(span) = whole_span(&records, None) else {
            return Err(nothing(end));
        };
        Ok(Workout {
            format: Format::Gpx,
            sport: self.sport.unwrap_or_default(),
            name: self.name,
            device_name: self.creator,
            span,
            timer: timer_spans(self.segments, span, SEGMENT_GAP_MS_MAX),
            records,
            laps: Vec::new(),
            device: self.device.believed(),
            quality,
        })
    }
}

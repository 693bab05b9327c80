//! What the messages of a FIT file say about a workout.

use fitparser::de::FitDataMessage;

use super::profile;
use crate::import::tcx::SEGMENTS_MAX;
use crate::import::{ImportError, LAPS_MAX, clean_name, laps, timer_spans, whole_span};
use crate::model::{Builder, Channel, Figures, Format, LapMark, Quality, Sample, Span, Sport, Workout};

/// Sessions of one file or chain; a triathlon has five.
const SESSIONS_MAX: usize = 100;
/// The `event` of the timer, and its types that stop it.
const EVENT_TIMER: f64 = 0.0;
const EVENT_START: f64 = 0.0;
const EVENT_STOPS: [f64; 4] = [1.0, 4.0, 8.0, 9.0];
/// `file_id.type` of an activity.
const FILE_ACTIVITY: f64 = 4.0;
/// Bits of a compressed time stamp, and of a compressed distance.
const TIME_MASK: u32 = 0x1f;
const DISTANCE_MASK: u32 = 0xfff;

#[derive(Debug, Default)]
pub struct Collector {
    builder: Builder,
    sessions: Vec<(Span, Sport, Figures)>,
    laps: Vec<LapMark>,
    timer: Vec<Span>,
    timer_since_ms: Option<i64>,
    name: Option<String>,
    device_name: Option<String>,
    /// The file says that it is something else (settings, a course, weights).
    foreign: bool,
    /// The last full time stamp, which compressed ones refer to.
    clock_s: Option<u32>,
    compressed: Option<CompressedDistance>,
}

/// Distance of records that carry only its low 12 bits.
#[derive(Debug, Clone, Copy)]
struct CompressedDistance {
    low: u32,
    total: u64,
}

impl Collector {
    pub fn quality(&mut self) -> &mut Quality {
        &mut self.builder.quality
    }

    /// Forgets what does not reach over the files of a chain.
    pub fn begin_file(&mut self) {
        self.clock_s = None;
        self.compressed = None;
    }

    /// # Errors
    /// When there are more records than are taken.
    pub fn take(&mut self, message: &FitDataMessage) -> Result<(), ImportError> {
        let time_ms = self.time(message);
        match message.global_message_number() {
            profile::RECORD => self.record(message, time_ms)?,
            profile::SESSION => self.session(message, time_ms),
            profile::LAP => self.lap(message, time_ms),
            profile::EVENT => self.event(message, time_ms),
            profile::FILE_ID => self.file_id(message),
            profile::SPORT => {
                self.name = profile::text(message, 3)
                    .and_then(clean_name)
                    .or(self.name.take())
            }
            _ => {}
        }
        Ok(())
    }

    fn time(&mut self, message: &FitDataMessage) -> Option<i64> {
        if let Some(seconds) = profile::seconds(message, profile::TIMESTAMP) {
            self.clock_s = Some(seconds);
        } else if let (Some(offset), Some(clock)) = (message.time_offset(), self.clock_s) {
            let ahead = u32::from(offset).wrapping_sub(clock) & TIME_MASK;
            self.clock_s = clock.checked_add(ahead);
        } else {
            return None;
        }
        self.clock_s.map(profile::unix_ms)
    }

    fn record(&mut self, message: &FitDataMessage, time_ms: Option<i64>) -> Result<(), ImportError> {
        let mut sample = Sample {
            time_ms,
            ..Sample::default()
        };
        if let Some((speed, low)) = profile::compressed_speed_distance(message) {
            sample.set(Channel::Speed, speed);
            sample.set(Channel::Distance, self.uncompressed(low));
        }
        for (channel, value) in profile::record_values(message) {
            sample.set(channel, value);
        }
        Ok(self.builder.push(sample)?)
    }

    fn uncompressed(&mut self, low: u32) -> f64 {
        let before = self.compressed.unwrap_or(CompressedDistance { low: 0, total: 0 });
        let ahead = low.wrapping_sub(before.low) & DISTANCE_MASK;
        let now = CompressedDistance {
            low,
            total: before.total + u64::from(ahead),
        };
        self.compressed = Some(now);
        now.total as f64 / 16.0
    }

    fn session(&mut self, message: &FitDataMessage, time_ms: Option<i64>) {
        let sport = profile::number(message, 5).map_or(Sport::Other, |number| Sport::from_fit(number as u64));
        let figures = profile::session_figures(message);
        if let (Some(span), true) = (
            span(message, time_ms, &figures),
            self.sessions.len() < SESSIONS_MAX,
        ) {
            self.sessions.push((span, sport, figures));
        }
    }

    fn lap(&mut self, message: &FitDataMessage, time_ms: Option<i64>) {
        let device = profile::lap_figures(message);
        match span(message, time_ms, &device) {
            Some(span) if self.laps.len() < LAPS_MAX => self.laps.push(LapMark { span, device }),
            _ => self.builder.quality.laps_dropped += 1,
        }
    }

    fn event(&mut self, message: &FitDataMessage, time_ms: Option<i64>) {
        let (Some(time_ms), Some(EVENT_TIMER)) = (time_ms, profile::number(message, 0)) else {
            return;
        };
        match profile::number(message, 1) {
            Some(EVENT_START) => self.timer_since_ms = self.timer_since_ms.or(Some(time_ms)),
            Some(kind) if EVENT_STOPS.contains(&kind) => self.stop_timer(time_ms),
            _ => {}
        }
    }

    fn stop_timer(&mut self, end_ms: i64) {
        if let Some(start_ms) = self.timer_since_ms.take()
            && self.timer.len() < SEGMENTS_MAX
        {
            self.timer.push(Span { start_ms, end_ms });
        }
    }

    fn file_id(&mut self, message: &FitDataMessage) {
        self.foreign |= profile::number(message, 0).is_some_and(|kind| kind != FILE_ACTIVITY);
        self.device_name = self.device_name.take().or_else(|| maker(message));
    }

    /// # Errors
    /// Where nothing was recorded.
    pub fn workout(mut self) -> Result<Workout, ImportError> {
        let open_timer = self.timer_since_ms.take();
        let (records, mut quality) = self.builder.finish();
        let told = self.sessions.iter().map(|session| session.0).reduce(|a, b| Span {
            start_ms: a.start_ms.min(b.start_ms),
            end_ms: a.end_ms.max(b.end_ms),
        });
        let Some(span) = whole_span(&records, told) else {
            return Err(match (self.foreign, quality.truncated) {
                (true, _) => ImportError::Empty {
                    reason: "the FIT file is of another kind than an activity",
                },
                (_, true) => ImportError::Corrupt {
                    reason: "the file breaks off before its first record",
                },
                _ => ImportError::Empty {
                    reason: "the FIT file holds neither a record nor a session",
                },
            });
        };
        self.timer.extend(open_timer.map(|start_ms| Span {
            start_ms,
            end_ms: span.end_ms,
        }));
        let sport = self
            .sessions
            .iter()
            .map(|session| session.1)
            .reduce(|a, b| if a == b { a } else { Sport::Multisport });
        let device = self
            .sessions
            .iter()
            .map(|session| session.2)
            .reduce(Figures::then)
            .unwrap_or_default();
        Ok(Workout {
            format: Format::Fit,
            sport: sport.unwrap_or_default(),
            name: self.name,
            device_name: self.device_name,
            span,
            timer: timer_spans(self.timer, span, 0),
            laps: laps::believed(self.laps, span, &mut quality),
            records,
            device,
            quality,
        })
    }
}

/// From the start that the message tells, or its elapsed time before its end.
fn span(message: &FitDataMessage, end_ms: Option<i64>, figures: &Figures) -> Option<Span> {
    let start_ms = profile::seconds(message, profile::START_TIME).map(profile::unix_ms);
    let elapsed_ms = figures.elapsed_s.map(|s| (s * 1_000.0) as i64);
    match (start_ms, end_ms, elapsed_ms) {
        (Some(start_ms), _, Some(elapsed_ms)) => Some(Span {
            start_ms,
            end_ms: start_ms + elapsed_ms,
        }),
        (Some(start_ms), Some(end_ms), None) => Some(Span {
            start_ms,
            end_ms: end_ms.max(start_ms),
        }),
        (None, Some(end_ms), Some(elapsed_ms)) => Some(Span {
            start_ms: end_ms - elapsed_ms,
            end_ms,
        }),
        _ => None,
    }
}

/// The product's name, or the maker's for those met most.
fn maker(message: &FitDataMessage) -> Option<String> {
    if let Some(name) = profile::text(message, 8).and_then(clean_name) {
        return Some(name);
    }
    let name = match profile::number(message, 1)? as u32 {
        1 | 15 => "Garmin",
        23 => "Suunto",
        32 => "Wahoo Fitness",
        70 => "Sigma",
        123 => "Polar",
        260 => "Zwift",
        265 => "Strava",
        267 => "Bryton",
        289 => "Hammerhead",
        294 => "Coros",
        _ => return None,
    };
    Some(name.to_owned())
}

//! From the bytes of a file to a [`Workout`]: sniffed, unpacked within a bound, read by the parser of its format.
//!
//! Pure and bounded: no clock, no I/O; time and memory grow with the file and each size inside is checked before it is
//! believed. What is damaged is read up to the break and flagged. FIT is framed by the crate `fitparser`; GPX and TCX are
//! read with `quick-xml`, because the crate `gpx` skips extensions (heart rate, cadence, power) and the crate `tcx` skips
//! run cadence and the averages of laps, and neither gives anything back from a file that breaks off.

pub mod clock_text;
pub mod fit;
pub mod gpx;
pub mod laps;
pub mod sniff;
pub mod tcx;
pub mod unpack;
pub mod xml;

use platform_model::{Code, Problem};

use crate::model::{Records, Span, Unrecordable, Workout, records::TIME_MS_MAX, records::TIME_MS_MIN};
use sniff::Kind;

/// A file as sent may have this many bytes.
pub const FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// A file may have this many bytes once unpacked.
pub const UNPACKED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Laps past these are dropped and counted.
pub const LAPS_MAX: usize = 2_000;
/// Characters of a name that are kept.
pub const NAME_CHARS_MAX: usize = 200;

/// Why a file was not taken. Nothing is retryable: the same bytes give the same answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error("{reason}")]
    Unsupported { reason: &'static str },
    #[error("{reason}")]
    Empty { reason: &'static str },
    #[error("{reason}")]
    Corrupt { reason: &'static str },
    #[error("the file is larger than {bytes_max} bytes {when}")]
    TooLarge { bytes_max: usize, when: &'static str },
    #[error("more than {messages_max} messages")]
    TooManyMessages { messages_max: u32 },
    #[error(transparent)]
    TooManyRecords(#[from] Unrecordable),
}

impl ImportError {
    pub fn retryable(&self) -> bool {
        false
    }

    /// The answer that an app gets.
    pub fn problem(&self) -> Problem {
        let code = match self {
            Self::Unsupported { .. } => Code::UnsupportedFile,
            Self::Empty { .. } => Code::EmptyFile,
            Self::Corrupt { .. } => Code::CorruptFile,
            Self::TooLarge { .. } | Self::TooManyMessages { .. } | Self::TooManyRecords(_) => {
                Code::FileTooLarge
            }
        };
        Problem::new(code).detail(self.to_string())
    }
}

/// Reads one file.
///
/// # Errors
/// Where the bytes are no workout, are too many, or are damaged before the first record.
pub fn import(bytes: &[u8]) -> Result<Workout, ImportError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ImportError::TooLarge {
            bytes_max: FILE_BYTES_MAX,
            when: "as sent",
        });
    }
    match sniff::kind(bytes)? {
        Kind::Gzip => {
            let unpacked = unpack::gunzip(bytes, UNPACKED_BYTES_MAX)?;
            let mut workout = read(sniff::kind(&unpacked.bytes)?, &unpacked.bytes)?;
            workout.quality.truncated |= unpacked.truncated;
            Ok(workout)
        }
        kind => read(kind, bytes),
    }
}

fn read(kind: Kind, bytes: &[u8]) -> Result<Workout, ImportError> {
    match kind {
        Kind::Fit => fit::read(bytes),
        Kind::Gpx => gpx::read(bytes),
        Kind::Tcx => tcx::read(bytes),
        Kind::Gzip => Err(ImportError::Unsupported {
            reason: "a gzip inside a gzip is not taken",
        }),
    }
}

/// The start of a workout: the one that the file tells, if it fits the first record, else the first record.
pub(crate) fn whole_span(records: &Records, told: Option<Span>) -> Option<Span> {
    const SLACK_MS_MAX: i64 = 3_600_000;
    let told = told.filter(|span| sane(*span));
    let (Some(&first), Some(&last)) = (records.time_ms().first(), records.time_ms().last()) else {
        return told;
    };
    let start_ms = told
        .map(|span| span.start_ms)
        .filter(|start| (first - SLACK_MS_MAX..=first).contains(start));
    let end_ms = told
        .map(|span| span.end_ms)
        .filter(|end| (last..=last + SLACK_MS_MAX).contains(end));
    Some(Span {
        start_ms: start_ms.unwrap_or(first),
        end_ms: end_ms.unwrap_or(last),
    })
}

pub(crate) fn sane(span: Span) -> bool {
    let believed = TIME_MS_MIN..TIME_MS_MAX;
    believed.contains(&span.start_ms) && believed.contains(&span.end_ms) && span.start_ms <= span.end_ms
}

/// Timer spans inside of `whole`, in order, without overlap; gaps shorter than `gap_ms` closed. Never empty.
pub(crate) fn timer_spans(mut spans: Vec<Span>, whole: Span, gap_ms: i64) -> Vec<Span> {
    spans.retain(|span| span.start_ms <= span.end_ms);
    spans.sort_by_key(|span| (span.start_ms, span.end_ms));
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        let cut = Span {
            start_ms: span.start_ms.max(whole.start_ms),
            end_ms: span.end_ms.min(whole.end_ms),
        };
        if cut.start_ms > cut.end_ms {
            continue;
        }
        match merged.last_mut() {
            Some(last) if cut.start_ms <= last.end_ms.saturating_add(gap_ms) => {
                last.end_ms = last.end_ms.max(cut.end_ms);
            }
            _ => merged.push(cut),
        }
    }
    match merged.first_mut() {
        Some(first) if first.start_ms - whole.start_ms <= gap_ms => first.start_ms = whole.start_ms,
        Some(_) => {}
        None => merged.push(whole),
    }
    merged
}

/// A name without control characters, cut to size; `None` if nothing is left.
pub(crate) fn clean_name(text: &str) -> Option<String> {
    let name: String = text
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS_MAX)
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;

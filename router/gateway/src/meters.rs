//! What the router counts: rate, errors and duration per cell and route class, and the state of its table.
//!
//! Labels come from closed lists and from the table, never from a request: no user id, no path, no host.

use crate::hold::bounds::Full;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use platform_model::{CellId, Code};
use router_table::RouteClass;
use std::time::Duration;

/// Status classes as labels: `1xx` to `5xx`.
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// For answers of the router's own, which no cell gave.
pub const DOOR: &str = "door";

/// Handles made once for each cell, so that a request looks nothing up.
#[derive(Debug)]
pub struct CellMeters {
    classes: Vec<ClassMeters>,
    pub in_flight: Gauge,
    pub retries: Counter,
    pub moved: Counter,
    pub overloaded: Counter,
    pub breaker_opened: Counter,
    /// Requests that wait for a shard now, and their bytes.
    pub held: Gauge,
    pub held_bytes: Gauge,
    /// How long requests waited.
    pub held_seconds: Histogram,
    /// Requests that were sent after they had waited, and those that waited in vain.
    pub hold_replays: Counter,
    pub hold_in_vain: Counter,
    /// Not held: the shard had been for too long.
    pub hold_refused_long: Counter,
    hold_refused: [Counter; Full::ALL.len()],
    /// Questions whether a shard is served.
    pub probes: Counter,
}

#[derive(Debug)]
struct ClassMeters {
    requests: Vec<Counter>,
    seconds: Histogram,
}

impl CellMeters {
    pub fn new(cell: &CellId) -> Self {
        Self::named(cell.as_str())
    }

    /// Meters under any name from a closed list.
    pub fn named(cell: &str) -> Self {
        let label = || cell.to_owned();
        let class = |class: RouteClass| {
            ClassMeters {
            requests: STATUS_CLASSES
                .map(|status| {
                    counter!("router_requests_total", "cell" => label(), "class" => class.as_str(), "status" => status)
                })
                .into(),
            seconds: histogram!("router_request_seconds", "cell" => label(), "class" => class.as_str()),
        }
        };
        Self {
            classes: RouteClass::ALL.into_iter().map(class).collect(),
            in_flight: gauge!("router_in_flight", "cell" => label()),
            retries: counter!("router_retries_total", "cell" => label()),
            moved: counter!("router_moved_total", "cell" => label()),
            overloaded: counter!("router_overloaded_total", "cell" => label()),
            breaker_opened: counter!("router_breaker_opened_total", "cell" => label()),
            held: gauge!("router_held", "cell" => label()),
            held_bytes: gauge!("router_held_bytes", "cell" => label()),
            held_seconds: histogram!("router_held_seconds", "cell" => label()),
            hold_replays: counter!("router_held_replays_total", "cell" => label()),
            hold_in_vain: counter!("router_held_in_vain_total", "cell" => label()),
            hold_refused_long: hold_refused(cell, "time"),
            hold_refused: Full::ALL.map(|full| hold_refused(cell, full.as_str())),
            probes: counter!("router_probes_total", "cell" => label()),
        }
    }

    /// Counts a request that was not held for the bound that is reached.
    pub fn hold_refused(&self, full: Full) {
        self.hold_refused[full as usize].increment(1);
    }

    /// Counts one answer. `took`: from the request's head to the answer's head.
    pub fn answered(&self, class: RouteClass, status: http::StatusCode, took: Duration) {
        let place = RouteClass::ALL
            .iter()
            .position(|known| *known == class)
            .unwrap_or(RouteClass::ALL.len() - 1);
        let meters = &self.classes[place];
        let status = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        meters.requests[status].increment(1);
        meters.seconds.record(took.as_secs_f64());
    }
}

fn hold_refused(cell: &str, bound: &'static str) -> Counter {
    counter!("router_hold_refused_total", "cell" => cell.to_owned(), "bound" => bound)
}

/// Counts an answer of the router's own by its code.
pub fn refused(code: Code) {
    counter!("router_refused_total", "code" => code.as_str()).increment(1);
}

/// Counts a token that was not good, by the reason that apps are not told.
pub fn token_refused(reason: &'static str) {
    counter!("router_tokens_refused_total", "reason" => reason).increment(1);
}

/// The table held, and how old it is.
pub fn table(generation: u64, age_ms: Option<u64>, overrides: usize) {
    gauge!("router_table_generation").set(generation as f64);
    gauge!("router_table_age_ms").set(shown_age(age_ms));
    gauge!("router_overrides").set(overrides as f64);
}

/// A table that no controller ever confirmed is older than any bound, never fresh.
fn shown_age(age_ms: Option<u64>) -> f64 {
    age_ms.map_or(f64::INFINITY, |age_ms| age_ms as f64)
}

/// Connections of apps.
pub fn connections(open: usize) {
    gauge!("router_connections").set(open as f64);
}

/// A connection that was refused or broke before its first request.
pub fn connection_refused(reason: &'static str) {
    counter!("router_connections_refused_total", "reason" => reason).increment(1);
}

/// A connection that we ended without its app.
pub fn connection_cut(reason: &'static str) {
    counter!("router_connections_cut_total", "reason" => reason).increment(1);
}

/// An answer that stopped on its way, at the node or at the app.
pub fn answer_cut(reason: &'static str) {
    counter!("router_answers_cut_total", "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_nobody_confirmed_is_not_fresh() {
        assert!(shown_age(None) > 1e18);
        assert!((shown_age(Some(5)) - 5.0).abs() < f64::EPSILON);
    }
}

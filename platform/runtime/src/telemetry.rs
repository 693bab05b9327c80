//! What a process says about itself: logs, metrics, trace context.
//!
//! Never personal data: callers log ids and codes. Logs go to stderr; metrics are rendered for whoever asks, on the
//! process's own listener.

mod trace;

use std::io::IsTerminal;
use std::sync::LazyLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde::{Deserialize, Serialize};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::clock::Clock;
use crate::tasks::TaskGroup;

pub use trace::{InvalidTraceparent, TraceContext};

/// How often samples of histograms are moved into their buckets.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The filter used when the one that was asked for cannot be read.
const DEFAULT_FILTER: &str = "info";

/// Bounds of histograms whose name ends in `_seconds`, in seconds.
const SECONDS_BUCKETS: [f64; 15] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON document a line, for machines.
    Json,
    /// Text for people.
    Human,
}

impl Default for LogFormat {
    /// For people on a terminal, for machines elsewhere.
    fn default() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Human
        } else {
            Self::Json
        }
    }
}

/// Starts logging to stderr. `filter` is as in `RUST_LOG`, such as `info,openraft=warn`; one that cannot be read is
/// named in a warning and `info` is used. A second call changes nothing.
pub fn init(format: LogFormat, filter: &str) {
    let read = EnvFilter::try_new(filter);
    let refused = read.as_ref().err().map(ToString::to_string);
    let registry = tracing_subscriber::registry()
        .with(read.unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER)))
        .with(filter_fn(is_no_handshake));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => registry.with(layer.json().flatten_event(true)).try_init(),
        LogFormat::Human => registry.with(layer.with_ansi(color())).try_init(),
    };
    if let (Ok(()), Some(refused)) = (started, refused) {
        tracing::warn!(
            filter,
            refused,
            "the log filter cannot be read; `{DEFAULT_FILTER}` is used"
        );
    }
}

/// At its most talkative rustls tells each handshake whole, the name that a stranger asked for included: no filter
/// brings that into a log.
fn is_no_handshake(event: &Metadata<'_>) -> bool {
    *event.level() != Level::TRACE || !event.target().starts_with("rustls")
}

fn color() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// The metrics of this process.
#[derive(Clone, Debug)]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    /// The metrics in the Prometheus text format.
    pub fn render(&self) -> String {
        // Histograms collect samples until someone asks; this moves them into their buckets.
        self.0.run_upkeep();
        self.0.render()
    }

    /// Moves samples into buckets every few seconds until the group ends. Every server calls it once as it starts:
    /// where nobody ever asks, each sample would be kept for ever.
    pub fn keep_up(&self, clock: Clock, tasks: &TaskGroup) {
        let (handle, token) = (self.0.clone(), tasks.token());
        tasks.spawn("metrics-upkeep", async move {
            while token
                .run_until_cancelled(clock.sleep(UPKEEP_EVERY))
                .await
                .is_some()
            {
                handle.run_upkeep();
            }
        });
    }
}

/// The recorder of this process, installed at the first call: what `metrics::counter!` and the like record from then
/// on is kept. Call it first in `main`.
pub fn metrics() -> MetricsHandle {
    static RECORDER: LazyLock<PrometheusHandle> = LazyLock::new(install);
    MetricsHandle(RECORDER.clone())
}

fn recorder() -> PrometheusRecorder {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &SECONDS_BUCKETS)
        .expect("there are buckets")
        .build_recorder()
}

fn install() -> PrometheusHandle {
    let recorder = recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("another metrics recorder is installed: ours stays empty");
    }
    handle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_rendered() {
        let handle = metrics();
        metrics::counter!("probe_total", "kind" => "unit").increment(2);
        metrics::histogram!("probe_seconds").record(0.004);
        let text = handle.render();
        assert!(text.contains(r#"probe_total{kind="unit"} 2"#), "{text}");
        assert!(text.contains(r#"probe_seconds_bucket{le="0.005"} 1"#), "{text}");
    }

    /// The canaries of `tests` found the name of a handshake in the log of a router.
    #[test]
    fn handshakes_are_in_no_log_whatever_the_filter() {
        let all = tracing_subscriber::registry().with(EnvFilter::new("trace"));
        tracing::subscriber::with_default(all.with(filter_fn(is_no_handshake)), || {
            assert!(!tracing::enabled!(target: "rustls::server::hs", Level::TRACE));
            assert!(tracing::enabled!(target: "rustls::server::hs", Level::DEBUG));
            assert!(tracing::enabled!(target: "cell_node", Level::TRACE));
        });
    }

    /// Whether the samples of a histogram have been counted and let go, which rendering does too.
    fn is_counted(handle: &MetricsHandle, name: &str) -> bool {
        let inside = format!("{handle:?}");
        let (_, counted) = inside.split_once("distributions:").expect("a recorder has them");
        counted.contains(&format!("{name:?}"))
    }

    #[tokio::test]
    async fn histograms_do_not_grow_while_nobody_asks() {
        let recorder = recorder();
        let (handle, tasks) = (MetricsHandle(recorder.handle()), TaskGroup::new());
        let (clock, hand) = Clock::manual(0);
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("unasked_seconds").record(0.004);
        });
        assert!(!is_counted(&handle, "unasked_seconds"), "{handle:?}");
        handle.keep_up(clock, &tasks);
        let counted = async {
            while !is_counted(&handle, "unasked_seconds") {
                hand.advance(UPKEEP_EVERY);
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), counted)
            .await
            .expect("counted without anyone asking");
        assert!(tasks.shutdown(Duration::from_secs(10)).await);
    }
}

//! The ledger, sent to whoever watches over the world: each entry as an OCSF event, in order, at least once.
//!
//! What waits is the ledger itself; in memory is one batch. A cursor on disk says what was delivered: it moves after a
//! delivery, so a crash in between sends a batch again, and every event carries the number by which a receiver knows
//! it. Every controller that has a sink sends everything. Start with [`pump`]; a sink that fails holds up itself only.

mod connect;
mod cursor;
mod file;
mod otlp;
mod pump;
mod sink;
mod syslog;

use std::path::{Path, PathBuf};

use control_plane_ledger::ocsf;
use platform_model::WorldId;
use platform_runtime::config::HumanSize;
use platform_runtime::tls::SpiffeId;
use platform_runtime::{Clock, TaskGroup};
use serde::{Deserialize, Serialize};

use crate::ledger::LedgerStore;

pub use connect::{ConnectError, Receiver};
pub use sink::{Event, SinkError};

/// Where events go. A sink whose place is empty is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Siem {
    pub file: FileSettings,
    /// RFC 5424 over TLS (RFC 5425).
    pub syslog: Receiver,
    /// OTLP logs, as JSON over HTTPS, to `/v1/logs`.
    pub otlp: Receiver,
}

/// A file of JSON lines for an agent to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileSettings {
    pub path: PathBuf,
    /// Past this nothing is written until someone has taken the file away; nothing is lost meanwhile.
    pub max: HumanSize,
}

impl Default for FileSettings {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            max: HumanSize(1 << 30),
        }
    }
}

/// Who sends.
#[derive(Debug, Clone)]
pub struct Sender {
    pub world: WorldId,
    pub controller: SpiffeId,
}

impl Sender {
    fn source(&self) -> ocsf::Source<'_> {
        ocsf::Source {
            world: self.world.as_str(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Starts a pump for each sink that is set.
///
/// # Errors
/// When a receiver's certificates cannot be used: better no start than a sink that stays silent.
pub fn start(
    siem: &Siem,
    data_dir: &Path,
    store: &LedgerStore,
    sender: &Sender,
    clock: &Clock,
    tasks: &TaskGroup,
) -> Result<(), ConnectError> {
    let mut sinks = Vec::new();
    if !siem.file.path.as_os_str().is_empty() {
        sinks.push(sink::Sink::File(file::FileSink::new(&siem.file)));
    }
    if !siem.syslog.address.is_empty() {
        sinks.push(sink::Sink::Syslog(syslog::SyslogSink::new(&siem.syslog, sender)?));
    }
    if !siem.otlp.address.is_empty() {
        sinks.push(sink::Sink::Otlp(otlp::OtlpSink::new(&siem.otlp, sender)?));
    }
    for sink in sinks {
        let cursor = data_dir.join(format!("siem-{}.cursor", sink.name()));
        let pump = pump::Pump::new(store.clone(), sink, sender.clone(), cursor, clock.clone());
        pump.start(tasks);
    }
    Ok(())
}

#[cfg(test)]
mod tests;

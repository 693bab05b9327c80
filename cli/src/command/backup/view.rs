//! A backup as it is shown.

use platform_wire::custody::{BackupView as Wire, LogView as Logged};
use serde::Serialize;

use crate::law::views::moment;
use crate::printer::{Column, Listed};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupView {
    pub name: String,
    pub shard: String,
    /// Where the shard stood: (epoch, position).
    pub epoch: u64,
    pub position: u64,
    /// Of the last entry that is in it.
    pub time: String,
    pub parts: u64,
    pub rows: u64,
    pub bytes: u64,
    /// What the law calls the place where it lies.
    pub sink: String,
    /// How far it goes with its log; none where nothing was said of one.
    pub log: Option<LogView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogView {
    pub epoch: u64,
    pub position: u64,
    /// Of the entry there.
    pub time: Option<String>,
    /// What lies behind that does not attach to it.
    pub gap: bool,
}

impl LogView {
    fn of(wire: &Logged) -> Self {
        Self {
            epoch: wire.end.epoch.0,
            position: wire.end.position.0,
            time: moment(wire.time_ms),
            gap: wire.gap,
        }
    }

    fn pair(&self) -> String {
        format!("e{}:{}", self.epoch, self.position)
    }
}

impl BackupView {
    pub fn of(wire: &Wire, sink: &str) -> Self {
        Self {
            name: wire.name.clone(),
            shard: wire.shard.as_ref().map(ToString::to_string).unwrap_or_default(),
            epoch: wire.epoch.0,
            position: wire.position.0,
            time: moment(wire.time_ms).unwrap_or_default(),
            parts: wire.parts,
            rows: wire.rows,
            bytes: wire.bytes,
            sink: sink.to_owned(),
            log: wire.log.as_ref().map(LogView::of),
        }
    }

    pub fn has_gap(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.gap)
    }
}

impl Listed for BackupView {
    const COLUMNS: &'static [Column] = &[
        Column::new("name"),
        Column::new("shard"),
        Column::new("at"),
        Column::new("time"),
        Column::new("reaches"),
        Column::new("rows"),
        Column::new("bytes"),
        Column::wide("parts"),
        Column::wide("sink"),
        Column::wide("until"),
    ];

    fn cells(&self) -> Vec<String> {
        let until = self.log.as_ref().and_then(|log| log.time.clone());
        vec![
            self.name.clone(),
            self.shard.clone(),
            format!("e{}:{}", self.epoch, self.position),
            self.time.clone(),
            self.log.as_ref().map_or_else(String::new, LogView::pair),
            self.rows.to_string(),
            self.bytes.to_string(),
            self.parts.to_string(),
            self.sink.clone(),
            until.unwrap_or_default(),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, EpochPosition, Position};

    use super::*;

    #[test]
    fn the_document_is_this() {
        let wire = Wire {
            name: "eu_eu-central_003.e4.1711.5f2c9a01".into(),
            shard: Some("eu/eu-central/003".parse().expect("a shard")),
            epoch: Epoch(4),
            position: Position(1_711),
            time_ms: 1_764_130_000_000,
            parts: 2,
            rows: 40,
            bytes: 7_000_000,
            log: Some(Logged {
                end: EpochPosition {
                    epoch: Epoch(5),
                    position: Position(1_720),
                },
                time_ms: 1_764_130_009_000,
                gap: false,
            }),
        };
        let view = BackupView::of(&wire, "backup-eu");
        assert_eq!(view.cells().len(), BackupView::COLUMNS.len());
        insta::assert_snapshot!(serde_json::to_string_pretty(&view).expect("text keys"));
    }
}

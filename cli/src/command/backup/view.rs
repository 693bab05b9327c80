//! A backup as it is shown.

use platform_wire::custody::BackupView as Wire;
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
        }
    }
}

impl Listed for BackupView {
    const COLUMNS: &'static [Column] = &[
        Column::new("name"),
        Column::new("shard"),
        Column::new("at"),
        Column::new("time"),
        Column::new("rows"),
        Column::new("bytes"),
        Column::wide("parts"),
        Column::wide("sink"),
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.shard.clone(),
            format!("e{}:{}", self.epoch, self.position),
            self.time.clone(),
            self.rows.to_string(),
            self.bytes.to_string(),
            self.parts.to_string(),
            self.sink.clone(),
        ]
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

#[cfg(test)]
mod tests {
    use platform_model::{Epoch, Position};

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
        };
        let view = BackupView::of(&wire, "backup-eu");
        assert_eq!(view.cells().len(), BackupView::COLUMNS.len());
        insta::assert_snapshot!(serde_json::to_string_pretty(&view).expect("text keys"));
    }
}

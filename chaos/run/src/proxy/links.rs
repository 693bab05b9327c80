//! In what condition each link is, by its direction.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::watch;

/// What becomes of bytes on their way from one process to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Condition {
    /// They wait until the link is whole again.
    pub cut: bool,
    /// They arrive so much later, in order.
    pub delay: Duration,
    /// No more of them in a second.
    pub bytes_per_second: Option<u32>,
}

/// All links that are not as they should be. Names are those of seats.
#[derive(Debug)]
pub struct Links {
    conditions: RwLock<BTreeMap<(String, String), Condition>>,
    changed: watch::Sender<()>,
}

impl Default for Links {
    fn default() -> Self {
        Self {
            conditions: RwLock::default(),
            changed: watch::Sender::new(()),
        }
    }
}

impl Links {
    /// One direction.
    pub fn set(&self, from: &str, to: &str, condition: Condition) {
        self.conditions
            .write()
            .insert((from.to_owned(), to.to_owned()), condition);
        self.changed.send_replace(());
    }

    /// Both directions.
    pub fn set_both(&self, one: &str, other: &str, condition: Condition) {
        self.set(one, other, condition);
        self.set(other, one, condition);
    }

    /// All is as it should be.
    pub fn heal(&self) {
        self.conditions.write().clear();
        self.changed.send_replace(());
    }

    pub fn condition(&self, from: &str, to: &str) -> Condition {
        let conditions = self.conditions.read();
        // A map of owned pairs cannot be asked with borrowed ones; it has a handful of entries.
        let found = conditions.iter().find(|((a, b), _)| a == from && b == to);
        found.map(|(_, condition)| *condition).unwrap_or_default()
    }

    /// Waits while the link is cut.
    pub async fn whole(&self, from: &str, to: &str) {
        let mut changed = self.changed.subscribe();
        while self.condition(from, to).cut {
            // The sender lives in `self`: this cannot fail.
            let _ = changed.changed().await;
        }
    }
}

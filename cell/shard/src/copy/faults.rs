//! Faults of copies that builds with the feature `failpoints` can switch on, to show that the demo notices. Such builds
//! are never released; in all others the answers are constants.

use std::time::Duration;

use cell_replica::{Plant, Plants};

/// How long entries are kept from a standby whose acknowledgement nobody waits for, so that a kill finds them unsent.
const KEPT: Duration = Duration::from_millis(100);

#[cfg(feature = "failpoints")]
fn planted(name: &str) -> bool {
    fail::eval(name, |_| ()).is_some()
}

#[cfg(not(feature = "failpoints"))]
fn planted(_name: &str) -> bool {
    false
}

/// `ack-before-standby`: a sync write is answered before the standbys have it.
pub(crate) fn of_protocol() -> Plants {
    if answers_before_standby() {
        Plants::one(Plant::AcknowledgeBeforeTheStandby)
    } else {
        Plants::none()
    }
}

/// For how long entries are kept back before they are sent; none: not at all.
pub(crate) fn keeps_entries() -> Option<Duration> {
    answers_before_standby().then_some(KEPT)
}

fn answers_before_standby() -> bool {
    planted("ack-before-standby")
}

/// `switchover-forgets`: what comes while a shard is handed over is acknowledged, and written nowhere.
pub(crate) fn forgets_while_moving() -> bool {
    planted("switchover-forgets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_planted_unless_it_is_switched_on() {
        assert_eq!(of_protocol(), Plants::none());
        assert_eq!(keeps_entries(), None);
        assert!(!forgets_while_moving());
    }
}

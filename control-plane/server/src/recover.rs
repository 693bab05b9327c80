//! A controller that begins alone with a kept state: the first of a world whose members are lost. `cellctl world recover`
//! leaves the state in its data directory; what is found there at a start is taken once, and only where nothing ever ran.

use std::io;
use std::path::Path;

use control_plane_raft::{Alone, BeginError, ControlPlane, begin_with};
use control_plane_state::recovery::{NotRecoverable, Origin, recover};
use control_plane_state::stored::{self, UnreadableState};
use platform_wire::recovery::{RECOVER_FILE, ToRecover};

use crate::config::Settings;

/// How far the clock of whoever left the file may be ahead of this machine's.
const AHEAD_MS_MAX: u64 = 10 * 60_000;

/// Why a kept state is not taken. The file stays.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    #[error("{RECOVER_FILE} cannot be read")]
    Read(#[source] io::Error),
    #[error("{RECOVER_FILE} holds no kept state: {0}")]
    Damaged(String),
    #[error("{RECOVER_FILE} is of world {found}, this controller of {ours}")]
    OtherWorld { found: String, ours: String },
    /// Time never goes back: what is ahead now would hold everything up that has an end.
    #[error(
        "{RECOVER_FILE} is of {at_ms}, this machine's clock says {now_ms}: one of the two clocks is wrong"
    )]
    Clock { at_ms: u64, now_ms: u64 },
    #[error(transparent)]
    Unreadable(#[from] UnreadableState),
    #[error(transparent)]
    NotRecoverable(#[from] NotRecoverable),
    #[error(
        "nothing is recovered over what has run; if this controller was recovered already, take {RECOVER_FILE} away"
    )]
    Begin(#[from] BeginError),
}

/// Takes a state that lies in the data directory, if one does; answers whether. Blocks.
///
/// # Errors
/// [`RecoverError`].
pub fn take(settings: &Settings, address: &str, now_ms: u64) -> Result<bool, RecoverError> {
    let dir = &settings.config.data_dir;
    let file = dir.join(RECOVER_FILE);
    let text = match std::fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(RecoverError::Read(error)),
    };
    let kept: ToRecover =
        serde_json::from_slice(&text).map_err(|error| RecoverError::Damaged(error.to_string()))?;
    let ours = settings.world.to_string();
    let version = u16::try_from(kept.state_version).unwrap_or(u16::MAX);
    if kept.world != ours {
        let found = kept.world;
        return Err(RecoverError::OtherWorld { found, ours });
    }
    let state = stored::read(version, kept.state)?;
    if state.world != settings.world {
        let found = state.world.to_string();
        return Err(RecoverError::OtherWorld { found, ours });
    }
    if kept.at_ms > now_ms.saturating_add(AHEAD_MS_MAX) {
        let at_ms = kept.at_ms;
        return Err(RecoverError::Clock { at_ms, now_ms });
    }
    let origin = Origin {
        at_ms: kept.at_ms,
        by: kept.by,
        reason: kept.reason,
        backup: control_plane_ledger::Digest::of("meridian kept world", kept.backup.as_bytes()),
    };
    let state = recover(state, &origin)?;
    let alone = Alone {
        world: &settings.world,
        node_id: settings.config.id,
        address,
        term: state.recovery.incarnation,
    };
    begin_with::<ControlPlane>(&settings.raft().data_dir, &alone, &state)?;
    gone(dir, &file).map_err(RecoverError::Read)?;
    let (incarnation, shards) = (state.recovery.incarnation, state.recovery.unsure.len());
    tracing::warn!(target: "audit", by = origin.by, reason = origin.reason, incarnation, shards, "the world is recovered; this controller begins alone");
    Ok(true)
}

fn gone(dir: &Path, file: &Path) -> io::Result<()> {
    std::fs::remove_file(file)?;
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use control_plane_raft::begin_with;
    use control_plane_state::State;
    use platform_model::WorldId;

    use super::*;
    use crate::config::Config;

    const NOW_MS: u64 = 1_795_000_000_000;

    fn settings(dir: &Path) -> Settings {
        let config = Config {
            world: "a".repeat(64),
            id: 1,
            data_dir: dir.to_owned(),
            identity_dir: dir.join("identity"),
            ..Config::default()
        };
        config.check().expect("fits")
    }

    fn kept(world: &str, state: &State) -> ToRecover {
        ToRecover {
            world: world.to_owned(),
            state_version: u32::from(control_plane_state::state::STATE_VERSION),
            state: serde_json::to_value(state).expect("writes"),
            at_ms: NOW_MS,
            by: "spiffe://x/operator/sre/kim".to_owned(),
            reason: "burnt".to_owned(),
            backup: "world-1".to_owned(),
        }
    }

    fn state() -> State {
        let world: WorldId = "a".repeat(64).parse().expect("an id");
        let mut state = State::new(world);
        state.made = Some(control_plane_state::state::Made {
            time_ms: 1,
            common_host: "localhost".to_owned(),
        });
        state
    }

    fn put(dir: &Path, kept: &ToRecover) {
        let text = serde_json::to_vec(kept).expect("writes");
        std::fs::write(dir.join(RECOVER_FILE), text).expect("written");
    }

    #[test]
    fn a_kept_state_is_taken_once_and_never_over_what_runs() {
        let dir = tempfile::tempdir().expect("a folder");
        let settings = settings(dir.path());
        assert!(!take(&settings, "a:1", NOW_MS).expect("nothing lies there"));
        let once = kept(&"a".repeat(64), &state());
        put(dir.path(), &once);
        assert!(take(&settings, "a:1", NOW_MS).expect("taken"));
        assert!(
            settings.raft().data_dir.join("raft.redb").exists(),
            "where it will run"
        );
        assert!(!dir.path().join("raft.redb").exists(), "and nowhere else");
        assert!(!dir.path().join(RECOVER_FILE).exists());
        assert!(!take(&settings, "a:1", NOW_MS).expect("taken already"));
        // It was killed before the file was gone.
        put(dir.path(), &once);
        assert!(take(&settings, "a:1", NOW_MS).expect("taken, as it was"));
        assert!(!dir.path().join(RECOVER_FILE).exists());
        let mut other = once;
        other.at_ms += 600_000;
        put(dir.path(), &other);
        let refused = take(&settings, "a:1", NOW_MS).expect_err("it runs");
        assert!(
            matches!(refused, RecoverError::Begin(BeginError::HasBegun)),
            "{refused}"
        );
    }

    #[test]
    fn what_is_of_another_world_or_build_or_no_state_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let settings = settings(dir.path());
        let ours = "a".repeat(64);
        put(dir.path(), &kept(&"b".repeat(64), &state()));
        assert!(matches!(
            take(&settings, "a:1", NOW_MS),
            Err(RecoverError::OtherWorld { .. })
        ));
        let mut newer = kept(&ours, &state());
        newer.state_version += 1;
        put(dir.path(), &newer);
        assert!(matches!(
            take(&settings, "a:1", NOW_MS),
            Err(RecoverError::Unreadable(_))
        ));
        put(
            dir.path(),
            &kept(&ours, &State::new(ours.parse().expect("an id"))),
        );
        let never_made = take(&settings, "a:1", NOW_MS);
        assert!(matches!(
            never_made,
            Err(RecoverError::NotRecoverable(NotRecoverable::NoWorld))
        ));
        let mut ahead = kept(&ours, &state());
        ahead.at_ms += AHEAD_MS_MAX + 1;
        put(dir.path(), &ahead);
        let ahead = take(&settings, "a:1", NOW_MS);
        assert!(matches!(ahead, Err(RecoverError::Clock { .. })));
        let mut foreign = state();
        foreign.world = "b".repeat(64).parse().expect("an id");
        put(dir.path(), &kept(&ours, &foreign));
        let foreign = take(&settings, "a:1", NOW_MS);
        assert!(matches!(foreign, Err(RecoverError::OtherWorld { .. })));
        std::fs::write(dir.path().join(RECOVER_FILE), b"{").expect("written");
        assert!(matches!(
            take(&settings, "a:1", NOW_MS),
            Err(RecoverError::Damaged(_))
        ));
        // Nothing of it has begun.
        let alone = Alone {
            world: &ours.parse().expect("an id"),
            node_id: 1,
            address: "a:1",
            term: 1,
        };
        let here = settings.raft().data_dir;
        begin_with::<ControlPlane>(&here, &alone, &state()).expect("an empty directory");
    }
}

//! What stands at the head of every message: the version of its frame and the world that it belongs to.

use platform_model::WorldId;
use tonic::Status;

use crate::refusal::{Refusal, RefusalCode};

/// Version of the frames that this build writes, and the only one that it reads.
pub const FRAME_VERSION: u32 = 1;

/// Longest message that is read, in bytes: the table of a world of 100,000 shards fits.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// The first line of every handler, and of every reader of an answer.
///
/// # Errors
/// A status with a [`Refusal`]: `unknown-version` or `wrong-world`.
pub fn check(version: u32, world: &str, ours: &WorldId) -> Result<(), Status> {
    check_version(version)?;
    if world == ours.as_str() {
        Ok(())
    } else {
        Err(wrong_world(world, ours).into())
    }
}

/// For answers, which name no world: their connection was checked.
///
/// # Errors
/// A status with the refusal `unknown-version`.
pub fn check_version(version: u32) -> Result<(), Status> {
    if version == FRAME_VERSION {
        return Ok(());
    }
    let message = format!("frame of version {version}, this build reads version {FRAME_VERSION}");
    Err(Refusal::new(RefusalCode::UnknownVersion, message)
        .hint("upgrade the older of the two")
        .into())
}

fn wrong_world(world: &str, ours: &WorldId) -> Refusal {
    let given: String = world.chars().take(64).collect();
    let message = format!("the message is of world `{given}`, this process is of world `{ours}`");
    Refusal::new(RefusalCode::WrongWorld, message)
        .hint("the address belongs to another world: check the config")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_another_world_or_version_is_refused_by_name() {
        let ours = WorldId::new(&"a".repeat(64)).expect("an id");
        assert!(check(FRAME_VERSION, ours.as_str(), &ours).is_ok());
        let code = |status: Status| Refusal::from_status(&status).expect("a refusal").code;
        let status = check(FRAME_VERSION + 1, ours.as_str(), &ours).expect_err("newer");
        assert_eq!(code(status), RefusalCode::UnknownVersion);
        let status = check(FRAME_VERSION, &"b".repeat(64), &ours).expect_err("another world");
        assert_eq!(code(status), RefusalCode::WrongWorld);
    }
}

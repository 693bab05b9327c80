//! The mark in the cluster that says whose data it holds: written once, into an empty cluster, never changed.

use platform_model::WorldId;
use tikv_client::{CheckLevel, Transaction, TransactionClient, TransactionOptions};

use crate::attempt::{CALL_WITHIN, once};
use crate::failure::{self, CommitFailure, ReadFailure};
use crate::{OpenError, keys};

/// Format of the rows below the mark.
const FORMAT: u8 = 1;
/// Programs' rows lie from here on; a server may show rows of its own below.
const ANY_ROW: &[u8] = b"\x02";

/// Makes sure that the cluster holds this world's data, or nothing: then it is claimed, if `claims`. Answers whether it
/// is this world's now.
///
/// # Errors
/// Another's data, or the cluster does not serve.
pub(crate) async fn claim(
    client: &TransactionClient,
    world: &WorldId,
    claims: bool,
) -> Result<bool, OpenError> {
    let options = TransactionOptions::new_optimistic().drop_check(CheckLevel::Warn);
    let mut tx = once(CALL_WITHIN, client.begin_with_options(options))
        .await
        .map_err(not_ready)?;
    let claimed = claim_in(&mut tx, world).await;
    if claimed != Ok(Claim::Fresh) || !claims {
        // Nothing was sent.
        let _ = tx.rollback().await;
        return claimed.map(|claim| claim == Claim::Held);
    }
    // Of two that claim an empty cluster one conflicts: it opens anew and reads what the other wrote.
    tx.commit().await.map(|_| true).map_err(|error| {
        let (CommitFailure::Conflict(reason)
        | CommitFailure::NotSent(reason)
        | CommitFailure::Unknown(reason)) = failure::of_commit(&error);
        OpenError::NotReady { reason }
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Claim {
    Held,
    /// The mark is buffered, to be committed.
    Fresh,
}

async fn claim_in(tx: &mut Transaction, world: &WorldId) -> Result<Claim, OpenError> {
    if let Some(stored) = once(CALL_WITHIN, tx.get(keys::marker()))
        .await
        .map_err(not_ready)?
    {
        return judge(&stored, world).map(|()| Claim::Held);
    }
    let rows = once(CALL_WITHIN, tx.scan_keys(ANY_ROW.to_vec().., 1));
    if rows.await.map_err(not_ready)?.count() > 0 {
        return Err(OpenError::NotOurs);
    }
    once(CALL_WITHIN, tx.put(keys::marker(), encode(world)))
        .await
        .map_err(not_ready)?;
    Ok(Claim::Fresh)
}

fn encode(world: &WorldId) -> Vec<u8> {
    [&[FORMAT], world.as_str().as_bytes()].concat()
}

fn judge(stored: &[u8], world: &WorldId) -> Result<(), OpenError> {
    let (format, found) = stored.split_first().ok_or(OpenError::Damaged)?;
    if *format != FORMAT {
        return Err(OpenError::OtherFormat {
            found: *format,
            known: FORMAT,
        });
    }
    let found = std::str::from_utf8(found)
        .ok()
        .and_then(|text| WorldId::new(text).ok());
    let found = found.ok_or(OpenError::Damaged)?;
    if found == *world {
        Ok(())
    } else {
        Err(OpenError::OtherWorld {
            found: found.to_string(),
            ours: world.to_string(),
        })
    }
}

fn not_ready(failure: ReadFailure) -> OpenError {
    let reason = failure.reason;
    if failure.unimplemented {
        OpenError::OldApi { reason }
    } else {
        OpenError::NotReady { reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(digit: &str) -> WorldId {
        WorldId::new(&digit.repeat(64)).expect("an id")
    }

    #[test]
    fn the_mark_is_of_one_world_and_one_format() {
        let ours = world("a");
        assert_eq!(judge(&encode(&ours), &ours), Ok(()));
        let foreign = judge(&encode(&world("b")), &ours);
        assert!(
            matches!(foreign, Err(OpenError::OtherWorld { .. })),
            "{foreign:?}"
        );
        let newer = judge(&[9, 1, 2], &ours);
        assert_eq!(newer, Err(OpenError::OtherFormat { found: 9, known: 1 }));
        for damaged in [&b""[..], b"\x01", b"\x01abc", b"\x01\xff\xfe"] {
            assert_eq!(judge(damaged, &ours), Err(OpenError::Damaged), "{damaged:?}");
        }
    }

    #[test]
    fn a_cluster_that_does_not_know_a_call_is_too_old() {
        let error = not_ready(failure::of_read(&tikv_client::Error::Unimplemented));
        assert!(
            matches!(error, OpenError::OldApi { .. }) && !error.may_pass(),
            "{error}"
        );
    }
}

//! A home goes back to a time: what was acknowledged before it is there, what came after it is not, and whoever saw
//! that is told so.

use cli_world::app::{Activity, track};
use control_plane_ledger::time;
use platform_model::EpochPosition;

use super::logged::{is_kept, named, shard_of, to_the_end};
use super::*;

/// Between what is written and the time. The log has the time of the node, which runs on this machine.
const MARGIN: Duration = Duration::from_secs(1);
const BEFORE: &str = "before that time";
const AFTER: &str = "after that time";

/// What somebody wrote on one side of the time.
struct Written {
    ride: Ride,
    first: EpochPosition,
    last: EpochPosition,
}

/// Each takes a name and then rides.
async fn write(scene: &Scene, people: &[(Person, Ride)], what: &str) -> Result<Vec<Written>> {
    let mut all = Vec::new();
    for (person, _) in people {
        let first = named(scene, person, what).await?;
        let file = Bytes::from(track::gpx(what, 1));
        let answer = scene
            .app
            .send_file(person, file.clone(), random::uuid_v7())
            .await?;
        let activity: Activity = answer.read()?;
        all.push(Written {
            ride: Ride {
                id: activity.id,
                file,
            },
            first,
            last: answer.written.context("it says where it stands")?,
        });
    }
    Ok(all)
}

/// The restore ended between the last write before the time and the first one after it.
fn is_between(said: &Value, at: &str, before: &Written, after: &Written) -> Result<()> {
    let end = said["end"].as_str().context("it says where it ends")?;
    let end: EpochPosition = end.parse()?;
    ensure!(before.last <= end && end < after.first, "{said}");
    let stood = said["end_time"].as_str().context("it says when that was")?;
    // Of one length, the largest part first.
    ensure!(stood <= at, "{said} is later than {at}");
    Ok(())
}

#[tokio::test]
async fn a_home_goes_back_to_a_time() -> Result<()> {
    let Some(scene) = Scene::up()? else {
        return Ok(());
    };
    let mut people = Vec::new();
    for name in ["Ada", "Ben"] {
        people.push(newcomer(&scene, &mut Canaries::default(), name).await?);
    }
    let backups = backed_up(&scene)?;
    let clock = Clock::system();
    let before = write(&scene, &people, BEFORE).await?;
    clock.sleep(MARGIN).await;
    let at = time::utc(clock.unix_ms());
    clock.sleep(MARGIN).await;
    let after = write(&scene, &people, AFTER).await?;
    let shards: BTreeSet<String> = people.iter().map(|(person, _)| shard_of(person)).collect();
    for ((person, _), after) in people.iter().zip(&after) {
        let shard = shard_of(person);
        is_kept(&scene, (&shard, &backups[&shard]), after.last).await?;
    }
    scene.processes.lose(&seat(LOST)?).await?;
    let now = time::utc(clock.unix_ms());
    for shard in &shards {
        // What was written after the last entry that is kept is not known.
        is_refused(&scene, (shard, &backups[shard]), &["--at", &now], "out-of-reach").await?;
    }
    let restored = restored(&scene, &backups, |shard| {
        if shards.contains(shard) {
            vec!["--at", &at]
        } else {
            to_the_end(shard)
        }
    })
    .await?;
    for (((person, ride), before), after) in people.into_iter().zip(before).zip(after) {
        is_between(&restored[&shard_of(&person)], &at, &before, &after)?;
        let person = goes_on(&scene, person, BEFORE, &[ride, before.ride]).await?;
        for (seen, is_lost) in [(before.last, false), (after.first, true)] {
            let told = scene.app.profile_since(&person, Some(seen)).await;
            let lost = told.as_ref().is_err_and(|why| why.code() == "lost");
            ensure!(lost == is_lost && told.is_ok() != is_lost, "{seen}: {told:?}");
        }
    }
    Ok(())
}

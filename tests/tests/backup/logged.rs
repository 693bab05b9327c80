//! What comes to a shard after its backup is kept by itself, and a restore goes as far as is said: Ben's first name
//! after the backup is there again, his second one is not.

use cli_world::seats::ROOT_SHARDS;
use platform_model::{EpochPosition, ShardId};

use super::*;

pub const KEPT: &str = "Ben in the log";
const TOO_LATE: &str = "Ben too late";

/// How far Ben's shard is to go.
pub struct Wanted {
    shard: String,
    /// Of the write that is to be the last.
    to: String,
}

/// Ben takes two names, and both are kept.
pub async fn written(scene: &Scene, ben: &Person, backups: &BTreeMap<String, String>) -> Result<Wanted> {
    let shard = shard_of(ben);
    let kept = named(scene, ben, KEPT).await?;
    let late = named(scene, ben, TOO_LATE).await?;
    is_kept(scene, (&shard, &backups[&shard]), late).await?;
    let to = kept.to_string();
    Ok(Wanted { shard, to })
}

pub fn shard_of(person: &Person) -> String {
    ShardId::of_user(&person.home, ROOT_SHARDS, person.user).to_string()
}

/// A person takes a name; where that was written.
pub async fn named(scene: &Scene, person: &Person, name: &str) -> Result<EpochPosition> {
    let answer = scene.app.rename_under(person, name, random::uuid_v7()).await?;
    answer.written.context("it says where it stands")
}

/// The log behind the only backup of a shard comes to there, and is whole.
pub async fn is_kept(scene: &Scene, (shard, backup): (&str, &str), to: EpochPosition) -> Result<()> {
    let reaches = |view: &Value| view["log"]["position"].as_u64() >= Some(to.position.0);
    until("it is kept", async || {
        let listed = scene.done(&["backup", "list", "--shard", shard])?;
        ensure!(reaches(&listed["backups"][0]), "{listed}");
        anyhow::Ok(())
    })
    .await?;
    let verified = scene.done(&["backup", "verify", backup])?;
    ensure!(
        reaches(&verified) && verified["log"]["gap"] == false,
        "{verified}"
    );
    Ok(())
}

/// Of people all that is kept, of all else the backup alone.
pub fn to_the_end(shard: &str) -> Vec<&'static str> {
    match shard.parse() {
        Ok(ShardId::Root { .. }) => vec!["--latest"],
        _ => Vec::new(),
    }
}

impl Wanted {
    /// What a restore of that shard is asked for besides: Ben's goes to there.
    pub fn flags<'a>(&'a self, shard: &str) -> Vec<&'a str> {
        if shard == self.shard {
            vec!["--at-pair", &self.to]
        } else {
            to_the_end(shard)
        }
    }

    /// An entry behind the log, a time before it and the log of a key shard are refused.
    pub async fn is_all_that_there_is(
        &self,
        scene: &Scene,
        backups: &BTreeMap<String, String>,
    ) -> Result<()> {
        let keys = format!("{HOME}/keys");
        for (shard, to, expected) in [
            (&self.shard, ["--at-pair", "e1:999999999"], "out-of-reach"),
            (&self.shard, ["--at", "2020-01-01T00:00:00Z"], "out-of-reach"),
            (&keys, ["--at-pair", "e1:1"], "key-shard"),
        ] {
            is_refused(scene, (shard, &backups[shard]), &to, expected).await?;
        }
        Ok(())
    }

    /// It went to there and no further.
    pub fn is_met(&self, restored: &BTreeMap<String, Value>) -> Result<()> {
        let said = &restored[&self.shard];
        ensure!(said["end"] == self.to.as_str(), "{said}");
        Ok(())
    }
}

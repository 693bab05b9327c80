//! What comes to a shard after its backup is kept by itself, and a restore goes as far as is said: Ben's first name
//! after the backup is there again, his second one is not.

use cli_world::seats::ROOT_SHARDS;
use platform_model::{EpochPosition, ShardId};

use super::*;

const KEPT: &str = "Ben in the log";
const TOO_LATE: &str = "Ben too late";

/// How far Ben's shard is to go.
pub struct Wanted {
    shard: String,
    /// Of the write that is to be the last.
    to: String,
}

/// Ben takes two names, and both are kept.
pub async fn written(scene: &Scene, ben: &Person, backups: &BTreeMap<String, String>) -> Result<Wanted> {
    let shard = ShardId::of_user(&ben.home, ROOT_SHARDS, ben.user).to_string();
    let mut pairs: Vec<EpochPosition> = Vec::new();
    for name in [KEPT, TOO_LATE] {
        let key = random::uuid_v7();
        let answer = scene.app.rename_under(ben, name, key).await?;
        pairs.push(answer.written.context("it says where it stands")?);
    }
    let [kept, late] = pairs[..] else {
        bail!("two names");
    };
    let reaches = |view: &Value| view["log"]["position"].as_u64() >= Some(late.position.0);
    until("both are kept", async || {
        let listed = scene.done(&["backup", "list", "--shard", &shard])?;
        ensure!(reaches(&listed["backups"][0]), "{listed}");
        anyhow::Ok(())
    })
    .await?;
    let verified = scene.done(&["backup", "verify", &backups[&shard]])?;
    ensure!(
        reaches(&verified) && verified["log"]["gap"] == false,
        "{verified}"
    );
    let to = kept.to_string();
    Ok(Wanted { shard, to })
}

impl Wanted {
    /// What a restore of that shard is asked for besides: Ben's to there, others of people to the end, all else is the
    /// backup alone.
    pub fn flags<'a>(&'a self, shard: &str) -> Vec<&'a str> {
        match shard.parse() {
            Ok(ShardId::Root { .. }) if shard == self.shard => vec!["--at-pair", &self.to],
            Ok(ShardId::Root { .. }) => vec!["--latest"],
            _ => Vec::new(),
        }
    }

    /// It went to there, once one that lies behind the log, one before it and a key shard's were refused; nothing of
    /// them stays.
    pub async fn restored(&self, scene: &Scene, backups: &BTreeMap<String, String>) -> Result<Value> {
        let backup = &backups[&self.shard];
        let keys = format!("{HOME}/keys");
        for (shard, flags) in [
            (&self.shard, ["--at-pair", "e1:999999999"]),
            (&self.shard, ["--at", "2020-01-01T00:00:00Z"]),
            (&keys, ["--at-pair", "e1:1"]),
        ] {
            let expected = if *shard == keys {
                "key-shard"
            } else {
                "out-of-reach"
            };
            until("it is refused by name", async || {
                let refused = scene.said(&restore_to(shard, &backups[shard], &flags))?;
                ensure!(!refused.ok, "it was done: {}", refused.out);
                ensure!(refused.err.contains(expected), "{}", refused.err);
                anyhow::Ok(())
            })
            .await?;
        }
        let restored = restored(scene, &self.shard, backup, &self.flags(&self.shard)).await?;
        ensure!(restored["end"] == self.to.as_str(), "{restored}");
        Ok(restored)
    }
}

/// What came before is there, what came after it is gone.
pub async fn is_as_wanted(scene: &Scene, ben: &Person) -> Result<()> {
    let profile = until("Ben is shown", async || scene.app.profile(ben).await).await?;
    let name = profile.display_name;
    ensure!(name.as_deref() == Some(KEPT), "he is called {name:?}");
    Ok(())
}

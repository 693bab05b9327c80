//! The reconciler of claims, where a directory shard is served: rows whose claim nobody has finished are let go once the
//! person's own shard has committed that it is dropped, or knows of no such claim.
//!
//! What a person's shard once said holds for the epoch in which it said so: one that was promoted since, moved, or restored from
//! a backup is asked again, slowly.
//!
//! A client that never came back left its claim pending; a node that died between two steps left the row of a claim that
//! was dropped. Time frees nothing: it only says when it is worth asking.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cell_sdk::{ClaimEntry, Services};
use cell_shard::Shard;
use platform_model::{Epoch, Problem, ShardId};
use platform_runtime::TaskGroup;
use platform_runtime::clock::Clock;
use platform_wire::directory::{DecideClient, Decision};
use platform_wire::follow::Followed;
use uuid::Uuid;

use super::claims::target;
use super::decide::decide_here;
use super::rows::{self, Looked};
use crate::hosted::Hosted;

/// How often the rows are looked through.
const LOOK: Duration = Duration::from_secs(2);
/// A claim that was there for so long and is not known to be active is worth asking for: a registration takes a second.
const ASK_AFTER: Duration = Duration::from_secs(20);
/// Rows of one page.
const PAGE_ROWS: usize = 500;
/// Claims that one look asks for.
const ASKED_MAX: usize = 64;
/// Claims that are waited for at once; others are seen anew with a later look.
const SEEN_MAX: usize = 100_000;

/// Reconciles the directory shards that are served on this node. Clones share nothing: one a node.
pub struct Reconciler {
    pub hosted: Hosted,
    pub followed: Followed,
    pub services: Arc<dyn Services>,
    pub client: DecideClient,
    pub clock: Clock,
}

/// When an unsettled claim was first seen here, by the monotonic clock. By shard, digest and claim id: a value that is claimed
/// anew is another claim.
type Seen = BTreeMap<(ShardId, [u8; 32], Uuid), Duration>;

impl Reconciler {
    /// Until the group ends.
    pub fn start(self, tasks: &TaskGroup) {
        let token = tasks.token();
        tasks.spawn("claims", async move {
            let mut seen = Seen::new();
            let looks = async {
                loop {
                    self.complete().await;
                    seen = self.look(&seen).await;
                    self.clock.sleep(LOOK).await;
                }
            };
            token.run_until_cancelled(looks).await;
        });
    }

    /// One look through all rows. What is settled or not there any more is forgotten.
    async fn look(&self, before: &Seen) -> Seen {
        let (mut seen, mut asked) = (Seen::new(), 0);
        let served = self.hosted.served().into_iter();
        for shard in served.filter(|shard| matches!(shard.id(), ShardId::Directory { .. })) {
            let mut after = None;
            loop {
                let page = match rows::page(&shard, after, PAGE_ROWS).await {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::debug!(shard = %shard.id(), %error, "the directory's rows are not looked at now");
                        break;
                    }
                };
                for row in page.iter().filter(|row| !self.stands(row)) {
                    let key = (shard.id().clone(), row.digest.0, row.entry.claim_id);
                    let now = self.clock.monotonic();
                    let since = before.get(&key).copied().unwrap_or(now);
                    let due = is_due(since, now) && asked < ASKED_MAX;
                    asked += usize::from(due);
                    if (!due || !self.ask(&shard, row).await) && seen.len() < SEEN_MAX {
                        seen.insert(key, since);
                    }
                }
                after = page.last().map(|row| row.digest);
                if page.len() < PAGE_ROWS {
                    break;
                }
            }
        }
        seen
    }

    /// Whether the person's shard has said in its newest epoch that the claim is his. Of one that the table does not name it is
    /// taken for said.
    fn stands(&self, row: &Looked) -> bool {
        let table = self.followed.current();
        let shard = table.shard_of_user(&row.entry.home, row.entry.user);
        let route = shard.and_then(|shard| table.shards.get(&shard));
        let newest = route.map_or(Epoch(0), |route| route.epoch);
        row.settled.is_some_and(|epoch| epoch >= newest)
    }

    /// Has the person's shard decide, and notes that the claim is his or lets the row go. False: it is asked again.
    async fn ask(&self, shard: &Shard, row: &Looked) -> bool {
        let claim = row.entry.claim_id;
        let done = match self.decide(shard.id(), &row.entry).await {
            Ok((Decision::Active, epoch)) => rows::settle(shard, row.digest, claim, epoch).await,
            Ok((decision @ (Decision::Dropped | Decision::Unknown), _)) => {
                metrics::counter!("celld_claims_reconciled_total").increment(1);
                tracing::info!(target: "audit", shard = %shard.id(), %claim, ?decision, "a claim that nobody finished is let go");
                rows::release(shard, row.digest, claim).await
            }
            Err(problem) => {
                tracing::debug!(%claim, code = %problem.code, "a claim is decided later");
                return false;
            }
        };
        done.is_ok()
    }

    /// What the person's shard says, and in which epoch at least.
    async fn decide(&self, directory: &ShardId, entry: &ClaimEntry) -> Result<(Decision, Epoch), Problem> {
        let table = self.followed.current();
        let unknown_home = || super::unavailable("the table knows no such home");
        let shard = table
            .shard_of_user(&entry.home, entry.user)
            .ok_or_else(unknown_home)?;
        if let Some(here) = self.hosted.get(&shard) {
            let decided = decide_here(&*self.services, &entry.home, entry.user, entry.claim_id).await;
            return Ok((decided?, here.epoch()));
        }
        let target = target(&table, self.hosted.node(), shard)?;
        let decided = self
            .client
            .decide(&target, directory, entry.user, entry.claim_id)
            .await;
        let decided = decided.map_err(|error| super::unavailable(&error.to_string()))?;
        Ok((decided, target.epoch))
    }
}

fn is_due(since: Duration, now: Duration) -> bool {
    now.saturating_sub(since) >= ASK_AFTER
}

#[cfg(test)]
mod tests {
    use cell_law::Law;
    use cell_layers::{RootTx, Table};
    use cell_sdk::ClaimDigest;
    use cell_shard::WriteError;
    use domains_identity::stored::{Claim, ClaimState};
    use platform_model::UserId;
    use platform_token::Verifier;
    use platform_wire::directory::DirectoryClient;

    use super::*;
    use crate::directory::{Claims, LookupKey, restored};
    use crate::events::tests::bench::{Bench, DIRECTORY, FOLLOWERS, user};
    use crate::services::NodeServices;
    use crate::tests::hosted::lawful;

    const CLAIMS: Table<Claim> = Table::new();
    const DIGEST: ClaimDigest = ClaimDigest([7; 32]);

    fn reconciler(bench: &Bench) -> Reconciler {
        let (followed, law): (_, Law) = (bench.followed(), lawful());
        let path = bench.dir.path().join("lookup.key");
        std::fs::write(&path, [3; 32]).expect("written");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
        let claims = Claims {
            hosted: bench.hosted.clone(),
            followed: followed.clone(),
            client: DirectoryClient::new(bench.identity.clone()),
            lookup_key: LookupKey::load(&path).expect("a key"),
            law,
            clock: Clock::system(),
        };
        let services = NodeServices {
            clock: Clock::system(),
            world: followed.current().world.clone(),
            region: "eu-central".parse().expect("a region"),
            followed: followed.clone(),
            hosted: bench.hosted.clone(),
            keys: bench.keys(),
            claims,
            verifier: Verifier::new(8),
        };
        Reconciler {
            hosted: bench.hosted.clone(),
            followed,
            services: Arc::new(services),
            client: DecideClient::new(bench.identity.clone()),
            clock: Clock::system(),
        }
    }

    fn entry(user: UserId) -> ClaimEntry {
        ClaimEntry {
            user,
            claim_id: Uuid::from_u128(100),
            home: FOLLOWERS.parse().expect("a home"),
        }
    }

    /// The person's own record of the claim.
    async fn record(bench: &Bench, user: UserId, state: ClaimState) {
        let row = Claim {
            id: Uuid::from_u128(100).as_bytes().to_vec(),
            state: state as u32,
            ..Claim::default()
        };
        let row = &row;
        let write = |tx: RootTx| async move { Ok(CLAIMS.put(&tx, row).await?) };
        bench.write(FOLLOWERS, user, "identity", write).await;
    }

    async fn state(bench: &Bench, user: UserId) -> Option<ClaimState> {
        let read = |tx: RootTx| async move { Ok(CLAIMS.get(&tx, Uuid::from_u128(100)).await?) };
        let row = bench.write(FOLLOWERS, user, "identity", read).await;
        row.and_then(|row| row.claim_state())
    }

    #[tokio::test]
    async fn the_persons_own_shard_decides_what_becomes_of_a_row() {
        let bench = Bench::new().await;
        let reconciler = reconciler(&bench);
        let directory = bench
            .hosted
            .get(&DIRECTORY.parse().expect("a shard"))
            .expect("it serves");
        let look = async || rows::page(&directory, None, 10).await.expect("read");
        // Nobody: without a key there is no record.
        assert!(
            rows::claim(&directory, DIGEST, &entry(user(99)), false)
                .await
                .expect("claimed")
        );
        assert!(reconciler.ask(&directory, &look().await[0]).await);
        assert!(look().await.is_empty(), "the row of nobody is let go");

        let person = bench.person(FOLLOWERS, 2).await;
        for (state_before, stays, state_after) in [
            (ClaimState::Pending, false, ClaimState::Dropped),
            (ClaimState::Dropped, false, ClaimState::Dropped),
            (ClaimState::Active, true, ClaimState::Active),
        ] {
            record(&bench, person, state_before).await;
            assert!(
                rows::claim(&directory, DIGEST, &entry(person), false)
                    .await
                    .expect("claimed")
            );
            assert!(reconciler.ask(&directory, &look().await[0]).await);
            let rows = look().await;
            assert_eq!(
                rows.iter().any(|row| reconciler.stands(row)),
                stays,
                "{state_before:?}"
            );
            assert_eq!(rows.is_empty(), !stays, "{state_before:?}");
            assert_eq!(state(&bench, person).await, Some(state_after));
        }
        bench.end().await;
    }

    /// The planted omission: a directory that was restored from before a registration gives the address to another.
    #[tokio::test]
    async fn a_restored_directory_takes_no_new_claim_before_it_has_what_everybody_holds() {
        let bench = Bench::new().await;
        let reconciler = reconciler(&bench);
        let directory = bench
            .hosted
            .get(&DIRECTORY.parse().expect("a shard"))
            .expect("it serves");
        // As a backup from before the registration leaves it.
        restored::note_by_hand(&directory).await;
        let person = bench.person(FOLLOWERS, 2).await;
        let row = Claim {
            id: entry(person).claim_id.as_bytes().to_vec(),
            digest: DIGEST.0.to_vec(),
            state: ClaimState::Active as u32,
            ..Claim::default()
        };
        let row = &row;
        let write = |tx: RootTx| async move { Ok(CLAIMS.put(&tx, row).await?) };
        bench.write(FOLLOWERS, person, "identity", write).await;
        let mallory = ClaimEntry {
            claim_id: Uuid::from_u128(666),
            ..entry(user(99))
        };
        let (taken, free) = (DIGEST, ClaimDigest([8; 32]));
        for digest in [taken, free] {
            let refused = rows::claim(&directory, digest, &mallory, false).await;
            let incomplete = WriteError::Rejected(rows::RowError::Incomplete);
            let refused = refused.expect_err("it lacks what others hold");
            assert_eq!(refused.to_string(), incomplete.to_string());
        }
        reconciler.complete().await;
        let held = rows::lookup(&directory, taken).await.expect("read");
        assert_eq!(held, Some(entry(person)), "it is whose it was");
        assert!(
            !rows::claim(&directory, taken, &mallory, false)
                .await
                .expect("answered")
        );
        assert!(
            rows::claim(&directory, free, &mallory, false)
                .await
                .expect("answered")
        );
        bench.end().await;
    }

    #[tokio::test]
    async fn a_row_is_seen_first_and_asked_for_when_it_is_old() {
        let bench = Bench::new().await;
        let mut reconciler = reconciler(&bench);
        let directory = bench
            .hosted
            .get(&DIRECTORY.parse().expect("a shard"))
            .expect("it serves");
        assert!(
            rows::claim(&directory, DIGEST, &entry(user(99)), false)
                .await
                .expect("claimed")
        );
        let (clock, hand) = Clock::manual(1_800_000_000_000);
        reconciler.clock = clock;
        let seen = reconciler.look(&Seen::new()).await;
        assert_eq!(seen.len(), 1);
        let seen = reconciler.look(&seen).await;
        assert_eq!(seen.len(), 1, "it may be on its way");
        hand.advance(ASK_AFTER);
        let seen = reconciler.look(&seen).await;
        assert!(seen.is_empty());
        let rows = rows::page(&directory, None, 10).await.expect("read");
        assert!(rows.is_empty(), "it was nobody's");
        bench.end().await;
    }

    /// The planted omission: what was said before a restore is taken for said by what was restored.
    #[tokio::test]
    async fn a_claim_that_a_restored_shard_does_not_know_is_let_go() {
        let bench = Bench::new().await;
        let mut reconciler = reconciler(&bench);
        let (clock, hand) = Clock::manual(1_800_000_000_000);
        reconciler.clock = clock;
        let directory = bench
            .hosted
            .get(&DIRECTORY.parse().expect("a shard"))
            .expect("it serves");
        let person = bench.person(FOLLOWERS, 2).await;
        let known = rows::claim(&directory, DIGEST, &entry(person), false).await;
        assert!(known.expect("claimed"));
        let own = bench.shard(FOLLOWERS).epoch();
        let look = async |epoch| {
            rows::settle(&directory, DIGEST, entry(person).claim_id, epoch)
                .await
                .expect("noted");
            let seen = reconciler.look(&Seen::new()).await;
            hand.advance(ASK_AFTER);
            reconciler.look(&seen).await;
            rows::page(&directory, None, 10).await.expect("read").len()
        };
        // The shard that serves holds no such claim: it was written after the backup.
        assert_eq!(look(own).await, 1, "it said so in this epoch");
        assert_eq!(
            look(Epoch(own.0 - 1)).await,
            0,
            "it was said before it was restored"
        );
        bench.end().await;
    }

    #[test]
    fn a_claim_is_asked_for_once_a_registration_would_long_be_over() {
        let since = Duration::from_secs(5);
        assert!(!is_due(since, since) && !is_due(since, Duration::from_secs(24)));
        assert!(is_due(since, Duration::from_secs(25)));
    }
}

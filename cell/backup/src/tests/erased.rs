//! People who were erased since.

use cell_layers::place::{self, Standing};
use futures::future::BoxFuture;

use super::*;

/// [restore after erasure]
#[tokio::test]
async fn who_was_erased_since_is_left_out_with_every_row_and_nobody_else() {
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let disk: Arc<dyn Store> = Memory::new();
    let erased: ErasedPeople = [user(3), user(5), user(1_000)].into_iter().collect();
    let restored = bench.restore(&name, &disk, &erased).await.expect("restored");
    assert_eq!(restored.left_out, 6);
    let rows = rows(&*disk).await;
    assert_eq!(rows.len(), 3 * (PEOPLE as usize - 2));
    assert!(!rows.iter().any(|(_, row)| *row == value(3) || *row == value(5)));
}

#[tokio::test]
async fn the_key_of_who_was_erased_since_does_not_come_back_with_the_key_shard() {
    let mut bench = Bench::new().await;
    bench.shard = open("eu/eu-central/keys").await;
    let keys = KeyShard::new(bench.shard.clone(), bench.kek.clone());
    for number in 0..3 {
        keys.create(user(number)).await.expect("made");
    }
    let name = bench.back_up().await.name;
    let disk: Arc<dyn Store> = Memory::new();
    // One of them came after the backup, and went.
    let erased: ErasedPeople = [user(1), user(1_000)].into_iter().collect();
    let restored = bench.restore(&name, &disk, &erased).await.expect("restored");
    assert_eq!(restored.left_out, 1, "of the backup");
    let snapshot = disk.snapshot().await.expect("a snapshot");
    let everything = cell_store::KeyRange::new(Bytes::from_static(b"\x01"), Bytes::from_static(b"\xfe"));
    let all = snapshot
        .scan(&everything, 10_000, false)
        .await
        .expect("readable")
        .rows;
    for number in [0, 1, 2, 1_000] {
        let of = |(key, _): &&(Bytes, Bytes)| key.windows(16).any(|part| part == user(number).as_bytes());
        let rows: Vec<_> = all.iter().filter(of).collect();
        assert_eq!(rows.len(), 1, "person {number}");
        let destroyed = cell_layers::keys::rows::is_destroyed(&rows[0].1);
        assert_eq!(destroyed, number % 999 == 1, "person {number}");
    }
}

#[test]
fn the_claims_of_who_was_erased_do_not_come_back_with_the_directory() {
    let claimant = |value: &[u8]| {
        value
            .strip_prefix(b"claim of ")
            .map(|_| user(u128::from(value[9])))
    };
    let row = |number: u8| {
        (
            Bytes::from_static(b"digest"),
            Bytes::from([&b"claim of "[..], &[number]].concat()),
        )
    };
    let erased: ErasedPeople = [user(1)].into_iter().collect();
    for (shard, left) in [("directory/eu/000", 2), ("eu/eu-central/000", 3)] {
        let mut rows = vec![row(0), row(1), row(2)];
        let left_out = erased.apply(&shard.parse().expect("a shard"), claimant, &mut rows);
        assert_eq!((rows.len(), left_out), (left, 3 - left as u64), "{shard}");
    }
}

/// As a directory has them that knows of one who has moved since.
struct Moved(UserId);

impl Residents for Moved {
    fn elsewhere(&self, people: Vec<Resident>) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, String>> {
        let here = people.iter().any(|resident| resident.user == self.0);
        let gone = Standing {
            clearing: true,
            ..Standing::native()
        };
        let row = place::row_of(self.0, &gone);
        Box::pin(async move { Ok(here.then_some(row).into_iter().collect()) })
    }
}

/// As one that does not answer.
struct Silent;

impl Residents for Silent {
    fn elsewhere(&self, _: Vec<Resident>) -> BoxFuture<'_, Result<Vec<(Bytes, Bytes)>, String>> {
        Box::pin(async { Err("nobody serves it".to_owned()) })
    }
}

/// [restore after relocation]
#[tokio::test]
async fn who_lives_elsewhere_by_now_gets_a_row_that_says_so_and_a_silent_directory_lets_nothing_be_restored()
{
    let bench = Bench::new().await;
    let name = bench.back_up().await.name;
    let (id, node, nobody) = (
        world(),
        "eu-west-1/0".parse().expect("a node"),
        ErasedPeople::default(),
    );
    let restored = async |residents: &dyn Residents, disk: &Arc<dyn Store>| {
        let wanted = Wanted {
            name: &name,
            world: &id,
            shard: bench.shard.id(),
            goal: Goal::Base,
            node: &node,
            replica: ReplicaId(7),
            epoch: Epoch(9),
            erased: &nobody,
            claimant: nobodys,
            residents,
            notes: Vec::new(),
        };
        let progress = Progress::default();
        restore::restore(&wanted, &bench.kek, &bench.store, Arc::clone(disk), &progress).await
    };
    let disk: Arc<dyn Store> = Memory::new();
    let failed = restored(&Silent, &disk)
        .await
        .expect_err("nobody knows who lives there");
    assert!(matches!(failed, BackupError::Directory(_)), "{failed:?}");
    assert_eq!(rows(&*disk).await, []);
    let disk: Arc<dyn Store> = Memory::new();
    assert_eq!(
        restored(&Moved(user(1_000)), &disk)
            .await
            .expect("restored")
            .moved,
        0
    );
    let disk: Arc<dyn Store> = Memory::new();
    assert_eq!(restored(&Moved(user(3)), &disk).await.expect("restored").moved, 1);
    assert!(
        says_where(&*disk, user(3)).await,
        "whoever opens the copy must find it"
    );
    assert!(!says_where(&*disk, user(4)).await);
}

/// Whether a row of the copy says where somebody stands.
async fn says_where(disk: &dyn Store, user: UserId) -> bool {
    let (key, _) = place::row_of(user, &Standing::native());
    let everything = cell_store::KeyRange::new(Bytes::from_static(b"\x01"), Bytes::from_static(b"\xfe"));
    let snapshot = disk.snapshot().await.expect("a snapshot");
    let all = snapshot.scan(&everything, 10_000, false).await;
    let mut all = all.expect("readable").rows.into_iter();
    all.any(|(stored, _)| stored.ends_with(&key))
}

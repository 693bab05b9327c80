//! The rule by table, and over random lives of a shard: writes, erasures, clocks that jump, backups that turn out
//! damaged.

use platform_model::{Epoch, Position};
use proptest::prelude::*;

use super::Proof::{Damaged, Good, Unread};
use super::*;

const HOUR_MS: u64 = 3_600_000;
const NOW_MS: u64 = 1_800_000_000_000;
const RULES: Rules = Rules {
    every: hours(24),
    keep: 3,
    rewrite: hours(7 * 24),
};

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

fn at(epoch: u64, position: u64) -> EpochPosition {
    EpochPosition {
        epoch: Epoch(epoch),
        position: Position(position),
    }
}

fn named(number: u64) -> BackupName {
    let name = format!("eu_eu-central_keys.e1.{number}.{number:08x}");
    name.parse().expect("a name")
}

/// One that stands at `position` and is so many hours old.
fn kept(position: u64, hours: u64, proof: Proof) -> Kept {
    Kept {
        name: named(position),
        at: at(1, position),
        time_ms: NOW_MS - hours * HOUR_MS,
        proof,
    }
}

fn standing(keys: bool, position: u64, backups: &[Kept]) -> Standing<'_> {
    Standing {
        keys,
        at: at(1, position),
        now_ms: NOW_MS,
        made_ago: None,
        backups,
    }
}

fn removed(number: u64, instead: u64) -> Step {
    Step::Remove {
        name: named(number),
        instead: named(instead),
    }
}

#[test]
fn one_is_made_when_there_is_none_and_when_the_newest_lacks_something_for_too_long() {
    let none = standing(false, 9, &[]);
    assert_eq!(RULES.next(&none), Step::Make);
    assert!(RULES.is_overdue(&none));
    for (position, age, expected) in [
        (9, 500, Step::Nothing),
        (8, 23, Step::Nothing),
        (8, 24, Step::Make),
    ] {
        let backups = [kept(position, age, Good)];
        assert_eq!(
            RULES.next(&standing(false, 9, &backups)),
            expected,
            "{position} {age}"
        );
    }
    let backups = [kept(8, 49, Good)];
    assert!(RULES.is_overdue(&standing(false, 9, &backups)));
    assert!(
        !RULES.is_overdue(&standing(false, 8, &backups)),
        "it has everything"
    );
    let just_made = Standing {
        made_ago: Some(hours(1)),
        ..standing(false, 9, &backups)
    };
    assert_eq!(RULES.next(&just_made), Step::Nothing, "whatever the clock says");
}

#[test]
fn more_than_are_kept_go_oldest_first_once_a_newer_one_was_read_back() {
    let mut backups: Vec<Kept> = (1..=5).map(|number| kept(number, 1, Unread)).collect();
    let next = |backups: &[Kept]| RULES.next(&standing(false, 5, backups));
    assert_eq!(next(&backups), Step::Read(named(5)));
    backups[4].proof = Damaged;
    assert_eq!(next(&backups), Step::Read(named(4)), "the next that may be whole");
    backups[3].proof = Good;
    assert_eq!(next(&backups), removed(1, 4));
    backups[4].proof = Good;
    assert_eq!(next(&backups), removed(1, 5));
    assert_eq!(next(&backups[1..]), removed(2, 5));
    assert_eq!(next(&backups[2..]), Step::Nothing);
}

/// The planted omission: an epoch that was restored from an older backup is taken for older than the one before it.
#[test]
fn the_newer_is_the_one_of_the_later_epoch() {
    let later = Kept {
        at: at(2, 3),
        ..kept(3, 400, Good)
    };
    let backups = [kept(9, 1, Good), kept(8, 1, Good), kept(7, 1, Good), later];
    let standing = Standing {
        at: at(2, 3),
        ..standing(false, 0, &backups)
    };
    assert_eq!(RULES.next(&standing), removed(7, 3));
}

#[test]
fn what_a_key_shard_had_goes_in_time_and_what_others_had_by_count_alone() {
    let old = [kept(1, 168, Unread), kept(2, 10, Good)];
    assert_eq!(RULES.next(&standing(true, 2, &old)), removed(1, 2));
    assert_eq!(RULES.next(&standing(false, 2, &old)), Step::Nothing);
    let young = [kept(1, 167, Unread), kept(2, 10, Good)];
    assert_eq!(RULES.next(&standing(true, 2, &young)), Step::Nothing);
    let twice = [kept(2, 300, Unread), kept(2, 300, Good)];
    assert_eq!(
        RULES.next(&standing(true, 2, &twice)),
        Step::Nothing,
        "of one state"
    );
    let unread = [kept(1, 168, Good), kept(2, 10, Unread)];
    assert_eq!(RULES.next(&standing(true, 2, &unread)), Step::Read(named(2)));
    let seldom = Rules {
        every: hours(10_000),
        ..RULES
    };
    let alone = [kept(1, 84, Good)];
    assert_eq!(
        seldom.next(&standing(true, 2, &alone)),
        Step::Make,
        "before it must go"
    );
    assert_eq!(seldom.next(&standing(false, 2, &alone)), Step::Nothing);
}

/// The planted omission: one damaged backup of keys, and those of the one before it stay for ever.
#[test]
fn another_backup_of_keys_is_made_beside_damaged_ones() {
    let one = Rules { keep: 1, ..RULES };
    let backups = [kept(1, 200, Good), kept(2, 100, Damaged)];
    assert_eq!(one.next(&standing(true, 3, &backups)), Step::Make);
    assert_eq!(one.next(&standing(false, 3, &backups)), Step::Nothing);
    let backups = [kept(1, 200, Good), kept(2, 100, Damaged), kept(3, 0, Good)];
    assert_eq!(one.next(&standing(true, 3, &backups)), removed(1, 3));
    let many: Vec<Kept> = (0..64).map(|number| kept(number, 100, Damaged)).collect();
    assert_eq!(
        one.next(&standing(true, 99, &many)),
        Step::Nothing,
        "not for ever"
    );
}

#[test]
fn a_store_that_damages_what_it_is_given_is_not_filled() {
    let mut backups: Vec<Kept> = (1..=3).map(|number| kept(number, 99, Damaged)).collect();
    assert_eq!(RULES.next(&standing(false, 9, &backups)), Step::Nothing);
    assert!(RULES.is_overdue(&standing(false, 9, &backups)));
    backups.pop();
    assert_eq!(RULES.next(&standing(false, 9, &backups)), Step::Make);
}

/// A shard, its clocks and its backups.
struct Life {
    keys: bool,
    at: EpochPosition,
    /// By a clock that may jump; and by one that does not.
    now_ms: u64,
    passed_ms: u64,
    /// Of the last entry.
    time_ms: u64,
    made_ms: Option<u64>,
    /// And whether each is whole in truth.
    backups: Vec<(Kept, bool)>,
    /// Where a key was destroyed, and when by the clock that does not jump.
    destroyed: Vec<(EpochPosition, u64)>,
    made: u64,
}

#[derive(Debug, Clone, Copy)]
enum Happens {
    Write,
    Destroy,
    FailOver,
    Restart,
    Jump(i16),
    Wait(u8),
    Pass { damages: bool },
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => Just(Happens::Write),
        2 => Just(Happens::Destroy),
        1 => Just(Happens::FailOver),
        1 => Just(Happens::Restart),
        1 => any::<i16>().prop_map(Happens::Jump),
        6 => any::<u8>().prop_map(Happens::Wait),
        6 => prop::bool::weighted(0.2).prop_map(|damages| Happens::Pass { damages }),
    ]
}

impl Life {
    fn new(keys: bool) -> Self {
        Self {
            keys,
            at: at(1, 1),
            now_ms: NOW_MS,
            passed_ms: 0,
            time_ms: NOW_MS,
            made_ms: None,
            backups: Vec::new(),
            destroyed: Vec::new(),
            made: 0,
        }
    }

    fn lives(&mut self, happens: Happens) -> Result<(), TestCaseError> {
        match happens {
            Happens::Write => self.write(),
            Happens::Destroy => {
                self.write();
                self.destroyed.push((self.at, self.passed_ms));
            }
            Happens::FailOver => {
                self.at.epoch = self.at.epoch.next();
                self.write();
            }
            Happens::Restart => {
                self.made_ms = None;
                for (kept, _) in &mut self.backups {
                    kept.proof = Unread;
                }
            }
            Happens::Jump(by) => {
                self.now_ms = self.now_ms.saturating_add_signed(i64::from(by) * 3_600_000);
            }
            Happens::Wait(hours) => self.wait(u64::from(hours)),
            Happens::Pass { damages } => self.pass(damages)?,
        }
        Ok(())
    }

    fn write(&mut self) {
        self.at.position = self.at.position.next();
        self.time_ms = self.time_ms.max(self.now_ms);
    }

    fn wait(&mut self, hours: u64) {
        self.now_ms += hours * HOUR_MS;
        self.passed_ms += hours * HOUR_MS;
    }

    fn next(&self) -> Step {
        let backups: Vec<Kept> = self.backups.iter().map(|(kept, _)| kept.clone()).collect();
        let made_ago = self.made_ms.map(|made| self.passed_ms - made);
        RULES.next(&Standing {
            keys: self.keys,
            at: self.at,
            now_ms: self.now_ms,
            made_ago: made_ago.map(Duration::from_millis),
            backups: &backups,
        })
    }

    fn pass(&mut self, damages: bool) -> Result<(), TestCaseError> {
        for _ in 0..100 {
            match self.next() {
                Step::Nothing => return self.is_well(),
                Step::Make => self.make(!damages),
                Step::Read(name) => {
                    let found = self.backups.iter_mut().find(|(kept, _)| kept.name == name);
                    let (kept, whole) = found.expect("it is there");
                    prop_assert_eq!(kept.proof, Unread);
                    kept.proof = if *whole { Good } else { Damaged };
                }
                Step::Remove { name, instead } => self.remove(&name, &instead)?,
            }
        }
        Err(TestCaseError::fail("it comes to no end"))
    }

    fn make(&mut self, whole: bool) {
        self.made += 1;
        let kept = Kept {
            name: named(self.made),
            at: self.at,
            time_ms: self.time_ms,
            proof: if whole { Good } else { Damaged },
        };
        self.made_ms = Some(self.passed_ms);
        self.backups.push((kept, whole));
    }

    /// Only what is older than one that is whole, and was read.
    fn remove(&mut self, name: &BackupName, instead: &BackupName) -> Result<(), TestCaseError> {
        let of = |name: &BackupName| self.backups.iter().find(|(kept, _)| kept.name == *name);
        let (base, whole) = of(instead).expect("it is there");
        prop_assert!(*whole && base.proof == Good);
        let (gone, _) = of(name).expect("it is there");
        prop_assert!(gone.at <= base.at && gone.name != base.name);
        self.backups.retain(|(kept, _)| kept.name != *name);
        Ok(())
    }

    /// What holds when nothing is left to do.
    fn is_well(&self) -> Result<(), TestCaseError> {
        let whole = self.backups.iter().filter(|(_, whole)| *whole);
        let newest = whole.max_by_key(|(kept, _)| (kept.at, kept.name.clone()));
        if let Some((newest, _)) = newest {
            let before = |kept: &Kept| (kept.at, &kept.name) <= (newest.at, &newest.name);
            let held = self.backups.iter().filter(|(kept, _)| before(kept)).count();
            prop_assert!(held <= RULES.keep, "{held} are kept");
        }
        let damaged_max = if self.keys { KEYS_DAMAGED_MAX } else { RULES.keep };
        prop_assert!(self.backups.len() <= RULES.keep + damaged_max);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_newest_whole_one_stays_and_no_more_than_are_kept(
        keys in any::<bool>(),
        lived in prop::collection::vec(happens(), 1..120),
    ) {
        let mut life = Life::new(keys);
        for happens in lived {
            let was_whole = life.backups.iter().any(|(_, whole)| *whole);
            life.lives(happens)?;
            prop_assert!(!was_whole || life.backups.iter().any(|(_, whole)| *whole));
        }
    }

    /// Looked at twice a day, on a store that keeps what it is given.
    #[test]
    fn a_destroyed_key_leaves_every_backup_in_time(
        writes in prop::collection::vec((0..10_u8, any::<bool>()), 1..150),
    ) {
        let mut life = Life::new(true);
        for (what, restarts) in writes {
            match what {
                0 => life.lives(Happens::Destroy)?,
                1 | 2 => life.lives(Happens::Write)?,
                3 if restarts => life.lives(Happens::Restart)?,
                _ => {}
            }
            life.wait(12);
            life.pass(false)?;
            let allowed_ms = 7 * 24 * HOUR_MS + 12 * HOUR_MS;
            for (destroyed, when_ms) in &life.destroyed {
                let must_be_gone = life.passed_ms - when_ms > allowed_ms;
                let lies = life.backups.iter().any(|(kept, _)| kept.at < *destroyed);
                prop_assert!(!(must_be_gone && lies), "{destroyed} still lies in one");
            }
        }
    }
}

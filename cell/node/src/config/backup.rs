//! Where backups of the shards that this node serves go.

use std::path::PathBuf;
use std::time::Duration;

use cell_backup::retention::Rules;
use cell_backup::s3::Bucket;
use serde::{Deserialize, Serialize};

use super::InvalidConfig;

const EVERY_HOURS_MAX: u32 = 8_760;
const KEEP_MAX: u32 = 1_000;
/// As long as anybody whose key was destroyed may have to wait until no backup has it.
const REWRITE_DAYS_MAX: u32 = 30;
/// Of the settings that say nothing else.
const MIB_PER_SECOND: u32 = (cell_backup::pace::BYTES_PER_SECOND >> 20) as u32;

/// The loss of all copies costs so much of what was written at most, and a day some 9,000 objects of a shard that is
/// never idle.
const LOG_SECONDS: u32 = 10;
/// A log that is kept so seldom is none: what it lacks was trimmed.
const LOG_SECONDS_MAX: u32 = 3_600;

/// A folder or a bucket, and the sink that it is; or nothing: without a store the node writes no backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Backup {
    /// A folder: of this machine, or of a bucket that is mounted there.
    pub folder: PathBuf,
    /// Or a bucket of a store that speaks S3.
    pub bucket: String,
    /// What the store calls its region, by which requests are signed.
    pub bucket_region: String,
    /// `https://host:port` of the store; empty: Amazon's.
    pub endpoint: String,
    /// Certificates of the store's authority, in PEM, beside those that the machine believes.
    pub ca: PathBuf,
    /// Lines `aws_access_key_id = ID` and `aws_secret_access_key = SECRET`; empty: the environment has them.
    pub credentials_file: PathBuf,
    /// No TLS, for a store on this machine alone.
    pub plaintext: bool,
    /// Where the place is, as the law names regions: the sink must be there. Needed for a bucket.
    pub region: String,
    /// What the law calls that place: a sink of the kind `backup`.
    pub sink: String,
    /// Of one shard, at most, in a second: what a backup leaves to the requests beside it. 0: as many as go.
    pub mib_per_second: u32,
    /// The node backs up what it serves by itself, so that what was written is in a backup by then. 0: it does not.
    pub every_hours: u32,
    /// Backups of one shard, of which older ones are removed, where the node makes them by itself.
    pub keep: u32,
    /// Where it does, a destroyed key is gone from the backups of its key shard by then; 30 at most.
    pub rewrite_days: u32,
    /// Every so many seconds, and sooner when much is written, what came to a shard since its newest backup is kept
    /// there too, so that it can be restored to any entry or time since. 0: never.
    pub log_seconds: u32,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            folder: PathBuf::new(),
            bucket: String::new(),
            bucket_region: String::new(),
            endpoint: String::new(),
            ca: PathBuf::new(),
            credentials_file: PathBuf::new(),
            plaintext: false,
            region: String::new(),
            sink: String::new(),
            mib_per_second: MIB_PER_SECOND,
            every_hours: 0,
            keep: 7,
            rewrite_days: 7,
            log_seconds: LOG_SECONDS,
        }
    }
}

impl Backup {
    pub fn is_set(&self) -> bool {
        !self.sink.is_empty()
    }

    /// # Errors
    /// One without the other, or both.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let rule = |key, rule| Err(InvalidConfig::Rule { key, rule });
        let folder = !self.folder.as_os_str().is_empty();
        let bucket = !self.bucket.is_empty();
        if folder && bucket {
            return rule("backup", "takes a folder or a bucket, not both");
        }
        if (folder || bucket) == self.sink.is_empty() {
            return rule(
                "backup",
                "takes both a place and the name of the sink that it is in the law",
            );
        }
        if bucket && (self.bucket_region.is_empty() || self.region.is_empty()) {
            return rule(
                "backup.region",
                "say where the bucket is: `backup.bucket_region` as its store does, `backup.region` as the law does",
            );
        }
        let path = |path: &PathBuf| !path.as_os_str().is_empty();
        let of_bucket = !self.endpoint.is_empty()
            || !self.bucket_region.is_empty()
            || self.plaintext
            || path(&self.ca)
            || path(&self.credentials_file);
        if of_bucket && !bucket {
            return rule("backup.bucket", "is missing, and other settings are a bucket's");
        }
        if self.log_seconds > LOG_SECONDS_MAX {
            return rule("backup.log_seconds", "is at most 3600, or 0 for no log");
        }
        self.check_kept()
    }

    fn check_kept(&self) -> Result<(), InvalidConfig> {
        let rule = |key, rule| Err(InvalidConfig::Rule { key, rule });
        if self.every_hours > 0 && !self.is_set() {
            return rule("backup.every_hours", "takes a place where backups go");
        }
        if self.every_hours > EVERY_HOURS_MAX {
            return rule("backup.every_hours", "at most 8760: a year");
        }
        if !(1..=KEEP_MAX).contains(&self.keep) {
            return rule("backup.keep", "from 1 to 1000");
        }
        if !(1..=REWRITE_DAYS_MAX).contains(&self.rewrite_days) {
            return rule("backup.rewrite_days", "from 1 to 30");
        }
        Ok(())
    }

    /// What the node makes and removes by itself; none: nothing.
    pub fn rules(&self) -> Option<Rules> {
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3_600);
        (self.every_hours > 0).then(|| Rules {
            every: hours(self.every_hours),
            keep: usize::try_from(self.keep).unwrap_or(usize::MAX),
            rewrite: hours(self.rewrite_days * 24),
        })
    }

    /// How often the log is kept; none: never.
    pub fn log_every(&self) -> Option<Duration> {
        (self.log_seconds > 0).then(|| Duration::from_secs(u64::from(self.log_seconds)))
    }

    /// The bucket, if it is one.
    pub fn in_bucket(&self) -> Option<Bucket> {
        let file = |path: &PathBuf| (!path.as_os_str().is_empty()).then(|| path.clone());
        (!self.bucket.is_empty()).then(|| Bucket {
            name: self.bucket.clone(),
            region: self.bucket_region.clone(),
            endpoint: (!self.endpoint.is_empty()).then(|| self.endpoint.clone()),
            ca: file(&self.ca),
            credentials_file: file(&self.credentials_file),
            plaintext: self.plaintext,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_folder_or_a_bucket_and_a_bucket_says_where_it_is() {
        let bucket = || Backup {
            bucket: "backups".into(),
            bucket_region: "eu-central-1".into(),
            region: "eu-central".into(),
            sink: "backup-eu".into(),
            ..Backup::default()
        };
        assert_eq!(bucket().check(), Ok(()));
        assert_eq!(bucket().in_bucket().expect("one").region, "eu-central-1");
        assert_eq!(
            (Backup::default().check(), Backup::default().in_bucket()),
            (Ok(()), None)
        );
        let folder = || Backup {
            folder: "/backups".into(),
            sink: "backup-eu".into(),
            ..Backup::default()
        };
        assert_eq!(folder().check(), Ok(()));
        type Break = fn(&mut Backup);
        let broken: [(Break, &str); 11] = [
            (|b| b.log_seconds = 3_601, "backup.log_seconds"),
            (|b| b.folder = "/backups".into(), "backup"),
            (|b| b.sink.clear(), "backup"),
            (|b| b.region.clear(), "backup.region"),
            (|b| b.bucket_region.clear(), "backup.region"),
            (
                |b| {
                    b.bucket.clear();
                    b.folder = "/backups".into();
                },
                "backup.bucket",
            ),
            (|b| b.every_hours = 8_761, "backup.every_hours"),
            (|b| b.keep = 0, "backup.keep"),
            (|b| b.keep = 1_001, "backup.keep"),
            (|b| b.rewrite_days = 0, "backup.rewrite_days"),
            (|b| b.rewrite_days = 31, "backup.rewrite_days"),
        ];
        for (breaks, expected) in broken {
            let mut backup = bucket();
            breaks(&mut backup);
            let error = backup.check().expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(folder().log_every(), Some(Duration::from_secs(10)));
        let never = Backup {
            log_seconds: 0,
            ..folder()
        };
        assert_eq!((never.check(), never.log_every()), (Ok(()), None));
    }

    #[test]
    fn nothing_is_made_by_itself_unless_the_settings_say_how_often() {
        assert_eq!(Backup::default().rules(), None);
        let nowhere = Backup {
            every_hours: 24,
            ..Backup::default()
        };
        let error = nowhere.check().expect_err("no place").to_string();
        assert!(error.contains("backup.every_hours"), "{error}");
        let backup = Backup {
            folder: "/backups".into(),
            sink: "backup-eu".into(),
            ..nowhere
        };
        assert_eq!(backup.check(), Ok(()));
        let rules = backup.rules().expect("they say");
        assert_eq!((rules.every.as_secs(), rules.keep), (86_400, 7));
        assert_eq!(rules.rewrite.as_secs(), 7 * 86_400);
    }
}

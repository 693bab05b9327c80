//! A move to a node whose disk cannot hold the shard: it waits by name, begins nothing, and is taken back without a trace.

use nix::sys::statvfs::statvfs;
use platform_model::Incarnation;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

/// What the small disk still takes: less than a node must have to take a copy.
const LEFT_MIB: u64 = 64;
/// Before it is known how much lies on it. A tmpfs takes no memory that is not written.
const FIRST_MIB: u64 = 2_048;
/// A shard that the struck node serves.
const OF_TARGET: &str = "eu/eu-west/000";

/// A tmpfs over the data of a node that does not run. Gone when it is dropped.
struct SmallDisk {
    data: PathBuf,
}

impl SmallDisk {
    /// Why not, where one may not mount.
    fn under(disk: &Disk) -> Result<Result<Self, String>> {
        disk.take_away()?;
        if !mount(&disk.data, &format!("size={FIRST_MIB}m")) {
            disk.bring_back()?;
            return Ok(Err("a tmpfs can be mounted by root only".to_owned()));
        }
        let small = Self {
            data: disk.data.clone(),
        };
        copy_folder(&disk.aside, &disk.data)?;
        let space = statvfs(&disk.data)?;
        let used = (space.blocks() - space.blocks_free()) * space.fragment_size();
        let whole = used + (LEFT_MIB << 20);
        ensure!(
            mount(&disk.data, &format!("remount,size={whole}")),
            "it is not made smaller"
        );
        Ok(Ok(small))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is dying may still hold a file there.
        let _ = Command::new("umount").arg("-l").arg(&self.data).status();
    }
}

fn mount(folder: &Path, options: &str) -> bool {
    let mut mount = Command::new("mount");
    mount
        .args(["-t", "tmpfs", "-o", options, "meridian-test"])
        .arg(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    mount.status().is_ok_and(|status| status.success())
}

/// Which start of the target the leader has heard of its copies from.
async fn heard(operator: &Operator) -> Result<Incarnation> {
    let copies = operator.admin.status().await?.copies;
    let own = copies.iter().filter(|copy| copy.report.leads);
    let own = own.filter(|copy| copy.report.shard.to_string() == OF_TARGET);
    let newest = own.map(|copy| copy.report.term.incarnation).max();
    newest.context("the leader has heard of it")
}

/// Waits until the leader has heard from a start of which that is so. While nobody leads nobody says.
async fn until_heard(operator: &Operator, so: impl Fn(Incarnation) -> bool) -> Result<Incarnation> {
    until("the leader hears of it", async || {
        let start = heard(operator).await?;
        ensure!(so(start), "it has heard of {start:?}");
        anyhow::Ok(start)
    })
    .await
}

/// The scene is as before when it is over.
pub async fn is_refused(operator: &Operator) -> Result<()> {
    let target = seat(TARGET)?;
    let disk = Disk::of(operator, &target);
    let before = until_heard(operator, |_| true).await?;
    operator.processes.kill(&target).await?;
    let small = match SmallDisk::under(&disk)? {
        Ok(small) => small,
        Err(why) => {
            println!("skipped: {why}");
            return operator.processes.spawn(&target);
        }
    };
    operator.processes.spawn(&target)?;
    // Its first report says what its disk takes.
    until_heard(operator, |now| now > before).await?;
    let started = operator.moves(THERE, None).await?;
    let id = started.operation.context("an operation")?;
    let waits = operator
        .operation_until(id, |view| {
            view.blockers.iter().any(|blocker| blocker.code == "no-room")
        })
        .await?;
    assert_eq!(waits.step, "add-standby", "{waits:?}");
    assert_eq!(operator.route().await?.set.standbys, [], "nothing was begun");
    operator
        .admin
        .change_operation(id, Change::Cancel, None, "a test")
        .await?;
    let over = operator.operation_until(id, |view| view.state.is_over()).await?;
    assert_eq!(over.state, RunState::Cancelled);
    operator.is_as_before().await?;

    operator.processes.kill(&target).await?;
    let data = disk.data.with_extension("small");
    copy_folder(&disk.data, &data)?;
    drop(small);
    fs::remove_dir_all(&disk.aside).context("the older data goes")?;
    fs::remove_dir(&disk.data).context("what it was mounted over")?;
    fs::rename(&data, &disk.data).context("what it wrote stays")?;
    operator.processes.spawn(&target)
}

//! A disk that is mounted over a folder of this machine, where root may. Nothing runs on it but this test.

use std::io::{ErrorKind, Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use cli_world::seats::seat_named;
use nix::errno::Errno;

use super::*;

/// For something that must not come: only the fault would make it come.
const A_WHILE: Duration = Duration::from_millis(150);

/// A disk over the data of a node in a folder of its own, which goes after it; none where this machine cannot.
fn disk() -> Option<(tempfile::TempDir, PathBuf, FaultyDisk)> {
    let dir = tempfile::tempdir().expect("a folder");
    let (layout, seat) = (
        Layout::new(dir.path()),
        seat_named("celld-eu-central-1").expect("a seat"),
    );
    let data = layout.data(&seat);
    fs::create_dir_all(&data).expect("made");
    fs::write(data.join("before"), b"it was here").expect("written");
    match FaultyDisk::mount(&layout, &seat) {
        Ok(disk) => Some((dir, data, disk)),
        Err(why) => {
            let text = format!("skipped: {why:#}\n");
            // A test that nobody listens to has nobody to tell.
            let _ = std::io::stderr().write_all(text.as_bytes());
            None
        }
    }
}

fn errno(outcome: io::Result<()>) -> Option<i32> {
    outcome.expect_err("it is refused").raw_os_error()
}

#[test]
fn what_an_engine_does_passes_and_lies_underneath_when_the_disk_is_gone() {
    let Some((_dir, data, disk)) = disk() else { return };
    assert_eq!(fs::read(data.join("before")).expect("read"), b"it was here");
    let folder = data.join("a/b");
    fs::create_dir_all(&folder).expect("made");
    let mut journal = File::create_new(folder.join("journal")).expect("made");
    journal.try_lock().expect("nobody else has it");
    let second = File::open(folder.join("journal")).expect("opened");
    assert!(second.try_lock().is_err(), "it is locked");
    journal.set_len(1 << 20).expect("sized");
    journal.write_all(&[7; 10_000]).expect("written");
    journal.set_len(10_000).expect("sized");
    journal.sync_all().expect("durable");
    let mut end = OpenOptions::new()
        .append(true)
        .open(folder.join("journal"))
        .expect("opened");
    end.write_all(b"end").expect("written");
    fs::write(folder.join("new"), b"new").expect("written");
    fs::write(folder.join("current"), b"old").expect("written");
    let mut old = File::open(folder.join("current")).expect("opened");
    fs::rename(folder.join("new"), folder.join("current")).expect("renamed");
    fs::hard_link(folder.join("current"), data.join("evidence")).expect("linked");
    let mut text = String::new();
    old.read_to_string(&mut text).expect("read");
    assert_eq!(text, "old");
    assert_eq!(old.metadata().expect("it is open").len(), 3);
    File::open(&folder)
        .and_then(|folder| folder.sync_all())
        .expect("durable");
    fs::rename(data.join("a"), data.join("c")).expect("renamed");
    fs::remove_file(data.join("before")).expect("removed");
    drop((journal, second, end, old, disk));
    let journal = fs::read(data.join("c/b/journal")).expect("read");
    assert!(journal.len() == 10_003 && journal.ends_with(b"\x07end"));
    for path in ["c/b/current", "evidence"] {
        assert_eq!(fs::read(data.join(path)).expect("read"), b"new", "{path}");
    }
    assert!(!data.join("before").exists() && !data.join("c/b/new").exists());
}

#[test]
fn a_folder_lists_and_loses_what_is_in_it() {
    let Some((_dir, data, _disk)) = disk() else { return };
    // More than fits into one answer.
    for number in 0..300 {
        let name = format!("{number}-{}", "n".repeat(200));
        fs::write(data.join(name), b"").expect("written");
    }
    let names: std::collections::BTreeSet<_> = fs::read_dir(&data)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 301);
    for name in names {
        fs::remove_file(data.join(name)).expect("removed");
    }
    assert_eq!(fs::read_dir(&data).expect("listed").count(), 0);
    let gone = File::open(data.join("before")).expect_err("it was removed");
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

#[test]
fn a_disk_that_fails_writes_nothing_and_still_reads() {
    let Some((_dir, data, disk)) = disk() else { return };
    let mut file = File::create(data.join("file")).expect("made");
    file.write_all(b"one").expect("written");
    disk.set(Health::Failing);
    let eio = Some(Errno::EIO as i32);
    assert_eq!(errno(file.write_all(b"two")), eio);
    assert_eq!(errno(file.sync_data()), eio);
    assert_eq!(errno(fs::write(data.join("another"), b"x")), eio);
    assert_eq!(errno(fs::rename(data.join("file"), data.join("moved"))), eio);
    assert_eq!(errno(fs::remove_file(data.join("file"))), eio);
    assert_eq!(errno(File::open(&data).and_then(|folder| folder.sync_all())), eio);
    assert_eq!(fs::read(data.join("file")).expect("read"), b"one");
    disk.set(Health::Well);
    file.write_all(b"three").expect("written");
    file.sync_data().expect("durable");
    assert_eq!(fs::read(data.join("file")).expect("read"), b"onethree");
    assert!(!data.join("another").exists());
}

#[test]
fn on_a_slow_disk_what_is_made_durable_waits_and_a_read_does_not() {
    let Some((_dir, data, disk)) = disk() else { return };
    let file = File::create(data.join("file")).expect("made");
    disk.set(Health::Slow);
    let (sender, receiver) = mpsc::sync_channel(1);
    let syncing = thread::spawn(move || sender.send(file.sync_data().is_ok()));
    assert_eq!(fs::read(data.join("before")).expect("read"), b"it was here");
    assert!(receiver.recv_timeout(A_WHILE).is_err(), "it takes seconds");
    disk.set(Health::Well);
    assert!(receiver.recv().expect("it ends at once"));
    assert!(syncing.join().expect("no panic").is_ok());
}

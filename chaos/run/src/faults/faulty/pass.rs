//! What the file system does: each call is made again in the folder underneath, once the switch lets it pass. How the
//! kernel asks and is answered is in `calls.rs`.
//!
//! It can what an engine needs: files, folders, renaming, hard links, making durable. Locks and memory maps are the
//! kernel's own. Not here: symbolic links, owners, times, extended attributes; preallocation is refused, and writers go on
//! without.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileHandle, FileType, INodeNo, OpenAccMode, OpenFlags};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::statvfs::{Statvfs, statvfs};
use parking_lot::Mutex;

use super::names::Names;
use super::switch::Switch;

/// A write to a slow disk.
const SLOW_WRITE: Duration = Duration::from_millis(10);
/// Making something durable on a slow disk: longer than a write may wait for its commit before its primary is suspect.
const SLOW_SYNC: Duration = Duration::from_millis(3_500);
/// A file and the folder that it is in.
pub type Entry<'a> = (INodeNo, &'a OsStr);
/// What a folder holds: number, kind, name.
pub type Held = Vec<(u64, FileType, OsString)>;

/// What is open: a file, or what a folder held when it was opened.
enum Open {
    File(u64, Arc<File>),
    Folder(Arc<Held>),
}

/// The file system over one folder.
pub struct PassThrough {
    underneath: File,
    switch: Arc<Switch>,
    names: Mutex<Names>,
    open: Mutex<HashMap<u64, Open>>,
    next: AtomicU64,
}

impl PassThrough {
    /// `underneath`: the folder, opened before it was covered.
    pub fn new(underneath: File, switch: Arc<Switch>) -> Self {
        Self {
            underneath,
            switch,
            names: Mutex::default(),
            open: Mutex::default(),
            next: AtomicU64::new(1),
        }
    }

    /// The way to a file underneath: by the descriptor of the folder, whose own path leads to this file system now.
    fn path(&self, number: INodeNo) -> io::Result<PathBuf> {
        let within = self.names.lock().path(number.0).ok_or(Errno::ENOENT)?;
        Ok(PathBuf::from(format!("/proc/self/fd/{}", self.underneath.as_raw_fd())).join(within))
    }

    fn path_in(&self, (parent, name): Entry<'_>) -> io::Result<PathBuf> {
        Ok(self.path(parent)?.join(name))
    }

    /// Whatever changes names or sizes; it is as fast on a slow disk.
    fn change(&self) -> io::Result<()> {
        self.switch.pass(Duration::ZERO)
    }

    pub fn find(&self, (parent, name): Entry<'_>) -> io::Result<FileAttr> {
        let data = fs::symlink_metadata(self.path_in((parent, name))?)?;
        self.names.lock().set(data.ino(), parent.0, name);
        Ok(attributes(&data, INodeNo(data.ino())))
    }

    fn keep(&self, open: Open) -> FileHandle {
        let handle = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.lock().insert(handle, open);
        FileHandle(handle)
    }

    fn file(&self, handle: FileHandle) -> io::Result<Arc<File>> {
        match self.open.lock().get(&handle.0) {
            Some(Open::File(_, file)) => Ok(Arc::clone(file)),
            _ => Err(Errno::EBADF.into()),
        }
    }

    /// A file by its handle, or by its number if it is open: it may have no name any more.
    fn opened(&self, number: INodeNo, handle: Option<FileHandle>) -> Option<Arc<File>> {
        if let Some(file) = handle.and_then(|handle| self.file(handle).ok()) {
            return Some(file);
        }
        self.open.lock().values().find_map(|open| match open {
            Open::File(own, file) if *own == number.0 => Some(Arc::clone(file)),
            _ => None,
        })
    }

    pub fn attributes(&self, number: INodeNo, handle: Option<FileHandle>) -> io::Result<FileAttr> {
        let data = match self.path(number).and_then(fs::symlink_metadata) {
            Ok(data) => data,
            Err(error) => self.opened(number, handle).ok_or(error)?.metadata()?,
        };
        Ok(attributes(&data, number))
    }

    pub fn resize(&self, number: INodeNo, handle: Option<FileHandle>, size: u64) -> io::Result<()> {
        self.change()?;
        let file = handle.and_then(|handle| self.file(handle).ok());
        match file {
            Some(file) => file.set_len(size),
            None => OpenOptions::new()
                .write(true)
                .open(self.path(number)?)?
                .set_len(size),
        }
    }

    pub fn make(
        &self,
        (parent, name): Entry<'_>,
        mode: u32,
        flags: i32,
    ) -> io::Result<(FileAttr, FileHandle)> {
        self.change()?;
        let file = options(OpenFlags(flags))
            // Nothing can be made without the right to write it.
            .write(true)
            .mode(mode)
            .create(true)
            .create_new(flags & OFlag::O_EXCL.bits() != 0)
            .truncate(flags & OFlag::O_TRUNC.bits() != 0)
            .open(self.path_in((parent, name))?)?;
        let found = self.find((parent, name))?;
        Ok((found, self.keep(Open::File(found.ino.0, Arc::new(file)))))
    }

    pub fn remove(
        &self,
        (parent, name): Entry<'_>,
        removed: impl Fn(PathBuf) -> io::Result<()>,
    ) -> io::Result<()> {
        self.change()?;
        let path = self.path_in((parent, name))?;
        let number = fs::symlink_metadata(&path)?.ino();
        removed(path)?;
        self.names.lock().remove(number, parent.0, name);
        Ok(())
    }

    pub fn rename_to(&self, from: Entry<'_>, to: Entry<'_>) -> io::Result<()> {
        self.change()?;
        let (old, new) = (self.path_in(from)?, self.path_in(to)?);
        let number = fs::symlink_metadata(&old)?.ino();
        let replaced = fs::symlink_metadata(&new).map(|data| data.ino());
        fs::rename(old, new)?;
        let mut names = self.names.lock();
        if let Ok(replaced) = replaced {
            names.remove(replaced, to.0.0, to.1);
        }
        names.set(number, to.0.0, to.1);
        Ok(())
    }

    pub fn link_to(&self, number: INodeNo, (parent, name): Entry<'_>) -> io::Result<FileAttr> {
        self.change()?;
        fs::hard_link(self.path(number)?, self.path_in((parent, name))?)?;
        self.find((parent, name))
    }

    pub fn read_from(&self, handle: FileHandle, offset: u64, size: u32) -> io::Result<Vec<u8>> {
        let file = self.file(handle)?;
        let mut bytes = vec![0; size as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    pub fn write_to(&self, handle: FileHandle, offset: u64, data: &[u8]) -> io::Result<u32> {
        self.switch.pass(SLOW_WRITE)?;
        self.file(handle)?.write_all_at(data, offset)?;
        u32::try_from(data.len()).map_err(io::Error::other)
    }

    pub fn list(&self, number: INodeNo) -> io::Result<FileHandle> {
        let mut held = Vec::new();
        for entry in fs::read_dir(self.path(number)?)? {
            let entry = entry?;
            if let Some(kind) = FileType::from_std(entry.file_type()?) {
                held.push((entry.ino(), kind, entry.file_name()));
            }
        }
        Ok(self.keep(Open::Folder(Arc::new(held))))
    }

    pub fn listed(&self, handle: FileHandle) -> io::Result<Arc<Held>> {
        match self.open.lock().get(&handle.0) {
            Some(Open::Folder(held)) => Ok(Arc::clone(held)),
            _ => Err(Errno::EBADF.into()),
        }
    }

    pub fn open_file(&self, number: INodeNo, flags: OpenFlags) -> io::Result<FileHandle> {
        let file = options(flags).open(self.path(number)?)?;
        Ok(self.keep(Open::File(number.0, Arc::new(file))))
    }

    /// Whatever was opened under it is closed.
    pub fn close(&self, handle: FileHandle) {
        self.open.lock().remove(&handle.0);
    }

    pub fn make_folder(&self, entry: Entry<'_>, mode: u32) -> io::Result<FileAttr> {
        self.change()?;
        DirBuilder::new().mode(mode).create(self.path_in(entry)?)?;
        self.find(entry)
    }

    pub fn permit(&self, number: INodeNo, mode: u32) -> io::Result<()> {
        self.change()?;
        fs::set_permissions(self.path(number)?, Permissions::from_mode(mode))
    }

    pub fn sync_file(&self, handle: FileHandle, only_data: bool) -> io::Result<()> {
        self.switch.pass(SLOW_SYNC)?;
        let file = self.file(handle)?;
        if only_data {
            file.sync_data()
        } else {
            file.sync_all()
        }
    }

    pub fn sync_folder(&self, number: INodeNo) -> io::Result<()> {
        self.switch.pass(SLOW_SYNC)?;
        File::open(self.path(number)?)?.sync_all()
    }

    pub fn space(&self) -> io::Result<Statvfs> {
        Ok(statvfs(&self.path(INodeNo::ROOT)?)?)
    }
}

/// How a file is opened underneath: the kernel says where to write, also at the end.
fn options(flags: OpenFlags) -> OpenOptions {
    let mut options = OpenOptions::new();
    let (read, write) = match flags.acc_mode() {
        OpenAccMode::O_RDONLY => (true, false),
        OpenAccMode::O_WRONLY => (false, true),
        OpenAccMode::O_RDWR => (true, true),
    };
    options.read(read).write(write);
    options
}

fn attributes(data: &Metadata, number: INodeNo) -> FileAttr {
    let time = |seconds: i64, nanoseconds: i64| {
        let whole = Duration::from_secs(seconds.try_into().unwrap_or(0));
        UNIX_EPOCH + whole + Duration::from_nanos(nanoseconds.try_into().unwrap_or(0))
    };
    FileAttr {
        ino: number,
        size: data.size(),
        blocks: data.blocks(),
        atime: time(data.atime(), data.atime_nsec()),
        mtime: time(data.mtime(), data.mtime_nsec()),
        ctime: time(data.ctime(), data.ctime_nsec()),
        crtime: SystemTime::UNIX_EPOCH,
        kind: FileType::from_std(data.file_type()).unwrap_or(FileType::RegularFile),
        perm: u16::try_from(data.mode() & 0o7777).unwrap_or(0),
        nlink: u32::try_from(data.nlink()).unwrap_or(u32::MAX),
        uid: data.uid(),
        gid: data.gid(),
        rdev: 0,
        blksize: u32::try_from(data.blksize()).unwrap_or(4_096),
        flags: 0,
    }
}

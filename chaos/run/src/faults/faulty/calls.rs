//! How the kernel asks a [`PassThrough`] and is answered: one call each, with nothing decided here.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use fuser::{
    BsdFileFlags, Errno, FileAttr, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::pass::PassThrough;

/// How long the kernel may remember names and sizes. Nobody but it changes them.
const REMEMBERED: Duration = Duration::from_secs(1);
/// No number is given to two files at a time.
const GENERATION: Generation = Generation(0);

fn answer(reply: ReplyEmpty, outcome: io::Result<()>) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error.into()),
    }
}

fn entry(reply: ReplyEntry, found: io::Result<FileAttr>) {
    match found {
        Ok(found) => reply.entry(&REMEMBERED, &found, GENERATION),
        Err(error) => reply.error(error.into()),
    }
}

fn opened(reply: ReplyOpen, handle: io::Result<FileHandle>) {
    match handle {
        Ok(handle) => reply.opened(handle, FopenFlags::empty()),
        Err(error) => reply.error(error.into()),
    }
}

impl Filesystem for PassThrough {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(reply, self.find((parent, name)));
    }

    fn getattr(&self, _: &Request, number: INodeNo, handle: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(number, handle) {
            Ok(found) => reply.attr(&REMEMBERED, &found),
            Err(error) => reply.error(error.into()),
        }
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let sized = size.map_or(Ok(()), |size| self.resize(number, handle, size));
        let permitted = sized.and_then(|()| mode.map_or(Ok(()), |mode| self.permit(number, mode)));
        match permitted.and_then(|()| self.attributes(number, handle)) {
            Ok(found) => reply.attr(&REMEMBERED, &found),
            Err(error) => reply.error(error.into()),
        }
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, mode: u32, _umask: u32, reply: ReplyEntry) {
        entry(reply, self.make_folder((parent, name), mode));
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.remove((parent, name), fs::remove_file));
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        answer(reply, self.remove((parent, name), fs::remove_dir));
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if flags.is_empty() {
            answer(reply, self.rename_to((parent, name), (new_parent, new_name)));
        } else {
            reply.error(Errno::EINVAL);
        }
    }

    fn link(&self, _: &Request, number: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(reply, self.link_to(number, (parent, name)));
    }

    fn open(&self, _: &Request, number: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        opened(reply, self.open_file(number, flags));
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        match self.make((parent, name), mode, flags) {
            Ok((found, handle)) => {
                reply.created(&REMEMBERED, &found, GENERATION, handle, FopenFlags::empty());
            }
            Err(error) => reply.error(error.into()),
        }
    }

    fn read(
        &self,
        _: &Request,
        _number: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.read_from(handle, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        _number: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _how: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.write_to(handle, offset, data) {
            Ok(count) => reply.written(count),
            Err(error) => reply.error(error.into()),
        }
    }

    fn release(
        &self,
        _: &Request,
        _number: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.close(handle);
        reply.ok();
    }

    fn fsync(&self, _: &Request, _number: INodeNo, handle: FileHandle, only_data: bool, reply: ReplyEmpty) {
        answer(reply, self.sync_file(handle, only_data));
    }

    fn opendir(&self, _: &Request, number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        opened(reply, self.list(number));
    }

    fn readdir(
        &self,
        _: &Request,
        _number: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let held = match self.listed(handle) {
            Ok(held) => held,
            Err(error) => return reply.error(error.into()),
        };
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        for ((number, kind, name), next) in held.iter().zip(1..).skip(from) {
            if reply.add(INodeNo(*number), next, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(
        &self,
        _: &Request,
        _number: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.close(handle);
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _: &Request,
        number: INodeNo,
        _handle: FileHandle,
        _only_data: bool,
        reply: ReplyEmpty,
    ) {
        answer(reply, self.sync_folder(number));
    }

    fn statfs(&self, _: &Request, _number: INodeNo, reply: ReplyStatfs) {
        match self.space() {
            Ok(space) => reply.statfs(
                space.blocks(),
                space.blocks_free(),
                space.blocks_available(),
                space.files(),
                space.files_free(),
                u32::try_from(space.block_size()).unwrap_or(4_096),
                u32::try_from(space.name_max()).unwrap_or(255),
                u32::try_from(space.fragment_size()).unwrap_or(4_096),
            ),
            Err(error) => reply.error(error.into()),
        }
    }
}

//! Where each file lies that the kernel knows: it asks by number, the folder underneath is asked by name.
//!
//! Numbers are those of the file system underneath, but for the root, which is 1 by definition. Only files that exist
//! are here: one that was removed while it is open is found by its handle.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use fuser::INodeNo;

/// Folders in folders at most.
const DEPTH_MAX: usize = 64;

/// Names by number.
#[derive(Debug, Default)]
pub struct Names(HashMap<u64, (u64, OsString)>);

impl Names {
    /// A file has this name in this folder.
    pub fn set(&mut self, number: u64, parent: u64, name: &OsStr) {
        self.0.insert(number, (parent, name.to_owned()));
    }

    /// The file is not there any more, under this name: it may have been given another meanwhile.
    pub fn remove(&mut self, number: u64, parent: u64, name: &OsStr) {
        let is_so = |(folder, own): &(u64, OsString)| *folder == parent && own == name;
        if self.0.get(&number).is_some_and(is_so) {
            self.0.remove(&number);
        }
    }

    /// Its way from the root; none if it is not known.
    pub fn path(&self, number: u64) -> Option<PathBuf> {
        let (mut names, mut at) = (Vec::new(), number);
        while at != INodeNo::ROOT.0 {
            let (parent, name) = self.0.get(&at)?;
            if names.len() >= DEPTH_MAX {
                return None;
            }
            names.push(name);
            at = *parent;
        }
        Some(names.into_iter().rev().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_lies_in_a_folder_goes_with_it() {
        let (mut names, root) = (Names::default(), INodeNo::ROOT.0);
        names.set(7, root, OsStr::new("a"));
        names.set(8, 7, OsStr::new("b"));
        assert_eq!(names.path(root), Some(PathBuf::new()));
        assert_eq!(names.path(8), Some(PathBuf::from("a/b")));
        names.set(7, root, OsStr::new("c"));
        assert_eq!(names.path(8), Some(PathBuf::from("c/b")));
        names.remove(8, 7, OsStr::new("another"));
        assert_eq!(names.path(8), Some(PathBuf::from("c/b")));
        names.remove(8, 7, OsStr::new("b"));
        assert_eq!((names.path(8), names.path(9)), (None, None));
        names.set(10, 10, OsStr::new("itself"));
        assert_eq!(names.path(10), None);
    }
}

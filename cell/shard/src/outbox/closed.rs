//! Whether a place where what is told waits takes more: of anybody, and of each root. Said by whoever empties it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use platform_model::RootRef;

#[derive(Debug, Default)]
pub(crate) struct Closed {
    full: AtomicBool,
    /// Full of what takes back, too.
    over: AtomicBool,
    /// Roots of which as much waits as may, and whether as much of what takes back too.
    roots: RwLock<BTreeMap<RootRef, bool>>,
}

impl Closed {
    pub(crate) fn set(&self, full: bool, over: bool) {
        self.full.store(full, Ordering::Relaxed);
        self.over.store(over, Ordering::Relaxed);
    }

    pub(crate) fn set_of(&self, root: RootRef, full: bool, over: bool) {
        let mut roots = self.roots.write();
        if full {
            roots.insert(root, over);
        } else {
            roots.remove(&root);
        }
    }

    /// For what `root` tells.
    pub(crate) fn is_closed(&self, root: Option<RootRef>, takes_back: bool) -> bool {
        let of_root = root.and_then(|root| self.roots.read().get(&root).copied());
        if of_root.is_some_and(|over| over || !takes_back) {
            return true;
        }
        let full = if takes_back { &self.over } else { &self.full };
        full.load(Ordering::Relaxed)
    }
}

//! Imports of real files, of files that break off, and of files that are none.

mod bad;
mod broken;
mod oracles;
mod pinned;

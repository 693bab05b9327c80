//! The transactions of the domain over a person's root. Each is one closure: all of it happens, or nothing.

pub mod erasure;
pub mod export;
pub mod following;
pub mod profile;
pub mod registration;
pub mod session;
pub mod sign_in;

use cell_layers::Table;

use crate::stored::{Account, Attempts, Claim, Credential, Followed, Follower, Profile, Session};

/// The domain's name: in keys, log entries and metrics.
pub const DOMAIN: &str = "identity";

pub(crate) const ACCOUNTS: Table<Account> = Table::new();
const ATTEMPTS: Table<Attempts> = Table::new();
const CLAIMS: Table<Claim> = Table::new();
const CREDENTIALS: Table<Credential> = Table::new();
const FOLLOWED: Table<Followed> = Table::new();
const FOLLOWERS: Table<Follower> = Table::new();
const PROFILES: Table<Profile> = Table::new();
pub(crate) const SESSIONS: Table<Session> = Table::new();

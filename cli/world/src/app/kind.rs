//! What a request of an app is for, and who hears how it ended.

use std::time::Duration;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Register,
    Locate,
    Login,
    Refresh,
    LogOut,
    ReadProfile,
    ChangeProfile,
    Upload,
    List,
    Detail,
    Original,
    ChangeTitle,
    Delete,
    AdmitFollower,
    Followers,
    Following,
    Shared,
    Relocate,
    Relocation,
    Export,
    Erase,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Locate => "locate",
            Self::Login => "log in",
            Self::Refresh => "refresh",
            Self::LogOut => "log out",
            Self::ReadProfile => "read profile",
            Self::ChangeProfile => "change profile",
            Self::Upload => "upload",
            Self::List => "list",
            Self::Detail => "read activity",
            Self::Original => "read file",
            Self::ChangeTitle => "change a title",
            Self::Delete => "delete",
            Self::AdmitFollower => "admit a follower",
            Self::Followers => "read who follows one",
            Self::Following => "read whom one follows",
            Self::Shared => "read what others show",
            Self::Relocate => "change home",
            Self::Relocation => "read how a change of home stands",
            Self::Export => "take along",
            Self::Erase => "be erased",
        }
    }

    /// Whether it commits something durable when it succeeds.
    pub fn writes(self) -> bool {
        !matches!(
            self,
            Self::Locate
                | Self::ReadProfile
                | Self::List
                | Self::Detail
                | Self::Original
                | Self::Followers
                | Self::Following
                | Self::Shared
                | Self::Relocation
                | Self::Export
        )
    }
}

/// Hears how each request of an app ended.
pub trait Observer: Send + Sync {
    fn answered(&self, kind: Kind, took: Duration);

    /// A request without its answer, or with a wrong one.
    fn failed(&self, kind: Kind, took: Duration, why: &str);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Observer for Nobody {
    fn answered(&self, _kind: Kind, _took: Duration) {}

    fn failed(&self, _kind: Kind, _took: Duration, _why: &str) {}
}

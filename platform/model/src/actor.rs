//! Who acts: a person, a process of the platform, or someone at the door without a token.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// Who asked, on record, where the person himself did: the controllers tell his own requests from officers' by it.
pub const THE_PERSON: &str = "the person";

/// The author of a change, as it stands in the change log. Never a name, only an opaque id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Actor {
    /// A person who proved who he is.
    User(UserId),
    /// A caller without a token: registration, login.
    Anonymous,
    /// A part of the platform, by name: `relay`, `reconciler`.
    Service(String),
    /// Someone with a certificate: his SPIFFE id.
    Operator(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user/{user}"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::Service(name) => write!(f, "service/{name}"),
            Self::Operator(id) => write!(f, "operator/{id}"),
        }
    }
}

/// What a certificate allows its holder to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    Viewer,
    Sre,
    Compliance,
    Node,
    Router,
    Controller,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Sre => "sre",
            Self::Compliance => "compliance",
            Self::Node => "node",
            Self::Router => "router",
            Self::Controller => "controller",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

//! SPIFFE ids of the platform: what kind of process or person, in which region of which world.
//!
//! Only the text form. Whether a certificate may carry an id is decided in [`super::verify`].

use std::fmt;
use std::str::FromStr;

use platform_model::{CellId, NodeId, RegionId, Role};

/// `spiffe://TRUST_DOMAIN/region/REGION/...`, see [`SpiffeKind`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    /// [`platform_model::WorldId::trust_domain`] of the world.
    pub trust_domain: String,
    pub region: RegionId,
    pub kind: SpiffeKind,
}

/// Who it is. Names follow the rule of places: lower-case letters, digits, inner hyphens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SpiffeKind {
    /// `cell/CELL/node/ORDINAL`
    Node(NodeId),
    /// `router/NAME`
    Router(String),
    /// `controller/NAME`
    Controller(String),
    /// `operator/ROLE/NAME`, a person. The role is `viewer`, `sre` or `compliance`.
    Operator { role: Role, name: String },
}

/// A text that is no SPIFFE id of the platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SPIFFE id of a node, router, controller or operator")]
pub struct InvalidSpiffeId {
    /// As given, cut at 160 characters.
    pub text: String,
}

impl SpiffeId {
    /// What the holder may ask for.
    pub fn role(&self) -> Role {
        match &self.kind {
            SpiffeKind::Node(_) => Role::Node,
            SpiffeKind::Router(_) => Role::Router,
            SpiffeKind::Controller(_) => Role::Controller,
            SpiffeKind::Operator { role, .. } => *role,
        }
    }

    /// The node, if it is one.
    pub fn node(&self) -> Option<&NodeId> {
        match &self.kind {
            SpiffeKind::Node(node) => Some(node),
            _ => None,
        }
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/region/{}/", self.trust_domain, self.region)?;
        match &self.kind {
            SpiffeKind::Node(node) => write!(f, "cell/{}/node/{}", node.cell, node.ordinal),
            SpiffeKind::Router(name) => write!(f, "router/{name}"),
            SpiffeKind::Controller(name) => write!(f, "controller/{name}"),
            SpiffeKind::Operator { role, name } => write!(f, "operator/{role}/{name}"),
        }
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        parse(text).ok_or_else(|| InvalidSpiffeId {
            text: text.chars().take(160).collect(),
        })
    }
}

fn parse(text: &str) -> Option<SpiffeId> {
    let (trust_domain, path) = text.strip_prefix("spiffe://")?.split_once('/')?;
    let parts: Vec<&str> = path.split('/').collect();
    let ["region", region, kind @ ..] = parts.as_slice() else {
        return None;
    };
    let id = SpiffeId {
        trust_domain: trust_domain.parse::<Name>().ok()?.0,
        region: RegionId::new(region).ok()?,
        kind: parse_kind(kind)?,
    };
    // One id has one spelling: `node/00` is not `node/0`.
    (id.to_string() == text).then_some(id)
}

fn parse_kind(parts: &[&str]) -> Option<SpiffeKind> {
    let name = |text: &str| text.parse::<Name>().ok().map(|name| name.0);
    match parts {
        ["cell", cell, "node", ordinal] => {
            let node = NodeId {
                cell: CellId::new(cell).ok()?,
                ordinal: ordinal.parse().ok()?,
            };
            Some(SpiffeKind::Node(node))
        }
        ["router", text] => Some(SpiffeKind::Router(name(text)?)),
        ["controller", text] => Some(SpiffeKind::Controller(name(text)?)),
        ["operator", role, text] => {
            let roles = [Role::Viewer, Role::Sre, Role::Compliance];
            let role = roles.into_iter().find(|known| known.as_str() == *role)?;
            Some(SpiffeKind::Operator {
                role,
                name: name(text)?,
            })
        }
        _ => None,
    }
}

/// A name under the rule of places.
struct Name(String);

impl FromStr for Name {
    type Err = platform_model::InvalidId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        RegionId::new(text).map(|name| Self(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_written() {
        for (text, role) in [
            (
                "spiffe://0a1b/region/eu-central/cell/eu-central-1/node/0",
                Role::Node,
            ),
            ("spiffe://0a1b/region/eu-central/router/r1", Role::Router),
            ("spiffe://0a1b/region/us-east/controller/c-3", Role::Controller),
            ("spiffe://0a1b/region/us-east/operator/sre/kim", Role::Sre),
        ] {
            let id: SpiffeId = text.parse().expect("an id");
            assert_eq!(id.to_string(), text);
            assert_eq!(id.role(), role);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "https://0a1b/region/eu/router/r1",
            "spiffe://0a1b/region/eu",
            "spiffe:///region/eu/router/r1",
            "spiffe://0a1b/region/eu/router/r1/",
            "spiffe://0a1b/region/eu/router/R1",
            "spiffe://0a1b/region/eu/database/d1",
            "spiffe://0a1b/region/eu/operator/node/n1",
            "spiffe://0a1b/region/eu/operator/root/n1",
            "spiffe://0a1b/region/eu/cell/eu-1/node/00",
            "spiffe://0a1b/region/eu/cell/eu-1/node/65536",
            "spiffe://0a1b/region/eu/../router/r1",
            "spiffe://0a1b/region/eu/router/r1?x=1",
        ] {
            assert!(text.parse::<SpiffeId>().is_err(), "{text}");
        }
    }
}

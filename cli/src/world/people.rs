//! The people of a development world: who may look, who runs it, and the two whom a law takes.

use std::path::PathBuf;

use platform_model::Role;

use super::layout::Layout;

/// Someone with a certificate of his own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    pub role: Role,
    pub name: &'static str,
}

/// Who runs the world: `cellctl` speaks with this certificate unless told otherwise.
pub const OPERATOR: Person = Person {
    role: Role::Sre,
    name: "dev",
};
/// Proposes laws.
pub const AUTHOR: Person = Person {
    role: Role::Compliance,
    name: "ann",
};
/// Approves them.
pub const APPROVER: Person = Person {
    role: Role::Compliance,
    name: "ben",
};
/// May look and nothing else.
pub const VIEWER: Person = Person {
    role: Role::Viewer,
    name: "vic",
};

pub const PEOPLE: [Person; 4] = [OPERATOR, AUTHOR, APPROVER, VIEWER];

impl Person {
    /// Where his certificate and key lie.
    pub fn identity(&self, layout: &Layout) -> PathBuf {
        if *self == OPERATOR {
            return layout.operator();
        }
        layout.people().join(self.to_string().replace('/', "-"))
    }

    /// The person written as `compliance/ann`.
    pub fn named(text: &str) -> Option<Self> {
        PEOPLE.into_iter().find(|person| person.to_string() == text)
    }
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.role.as_str(), self.name)
    }
}

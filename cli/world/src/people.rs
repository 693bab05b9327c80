//! The people of a development world: who may look, who runs it, and the two whom a law takes.

use std::path::PathBuf;
use std::str::FromStr;

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

/// What names the operator without his name.
pub const USUAL: &str = "sre";

/// A text that names nobody of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is nobody here: {}", names())]
pub struct InvalidPerson {
    text: String,
}

fn names() -> String {
    let others = PEOPLE.iter().filter(|person| **person != OPERATOR);
    let names: Vec<String> = others.map(ToString::to_string).collect();
    format!("{USUAL}, {}", names.join(", "))
}

impl Person {
    /// `--as WHO`, or nothing for the operator.
    pub fn flag(&self) -> String {
        if *self == OPERATOR {
            return String::new();
        }
        format!("--as {self}")
    }
}

impl FromStr for Person {
    type Err = InvalidPerson;

    fn from_str(text: &str) -> Result<Self, InvalidPerson> {
        let named = if text == USUAL {
            Some(OPERATOR)
        } else {
            Self::named(text)
        };
        named.ok_or_else(|| InvalidPerson {
            text: text.chars().take(80).collect(),
        })
    }
}

impl std::fmt::Display for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.role.as_str(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_known_by_role_and_name_and_the_operator_by_his_role() {
        assert_eq!("sre".parse(), Ok(OPERATOR));
        for person in PEOPLE {
            assert_eq!(person.to_string().parse(), Ok(person));
        }
        assert_eq!(OPERATOR.flag(), "");
        assert_eq!(AUTHOR.flag(), "--as compliance/ann");
    }

    #[test]
    fn nobody_else_is() {
        for text in ["", "ann", "compliance/eve", "compliance/../ann", "compliance"] {
            let error = text.parse::<Person>().expect_err(text).to_string();
            assert!(
                error.ends_with("is nobody here: sre, compliance/ann, compliance/ben, viewer/vic"),
                "{error}"
            );
        }
    }
}

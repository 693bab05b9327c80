//! The stored records (`proto/identity.proto`) and the numbers that stand in them.

use platform_model::UserId;
use uuid::Uuid;

#[allow(
    clippy::match_single_binding,
    reason = "the generated code of a table without an index"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/identity.rs"));
}

pub use generated::*;

/// How far a claim has come. One way: pending, then active or dropped, and no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ClaimState {
    /// Asked for at the directory, or about to be.
    Pending = 1,
    /// The person's.
    Active = 2,
    /// Another's, or given up: the directory may free its row.
    Dropped = 3,
}

impl Claim {
    /// `None` for a row that no version of this crate wrote.
    pub fn claim_state(&self) -> Option<ClaimState> {
        [ClaimState::Pending, ClaimState::Active, ClaimState::Dropped]
            .into_iter()
            .find(|state| *state as u32 == self.state)
    }
}

impl Session {
    /// `None` for a row that no version of this crate wrote.
    pub fn uuid(&self) -> Option<Uuid> {
        Uuid::from_slice(&self.id).ok()
    }

    /// Whether it still lives, given how long a session may rest.
    pub fn is_alive(&self, now_ms: u64, idle_ms: u64) -> bool {
        now_ms < self.refreshed_ms.saturating_add(idle_ms)
    }
}

/// The primary key of the tables that have one row a person.
pub(crate) fn id_of(user: UserId) -> Vec<u8> {
    user.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use platform_model::DataClass;

    use super::*;

    /// That every field has a class at all is checked when the schema is compiled; here, that it is the right one.
    #[test]
    fn every_field_has_the_class_that_the_law_goes_by() {
        use DataClass::{Behaviour, Contact, Credential as Secret, Operational, PublicProfile, Social};
        let classes: BTreeMap<_, _> = TABLES
            .iter()
            .flat_map(|table| {
                table
                    .fields
                    .iter()
                    .map(|field| ((table.name, field.name), field.class))
            })
            .collect();
        let expected = BTreeMap::from([
            (("account", "user"), Operational),
            (("account", "country"), Contact),
            (("account", "created_ms"), Behaviour),
            (("attempts", "user"), Operational),
            (("attempts", "failures"), Behaviour),
            (("attempts", "failed_ms"), Behaviour),
            (("attempts", "not_before_ms"), Behaviour),
            (("claim", "id"), Operational),
            (("claim", "kind"), Operational),
            (("claim", "digest"), Contact),
            (("claim", "state"), Operational),
            (("claim", "changed_ms"), Operational),
            (("credential", "user"), Operational),
            (("credential", "password_hash"), Secret),
            (("credential", "changed_ms"), Behaviour),
            (("followed", "user"), Operational),
            (("followed", "home"), Social),
            (("followed", "display_name"), PublicProfile),
            (("followed", "version"), Operational),
            (("followed", "told_ms"), Operational),
            (("followed", "hidden"), Operational),
            (("follower", "user"), Operational),
            (("follower", "home"), Social),
            (("follower", "moved_ms"), Operational),
            (("follower", "since_ms"), Social),
            (("profile", "user"), Operational),
            (("profile", "email"), Contact),
            (("profile", "display_name"), PublicProfile),
            (("profile", "version"), Operational),
            (("profile", "changed_ms"), Behaviour),
            (("session", "id"), Operational),
            (("session", "generation"), Operational),
            (("session", "secret_digest"), Secret),
            (("session", "previous_digest"), Secret),
            (("session", "created_ms"), Behaviour),
            (("session", "refreshed_ms"), Behaviour),
        ]);
        assert_eq!(classes, expected);
    }

    #[test]
    fn personal_fields_are_not_printed() {
        let profile = Profile {
            email: "anna@example.com".to_owned(),
            display_name: Some("Anna".to_owned()),
            ..Profile::default()
        };
        let credential = Credential {
            password_hash: "$argon2id$anna".to_owned(),
            ..Credential::default()
        };
        let session = Session {
            secret_digest: vec![0xa1; 32],
            ..Session::default()
        };
        let printed = format!("{profile:?} {credential:?} {session:?}").to_lowercase();
        assert!(!printed.contains("anna") && !printed.contains("161"), "{printed}");
    }

    #[test]
    fn a_claims_state_is_one_of_three() {
        let state = |state| {
            Claim {
                state,
                ..Claim::default()
            }
            .claim_state()
        };
        assert_eq!(state(2), Some(ClaimState::Active));
        assert_eq!((state(0), state(4)), (None, None));
    }
}

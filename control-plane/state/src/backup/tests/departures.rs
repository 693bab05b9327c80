//! People who have moved away from a home.

use super::*;

fn depart(state: &mut State, node: &str, user: UserId, to: &str) -> Outcome {
    let command = BackupCommand::RecordDeparture {
        home: home(),
        user,
        rows: 7,
        to: to.parse().expect("a home"),
    };
    give(state, author(node.parse().expect("a node")), "", command)
}

/// A backup from before he moved holds all that he had there.
#[test]
fn who_has_moved_away_is_left_out_of_a_restore_as_one_who_was_erased_is() {
    let mut state = served();
    let (given, user) = (spec(&state), user_of_the_shard());
    let directory: ShardId = "directory/eu/000".parse().expect("a shard");
    let claims = state.left_out_digest(&directory);
    assert!(matches!(
        depart(&mut state, "eu-central-1/0", user, "us/us-east"),
        Outcome::Accepted { .. }
    ));
    let old = refusal(restore(&mut state, given));
    assert!(
        matches!(old, Refusal::Backup(BackupRefusal::OtherList { .. })),
        "{old:?}"
    );
    assert_eq!(state.left_out(&shard()).collect::<Vec<_>>(), [user]);
    assert_eq!(state.erasures.of(&shard()).count(), 0, "he was not erased");
    let now = (
        state.left_out_digest(&directory),
        state.left_out(&directory).count(),
    );
    assert_eq!(now, (claims, 0), "his claims are his, wherever he lives");
    let list = state.left_out_digest(&shard());
    depart(&mut state, "eu-central-1/0", user, "us/us-east");
    assert_eq!(state.left_out_digest(&shard()), list, "said twice");
    let given = spec(&state);
    assert!(matches!(restore(&mut state, given), Outcome::Accepted { .. }));
}

#[test]
fn only_whoever_serves_a_person_says_that_he_has_left_and_only_for_a_home() {
    let mut state = served();
    let user = user_of_the_shard();
    let foreign = refusal(depart(&mut state, "us-east-1/0", user, "us/us-east"));
    assert!(matches!(foreign, Refusal::NotYours { .. }), "{foreign:?}");
    for to in ["eu/nowhere", "eu/eu-central"] {
        let nowhere = refusal(depart(&mut state, "eu-central-1/0", user, to));
        assert!(matches!(nowhere, Refusal::UnknownHome(_)), "{to}: {nowhere:?}");
    }
    assert_eq!(state.left_out(&shard()).count(), 0);
}

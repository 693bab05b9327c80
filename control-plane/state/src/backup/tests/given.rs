//! Who is given what is held of a person.

use super::*;

#[test]
fn who_is_given_what_is_held_of_a_person_is_on_record_under_his_id_by_whoever_serves_him() {
    let mut state = served();
    let user = user_of_the_shard();
    let note = BackupCommand::NoteWork {
        shard: "eu/eu-central/000".parse().expect("a shard"),
        work: CustodyWork::Export,
        by: "spiffe://x/operator/compliance/ann".to_owned(),
        user: Some(user),
    };
    assert_eq!(
        (note.name(), note.subject()),
        ("export-user", format!("user/{user}"))
    );
    let given = give(&mut state, author(node("eu-central-1/0")), "x", note.clone());
    assert!(matches!(given, Outcome::Accepted { .. }), "{given:?}");
    let other = give(&mut state, author(node("eu-central-2/0")), "x", note);
    assert!(matches!(refusal(other), Refusal::NotYours { .. }));
    // As a controller wrote it before there was anybody whom it could be about.
    let before = r#"{"note-work":{"shard":"eu/eu-central/000","work":"back-up","by":"x"}}"#;
    let before: BackupCommand = serde_json::from_str(before).expect("it is read");
    assert_eq!(before.subject(), "shard/eu/eu-central/000");
}

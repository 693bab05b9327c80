//! Where a node's backups go is where the law has the sink of that name, or nothing goes there.

use cell_backup::BackupStore;
use platform_model::LawInForce;
use platform_model::matrix::{Sink as Lawful, SinkKind, plain};

use super::super::{Sink, misplaced};
use crate::tests::sample;

fn law(region: &str) -> LawInForce {
    let sink = Lawful {
        kind: SinkKind::Backup,
        region: region.parse().expect("a region"),
    };
    let areas: [(&str, &str, &[&str]); 1] = [("eu", "DE", &["eu-central", "eu-west"])];
    plain::in_force_with_sinks(&areas, [0; 32], true, [("backup-eu".to_owned(), sink)].into())
}

#[test]
fn a_sink_that_the_law_has_elsewhere_gets_nothing_a_law_that_moves_it_included() {
    let dir = tempfile::tempdir().expect("a folder");
    let sink = |region: Option<&str>| Sink {
        name: "backup-eu".into(),
        region: region.map(str::to_owned),
        store: BackupStore::folder(dir.path()).expect("a store"),
        bytes_per_second: 0,
        rules: None,
        log_every: None,
    };
    let mut table = sample::table();
    table.law = Some(law("eu-central"));
    assert_eq!(misplaced(&table, &sink(Some("eu-central"))), None);
    assert_eq!(
        misplaced(&table, &sink(None)),
        None,
        "a folder is where the law says"
    );
    let why = misplaced(&table, &sink(Some("eu-west"))).expect("elsewhere");
    assert!(why.contains("eu-central") && why.contains("eu-west"), "{why}");
    table.law = Some(law("eu-west"));
    assert!(
        misplaced(&table, &sink(Some("eu-central"))).is_some(),
        "it was moved"
    );
}

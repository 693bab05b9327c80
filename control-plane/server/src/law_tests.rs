//! The law over real TLS and Raft: who may, what is signed, and what is told of where copies are.

use platform_model::matrix::LawVersion;
use platform_model::{CellId, Epoch, Generation, Incarnation, NodeId, Role, ShardId, Start};
use platform_wire::RefusalCode;
use platform_wire::law::{APPROVAL_PURPOSE, REPORT_PURPOSE, approval_statement};
use platform_wire::report::{Heartbeat, HeldCopy};

use crate::testing::{AREAS, World, law_of};

fn code(error: &platform_wire::CallError) -> Option<RefusalCode> {
    error.refusal().map(|refusal| refusal.code)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_signed_by_its_sender_over_this_very_law() {
    let world = World::of(1).await;
    let spec = platform_wire::admin::WorldSpec::dev("meridian.test");
    world.admin(Role::Sre).init_world(&spec).await.expect("made");
    let (ann, ben) = (world.officer("ann"), world.officer("ben"));
    let (text, matrix) = law_of(1, &AREAS);
    let author = world.admin_as(&ann);
    let by_sre = world
        .admin(Role::Sre)
        .propose_law(&text, &matrix, Generation(0), "")
        .await;
    assert_eq!(
        code(&by_sre.expect_err("may not")),
        Some(RefusalCode::NotAuthorised)
    );
    author
        .propose_law(&text, &matrix, Generation(0), "")
        .await
        .expect("proposed");
    let again = author.propose_law(&text, &matrix, Generation(0), "").await;
    assert_eq!(
        code(&again.expect_err("stale")),
        Some(RefusalCode::GenerationMismatch)
    );
    let digest = *control_plane_ledger::Digest::plain(&matrix).as_bytes();
    let version = LawVersion(1);
    let statement = approval_statement(&world.id(), version, &digest);
    let sign = |who: &platform_runtime::tls::Identity, purpose: &str, statement: &[u8]| {
        who.sign(purpose, statement).expect("signs")
    };
    let approver = world.admin_as(&ben);
    let bad = [
        (
            sign(&ann, APPROVAL_PURPOSE, &statement),
            RefusalCode::NotAuthorised,
        ),
        (sign(&ben, REPORT_PURPOSE, &statement), RefusalCode::NotAuthorised),
        (
            sign(&ben, APPROVAL_PURPOSE, b"another law"),
            RefusalCode::NotAuthorised,
        ),
    ];
    for (signature, expected) in bad {
        let refused = approver.approve_law(version, digest, signature, "").await;
        assert_eq!(code(&refused.expect_err("not signed so")), Some(expected));
    }
    let own = author
        .approve_law(version, digest, sign(&ann, APPROVAL_PURPOSE, &statement), "")
        .await;
    assert_eq!(code(&own.expect_err("one person")), Some(RefusalCode::Law));
    let view = author.law().await.expect("answers");
    assert!(view.in_force.is_none() && view.proposed.is_some());
    let signature = sign(&ben, APPROVAL_PURPOSE, &statement);
    approver
        .approve_law(version, digest, signature, "it is right")
        .await
        .expect("approved");
    let view = author.law().await.expect("answers");
    let approved = view.approved.expect("approved").approved.expect("signed");
    let now = approved.approved_ms / 1_000;
    let signer = ann
        .signer(APPROVAL_PURPOSE, &statement, &approved.signature, now)
        .expect("good");
    assert_eq!(signer, ben.spiffe_id());
    assert_eq!(view.in_force.expect("in force").revision, 1);
}

#[expect(
    clippy::too_many_lines,
    reason = "one world from its first node to its report"
)]
#[tokio::test(flavor = "multi_thread")]
async fn what_the_law_forbids_is_refused_and_the_report_tells_what_is_where() {
    let world = World::made(1).await;
    let sre = world.admin(Role::Sre);
    let node: NodeId = "eu-central-1/0".parse().expect("a node");
    let reports = world.reports(&node, "eu-central", world.addresses());
    let start = Start {
        incarnation: Incarnation(1),
        copy: 7,
        process: 8,
    };
    reports
        .register_node(&node, "127.0.0.1:1", start)
        .await
        .expect("registered");
    let shard: ShardId = "eu/eu-central/000".parse().expect("a shard");
    let (cell, seen): (CellId, Generation) = ("us-east-1".parse().expect("a cell"), Generation(2));
    let refused = sre
        .place_shard(&shard, &cell, seen, "")
        .await
        .expect_err("abroad");
    assert_eq!(code(&refused), Some(RefusalCode::LawForbids));
    assert!(refused.to_string().contains("Art. stays"), "{refused}");
    let held = |shard: &str, denied: Option<&str>| HeldCopy {
        shard: shard.parse().expect("a shard"),
        epoch: Epoch(1),
        law_revision: 1,
        rules: vec!["at-home".into()],
        denied: denied.map(str::to_owned),
    };
    let beat = Heartbeat {
        node: node.clone(),
        incarnation: Incarnation(1),
        table_generation: Generation(3),
        shards_open: 1,
        copies: vec![
            held("eu/eu-central/000", None),
            held("us/us-east/000", Some("the law")),
        ],
    };
    reports.heartbeat(&beat).await.expect("taken");
    let signed = sre.residency().await.expect("answers");
    let report = signed.read().expect("reads");
    let identity = world.officer("ann");
    let signer = identity.signer(
        REPORT_PURPOSE,
        &signed.bytes,
        &signed.signature,
        report.time_ms / 1_000,
    );
    assert_eq!(signer.expect("signed").to_string(), report.controller);
    let copy = report
        .copies
        .iter()
        .find(|copy| copy.shard == shard)
        .expect("told");
    assert_eq!(
        (copy.rules.as_slice(), &copy.denied),
        (&["at-home".to_owned()][..], &None)
    );
    assert!(
        copy.seen
            .as_ref()
            .is_some_and(|seen| seen.denied.is_none() && seen.law_revision == 1)
    );
    let stray: Vec<String> = report
        .unintended
        .iter()
        .map(|copy| copy.shard.to_string())
        .collect();
    assert_eq!(stray, ["us/us-east/000"]);
    assert!(
        report.unintended[0]
            .denied
            .as_ref()
            .is_some_and(|why| why.contains("Art. stays"))
    );
    let unseen = report
        .copies
        .iter()
        .filter(|copy| copy.node.is_some() && copy.seen.is_none())
        .count();
    assert!(unseen > 0, "what a node does not report is told as not seen");
}

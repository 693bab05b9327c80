use super::*;
use crate::pb;

fn world() -> platform_model::WorldId {
    platform_model::WorldId::new(&"a".repeat(64)).expect("an id")
}

fn target() -> ArrivalsTarget {
    ArrivalsTarget {
        node: "eu-west-1/0".parse().expect("a node"),
        region: "eu-west".parse().expect("a region"),
        address: "127.0.0.1:1".into(),
        shard: "eu/eu-west/000".parse().expect("a shard"),
        epoch: Epoch(3),
    }
}

fn take(step: Step) -> Take {
    Take {
        source: "eu/eu-central/000".parse().expect("a shard"),
        user: UserId::from_uuid(Uuid::from_u128(7)),
        operation: 9,
        served_epoch: 1,
        law_revision: 2,
        consent: true,
        step,
    }
}

fn steps() -> [Step; 10] {
    let row = MovedRow {
        key: Bytes::from_static(b"k"),
        value: Some((2, Zeroizing::new(b"v".to_vec()))),
    };
    let gone = MovedRow {
        value: None,
        ..row.clone()
    };
    [
        Step::Begin {
            digest_key: Zeroizing::new(vec![1; 32]),
        },
        Step::Part(vec![row, gone]),
        Step::Claims(vec![([3; 32], Uuid::from_u128(4))]),
        Step::Complete {
            rows: 5,
            sum: [6; 32],
            told_ms: 8,
            left: vec![("eu/eu-south".parse().expect("a home"), 2)],
        },
        Step::Check {
            after: Bytes::new(),
            upto: Bytes::from_static(b"k"),
            rows: 5,
            sum: [6; 32],
        },
        Step::Activate,
        Step::Abandon,
        Step::Forget,
        Step::Erase,
        Step::Passed,
    ]
}

#[test]
fn every_step_reads_back() {
    for step in steps() {
        let sent = take(step);
        let wire = parse::take_request(&world(), &target(), &sent);
        let (shard, epoch, read) = take_of(wire, &world()).expect("reads");
        assert_eq!((shard, epoch), (target().shard, Epoch(3)));
        assert!(read == sent);
    }
    for taken in [
        Taken::Done { user_epoch: 2 },
        Taken::Later("a".into()),
        Taken::Refused("b".into()),
        Taken::Unlawful("c".into()),
        Taken::Waits(vec![UserId::from_uuid(Uuid::from_u128(3))]),
    ] {
        assert_eq!(parse::taken(take_reply(taken.clone())), Some(taken));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let good = |step: Step| parse::take_request(&world(), &target(), &take(step));
    let [begin, part, claims, complete, ..] = steps().map(good);
    let bad = [
        pb::TakeRequest {
            kind: 0,
            ..begin.clone()
        },
        pb::TakeRequest {
            digest_key: vec![1; 31],
            ..begin.clone()
        },
        pb::TakeRequest {
            target: begin.source.clone(),
            ..begin.clone()
        },
        pb::TakeRequest {
            target: "directory/eu/000".into(),
            ..begin.clone()
        },
        pb::TakeRequest {
            user: vec![0; 15],
            ..begin
        },
        pb::TakeRequest {
            rows: Vec::new(),
            ..part.clone()
        },
        pb::TakeRequest {
            rows: vec![pb::MovedRow::default()],
            ..part.clone()
        },
        pb::TakeRequest {
            rows: vec![part.rows[0].clone(); ROWS_MAX + 1],
            ..part
        },
        pb::TakeRequest {
            claims: vec![claims.claims[0].clone(); CLAIMS_MAX + 1],
            ..claims
        },
        pb::TakeRequest {
            tally_sum: vec![1],
            ..complete
        },
    ];
    for (number, wire) in bad.into_iter().enumerate() {
        assert!(take_of(wire, &world()).is_err(), "{number}");
    }
}

#[test]
fn an_entrys_answer_reads_back_and_a_long_reason_is_refused() {
    let told = EntryTold {
        entry: Some(("eu/eu-west".parse().expect("a home"), 2)),
        operation: 0,
        newest: 5,
        refused: None,
    };
    let wire = entry_reply(told);
    assert_eq!(
        (wire.known, wire.home.as_str(), wire.newest),
        (true, "eu/eu-west", 5)
    );
    let wire = pb::BeginRelocation {
        version: crate::FRAME_VERSION,
        world: world().to_string(),
        home: "eu/eu-central".into(),
        user: vec![1; 16],
        to: "eu/eu-west".into(),
        reason: "a".repeat(TEXT_BYTES_MAX + 1),
        dry_run: false,
    };
    assert!(begin_of(wire.clone(), &world()).is_err());
    let reason = "request 4711".to_owned();
    assert!(begin_of(pb::BeginRelocation { reason, ..wire }, &world()).is_ok());
}

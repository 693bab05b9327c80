//! Every verb, asked by every role over a real connection. Who may not is told so, noted, and never reaches Raft.

use platform_model::{NodeId, Role};
use platform_runtime::tls::{Expect, SpiffeKind};
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, channel, pb};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::{last_log, security_log};
use crate::authorise::Verb;
use crate::testing::{World, eventually};

const ROLES: [Role; 6] = [
    Role::Viewer,
    Role::Sre,
    Role::Compliance,
    Role::Node,
    Role::Router,
    Role::Controller,
];

fn kind(role: Role) -> SpiffeKind {
    let node: NodeId = "eu-central-1/0".parse().expect("a node");
    match role {
        Role::Node => SpiffeKind::Node(node),
        Role::Router => SpiffeKind::Router("r1".into()),
        Role::Controller => SpiffeKind::Controller("c2".into()),
        role => SpiffeKind::Operator {
            role,
            name: "o-1".into(),
        },
    }
}

/// Where each verb is called.
fn path(verb: Verb) -> &'static str {
    match verb {
        Verb::Watch => "Topology/Watch",
        Verb::RegisterNode => "Report/RegisterNode",
        Verb::PublishTokenKey => "Report/PublishTokenKey",
        Verb::AdmitForeign => "Report/AdmitForeign",
        Verb::Heartbeat => "Report/Heartbeat",
        Verb::Replicas => "Report/Replicas",
        Verb::Status => "Admin/Status",
        Verb::InitWorld => "Admin/InitWorld",
        Verb::CreateHome => "Admin/CreateHome",
        Verb::CreateCell => "Admin/CreateCell",
        Verb::CreateAuthority => "Admin/CreateAuthority",
        Verb::SetCountry => "Admin/SetCountry",
        Verb::SetCellState => "Admin/SetCellState",
        Verb::PlaceShard => "Admin/PlaceShard",
        Verb::SetAutomation => "Admin/SetAutomation",
        Verb::MoveShard => "Operations/MoveShard",
        Verb::FailoverShard => "Operations/FailoverShard",
        Verb::VerifyShard => "Operations/VerifyShard",
        Verb::RepairShard => "Operations/RepairShard",
        Verb::SetSurvival => "Operations/SetSurvival",
        Verb::PauseOperation => "Operations/Pause",
        Verb::ResumeOperation => "Operations/Resume",
        Verb::CancelOperation => "Operations/Cancel",
        Verb::ReverseOperation => "Operations/Reverse",
        Verb::FinishOperation => "Operations/Finish",
        Verb::ReadOperations => "Operations/List",
        Verb::Simulate => "Operations/Simulate",
        Verb::AddMember => "Admin/AddMember",
        Verb::RemoveMember => "Admin/RemoveMember",
        Verb::ForwardPropose => "Forward/Propose",
        Verb::ForwardHeartbeat => "Forward/Heartbeat",
        Verb::ForwardReplicas => "Forward/Replicas",
        Verb::ForwardWallClock => "Forward/WallClock",
        Verb::ReadLedger => "Ledger/Overview",
        Verb::ProposeLaw => "Admin/ProposeLaw",
        Verb::ApproveLaw => "Admin/ApproveLaw",
        Verb::WithdrawLaw => "Admin/WithdrawLaw",
        Verb::SetMatrixAgeMax => "Admin/SetMatrixAgeMax",
        Verb::ReadLaw => "Admin/ReadLaw",
        Verb::Residency => "Admin/Residency",
        Verb::ReadTrust => "Trust/ReadTrust",
        Verb::AttestRegion => "Trust/AttestRegion",
        Verb::CreateJoinToken => "Trust/CreateJoinToken",
        Verb::RevokeJoinToken => "Trust/RevokeJoinToken",
        Verb::RevokeIdentity => "Trust/RevokeIdentity",
        Verb::RestoreIdentity => "Trust/RestoreIdentity",
        Verb::OpenBreakGlass => "Trust/OpenBreakGlass",
        Verb::CloseBreakGlass => "Trust/CloseBreakGlass",
        Verb::Renew => "Trust/Renew",
        Verb::RecordErasure => "Backups/RecordErasure",
        Verb::ReadErased => "Backups/ReadErased",
        Verb::NoteWork => "Backups/NoteWork",
        Verb::RestoreShard => "Backups/RestoreShard",
        Verb::ReadWorld => "Recovery/ReadWorld",
        Verb::GiveNodeUp => "Recovery/GiveNodeUp",
        Verb::TellErasures => "Recovery/TellErasures",
    }
}

/// Calls a verb with a request that says version and world and nothing else: all of them have these two first. The
/// answer's head is enough; a verb that may be used refuses the empty request, or answers.
async fn ask(channel: &Channel, verb: Verb, world: &str) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("connected");
    let request = pb::WatchRequest {
        version: FRAME_VERSION,
        world: world.to_owned(),
        have: 0,
    };
    let path = format!("/meridian.wire.v1.{}", path(verb));
    let path = http::uri::PathAndQuery::try_from(path).expect("a path");
    let codec = tonic_prost::ProstCodec::<pb::WatchRequest, ()>::default();
    client
        .server_streaming(Request::new(request), path, codec)
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_role_may_what_the_table_says_on_a_real_connection() {
    let world = World::made(1).await;
    let text = world.id().to_string();
    let mut shown = format!("{:<18}", "");
    for role in ROLES {
        shown += &format!(" {:<10}", role.as_str());
    }
    let mut denied = 0;
    let mut rows = vec![shown.trim_end().to_owned()];
    for verb in Verb::ALL {
        let mut row = format!("{:<18}", verb.as_str());
        for role in ROLES {
            let identity = world.identity(kind(role), "eu-central");
            let channel = channel::connect(&world.addresses()[0], &identity, Expect::Controller);
            let channel = channel.expect("an address");
            let before = last_log(&world);
            let answer = ask(&channel, verb, &text).await;
            let refusal = answer.as_ref().err().and_then(Refusal::from_status);
            let may_not = refusal
                .as_ref()
                .is_some_and(|refusal| refusal.code == RefusalCode::NotAuthorised);
            if may_not {
                denied += 1;
                assert_eq!(last_log(&world), before, "{role} {verb:?} reached Raft");
                let hint = refusal.expect("one").hint;
                assert!(hint.starts_with("takes the role "), "{hint}");
            }
            assert_eq!(
                !may_not,
                verb.roles().contains(&role),
                "{role} {verb:?}: {answer:?}"
            );
            row += &format!(" {:<10}", if may_not { "-" } else { "may" });
        }
        rows.push(row.trim_end().to_owned());
    }
    let page = include_str!("../../../../docs/trust.md");
    assert!(
        page.contains(include_str!("roles.txt")),
        "the page shows another table"
    );
    assert_eq!(rows.join("\n") + "\n", include_str!("roles.txt"));
    let noted = eventually("all lines of the security log", async || {
        let lines = security_log(&world);
        (lines.len() >= denied).then_some(lines)
    });
    let noted = noted.await;
    assert_eq!(noted.len(), denied);
    assert!(noted.iter().all(|line| line.contains("\"event\":\"denied\"")));
}

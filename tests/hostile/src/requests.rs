//! Every request of the platform's own services: read, judged as its server judges it, written again.

use std::fmt::Debug;

use control_plane_server::translate;
use platform_wire::admin::WorldSpec;
use platform_wire::{convert, pb};
use prost::Message;

/// A message that was read is read again from what is written of it.
fn stable<M: Message + Default + PartialEq + Debug>(bytes: &[u8]) -> Option<M> {
    let message = M::decode(bytes).ok()?;
    let again = M::decode(&message.encode_to_vec()[..]).expect("what is written can be read");
    // Not a number is not equal to itself; no field of these is a floating point number.
    assert!(message == again, "{message:?} became {again:?}");
    Some(message)
}

macro_rules! commands {
    ($bytes:expr, $($request:ident => $translate:ident),* $(,)?) => {
        $(if let Some(request) = stable::<pb::$request>($bytes)
            && let Ok(command) = translate::$translate(request)
        {
            // What becomes a command can be stored and read again.
            let stored = serde_json::to_vec(&command).expect("ids, numbers and texts always write");
            let read: control_plane_state::Command = serde_json::from_slice(&stored).expect("its own form");
            assert_eq!(read, command);
        })*
    };
}

macro_rules! trust {
    ($bytes:expr, $($request:ident => $translate:ident),* $(,)?) => {
        $(if let Some(request) = stable::<pb::$request>($bytes)
            && let Ok(command) = translate::trust::$translate(request)
        {
            let command = control_plane_state::Command::Trust(command);
            let stored = serde_json::to_vec(&command).expect("ids, numbers and texts always write");
            let read: control_plane_state::Command = serde_json::from_slice(&stored).expect("its own form");
            assert_eq!(read, command);
        })*
    };
}

macro_rules! plain {
    ($bytes:expr, $($request:ident),* $(,)?) => { $(stable::<pb::$request>($bytes);)* };
}

pub fn all(bytes: &[u8]) {
    commands!(bytes,
        InitWorldRequest => init_world,
        CreateHomeRequest => create_home,
        CreateCellRequest => create_cell,
        CreateAuthorityRequest => create_authority,
        SetCountryRequest => set_country,
        SetCellStateRequest => set_cell_state,
        PlaceShardRequest => place_shard,
        RegisterNodeRequest => register_node,
        PublishTokenKeyRequest => publish_token_key,
        AdmitForeignRequest => admit_foreign,
    );
    trust!(bytes,
        AttestRegionRequest => attest_region,
        CreateJoinTokenRequest => create_join_token,
        RevokeJoinTokenRequest => revoke_join_token,
        RevokeIdentityRequest => revoke_identity,
        RestoreIdentityRequest => restore_identity,
        OpenBreakGlassRequest => open_break_glass,
        CloseBreakGlassRequest => close_break_glass,
    );
    // Whoever joins or renews sends these bytes before anybody knows him.
    let _ = platform_runtime::tls::Requested::read(bytes);
    let _ = platform_wire::trust::read_digest(bytes);
    plain!(
        bytes,
        ReadTrustRequest,
        TrustReply,
        JoinRequest,
        RenewRequest,
        CertificateReply,
        StatusRequest,
        AddMemberRequest,
        RemoveMemberRequest,
        WatchRequest,
        WatchFrame,
        HeartbeatRequest,
        ProposeRequest,
        LedgerOverviewRequest,
        LedgerReadRequest,
        ClaimRequest,
        ClaimReply,
        ReleaseRequest,
        LookupRequest,
        LookupReply,
        CommandReply,
        MembersReply,
        HeartbeatReply,
        ProposeReply,
        ProposeLawRequest,
        ApproveLawRequest,
        WithdrawLawRequest,
        SetMatrixAgeMaxRequest,
        ReadLawRequest,
        ResidencyRequest,
        ResidencyReport,
    );
    copies(bytes);
    keys(bytes);
    events(bytes);
    relocations(bytes);
    if let Some(request) = stable::<pb::RegisterNodeRequest>(bytes) {
        let _ = convert::read_start(request.start);
    }
}

/// What is said of copies, between them, and of the operations on them.
fn copies(bytes: &[u8]) {
    plain!(
        bytes,
        ReplicasRequest,
        ReplicasReply,
        MoveShardRequest,
        FailoverShardRequest,
        VerifyShardRequest,
        RepairShardRequest,
        SetSurvivalRequest,
        SimulateRequest,
        ListOperationsRequest,
        ListOperationsReply,
        GetOperationRequest,
        GetOperationReply,
        ChangeOperationRequest,
        OperationReply,
        ReplicationBatch,
        ReplicationReply,
        UserKeyReply,
        TokenKeyReply,
    );
}

/// What a node asks the one that serves a home's keys.
fn keys(bytes: &[u8]) {
    let world = platform_model::WorldId::new(&"5f".repeat(32)).expect("64 hex digits");
    if let Some(request) = stable::<pb::UserKeyRequest>(bytes)
        && let Ok(asked) = platform_wire::keys::user_key_of(request, &world)
    {
        let row = asked.fresh.map_or(0, |row| row.len());
        assert!(row <= platform_wire::keys::ROW_BYTES_MAX);
    }
    if let Some(request) = stable::<pb::TokenKeyRequest>(bytes)
        && let Ok(asked) = platform_wire::keys::token_key_of(request, &world)
    {
        assert!(asked.wrapped.len() <= platform_wire::keys::ROW_BYTES_MAX);
    }
}

/// What nodes bring each other of events, and what people at work ask of those that were not taken.
fn events(bytes: &[u8]) {
    use platform_wire::events;
    plain!(
        bytes,
        DeliverReply,
        DeclineReply,
        ListParkedReply,
        SettleParkedReply
    );
    let world = platform_model::WorldId::new(&"5f".repeat(32)).expect("64 hex digits");
    if let Some(request) = stable::<pb::DeliverRequest>(bytes)
        && let Ok(asked) = events::deliver_of(request, &world)
    {
        assert!((1..=events::DELIVERIES_MAX).contains(&asked.deliveries.len()));
        let longest = asked.deliveries.iter().map(|one| one.message.len()).max();
        assert!(longest.unwrap_or(0) <= events::MESSAGE_BYTES_MAX);
    }
    if let Some(request) = stable::<pb::DeclineRequest>(bytes)
        && let Ok(asked) = events::decline_of(&request, &world)
    {
        assert!(asked.source.home().is_some() && asked.target.home().is_some());
    }
    if let Some(request) = stable::<pb::ListParkedRequest>(bytes) {
        let _ = events::list_parked_of(&request, &world);
    }
    if let Some(request) = stable::<pb::DecideRequest>(bytes)
        && let Ok(asked) = platform_wire::directory::decide_of(request, &world)
    {
        assert!(asked.target.home().is_some() && asked.directory.home().is_none());
    }
    if let Some(request) = stable::<pb::HeldRequest>(bytes)
        && let Ok(asked) = platform_wire::directory::held_of(request, &world)
    {
        assert!(asked.target.home().is_some() && asked.directory.home().is_none());
    }
    if let Some(reply) = stable::<pb::HeldReply>(bytes)
        && let Ok(page) = platform_wire::directory::HeldPage::try_from(reply)
    {
        assert!(page.claims.len() <= platform_wire::directory::HELD_MAX);
    }
    if let Some(request) = stable::<pb::SettleParkedRequest>(bytes)
        && let Ok(settle) = events::settle_parked_of(request, &world)
    {
        assert!(!settle.id.is_empty() && !settle.reason.trim().is_empty());
    }
}

/// What is said of people who change home, between nodes and by people at work.
fn relocations(bytes: &[u8]) {
    use platform_wire::relocation::{self, Step};
    plain!(bytes, TakeReply, EntryReply, RelocationReply);
    let world = platform_model::WorldId::new(&"5f".repeat(32)).expect("64 hex digits");
    if let Some(request) = stable::<pb::TakeRequest>(bytes)
        && let Ok((target, _, take)) = relocation::take_of(request, &world)
    {
        assert!(target.home().is_some() && target != take.source);
        if let Step::Part(rows) = take.step {
            assert!((1..=relocation::ROWS_MAX).contains(&rows.len()));
        }
    }
    if let Some(request) = stable::<pb::EntryStep>(bytes)
        && let Ok(asked) = relocation::entry_of(request, &world)
    {
        assert!(asked.asked.shard.home().is_none());
    }
    if let Some(request) = stable::<pb::BeginRelocation>(bytes)
        && let Ok(asked) = relocation::begin_of(request, &world)
    {
        assert!(asked.reason.len() <= relocation::TEXT_BYTES_MAX);
    }
    if let Some(request) = stable::<pb::NameRelocation>(bytes)
        && let Ok((_, _, reason)) = relocation::named_of(request, &world)
    {
        assert!(reason.len() <= relocation::TEXT_BYTES_MAX);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let spec = pb::WorldSpec::from(&WorldSpec::dev("meridian.example"));
    let home = spec.homes.first().cloned();
    let init = pb::InitWorldRequest {
        spec: Some(spec),
        ..pb::InitWorldRequest::default()
    };
    let create = pb::CreateHomeRequest {
        home,
        ..pb::CreateHomeRequest::default()
    };
    let register = pb::RegisterNodeRequest {
        node: "eu-central-1/0".into(),
        address: "127.0.0.1:7200".into(),
        start: Some(pb::Start {
            incarnation: 3,
            ..pb::Start::default()
        }),
        ..pb::RegisterNodeRequest::default()
    };
    let delivery = pb::Delivery {
        to: vec![1; 16],
        from: vec![2; 16],
        domain: "training".into(),
        name: "workout_shared".into(),
        event_version: 1,
        message: vec![10, 1, 7],
        classes: vec![pb::FieldClass { tag: 1, class: 9 }],
        ..pb::Delivery::default()
    };
    let deliver = pb::DeliverRequest {
        version: 1,
        world: "5f".repeat(32),
        source: "us/us-east/001".into(),
        target: "eu/eu-central/000".into(),
        deliveries: vec![delivery],
        ..pb::DeliverRequest::default()
    };
    vec![
        init.encode_to_vec(),
        create.encode_to_vec(),
        register.encode_to_vec(),
        deliver.encode_to_vec(),
    ]
}

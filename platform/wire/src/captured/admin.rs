//! What operators ask of the controllers.

use platform_model::CellState;

use super::{reply, request, world};
use crate::admin::{AuthoritySpec, CellSpec, HomeSpec, WorldSpec};
use crate::convert::cell_state;
use crate::pb;

const NEW: &str = "new";

fn cell() -> CellSpec {
    CellSpec {
        id: "eu-central-1".parse().expect("a cell"),
        region: "eu-central".parse().expect("a region"),
    }
}

fn home() -> HomeSpec {
    HomeSpec {
        id: "eu/eu-central".parse().expect("a home"),
        shard_count: 8,
        host: "eu-central.eu.meridian.test".into(),
        cell: cell().id,
    }
}

fn authority() -> AuthoritySpec {
    AuthoritySpec {
        jurisdiction: "eu".parse().expect("a place"),
        shard_count: 4,
        cell: cell().id,
    }
}

fn member() -> pb::Member {
    pb::Member {
        id: 2,
        address: "127.0.0.1:7".into(),
    }
}

#[test]
fn what_makes_a_world_is_read_and_written_the_same() {
    let country = ("DE".parse().expect("a country"), authority().jurisdiction);
    let spec = WorldSpec {
        common_host: "meridian.test".into(),
        countries: [country].into(),
        cells: vec![cell()],
        homes: vec![home()],
        authorities: vec![authority()],
    };
    let init = pb::InitWorldRequest {
        version: 1,
        world: world(),
        spec: Some((&spec).into()),
    };
    request(
        &init,
        "\
            1a89010a0d6d6572696469616e2e7465737412080a024445120265751a1a0a0c65752d63656e7472616c2d31120a6575\
            2d63656e7472616c223c0a0d65752f65752d63656e7472616c10081a1b65752d63656e7472616c2e65752e6d65726964\
            69616e2e74657374220c65752d63656e7472616c2d312a140a02657510041a0c65752d63656e7472616c2d31",
    );
    let create = pb::CreateHomeRequest {
        version: 1,
        world: world(),
        home: Some((&home()).into()),
        reason: NEW.into(),
    };
    request(
        &create,
        "\
            1a3c0a0d65752f65752d63656e7472616c10081a1b65752d63656e7472616c2e65752e6d6572696469616e2e74657374\
            220c65752d63656e7472616c2d3122036e6577",
    );
    let create = pb::CreateCellRequest {
        version: 1,
        world: world(),
        cell: Some((&cell()).into()),
        reason: NEW.into(),
    };
    request(
        &create,
        "1a1a0a0c65752d63656e7472616c2d31120a65752d63656e7472616c22036e6577",
    );
    let create = pb::CreateAuthorityRequest {
        version: 1,
        world: world(),
        authority: Some((&authority()).into()),
        reason: NEW.into(),
    };
    request(&create, "1a140a02657510041a0c65752d63656e7472616c2d3122036e6577");
}

#[test]
fn what_changes_a_world_is_read_and_written_the_same() {
    let country = pb::SetCountryRequest {
        version: 1,
        world: world(),
        country: Some(pb::Country {
            code: "DE".into(),
            jurisdiction: "eu".into(),
        }),
        reason: NEW.into(),
    };
    request(&country, "1a080a0244451202657522036e6577");
    let state = pb::SetCellStateRequest {
        version: 1,
        world: world(),
        cell: "eu-central-1".into(),
        state: cell_state(CellState::Cordoned).into(),
        expected: 6,
        reason: "sick".into(),
    };
    request(&state, "1a0c65752d63656e7472616c2d312002280632047369636b");
    let place = pb::PlaceShardRequest {
        version: 1,
        world: world(),
        shard: "eu/eu-central/007".into(),
        cell: "eu-central-1".into(),
        expected: 6,
        reason: "first".into(),
    };
    request(
        &place,
        "\
            1a1165752f65752d63656e7472616c2f303037220c65752d63656e7472616c2d31280632056669727374",
    );
    let done = pb::CommandReply {
        version: 1,
        sequence: 11,
        generation: 5,
    };
    reply(&done, "100b1805");
}

#[test]
fn changes_of_the_controllers_are_read_and_written_the_same() {
    let add = pb::AddMemberRequest {
        version: 1,
        world: world(),
        member: Some(member()),
        reason: String::new(),
    };
    request(&add, "1a0f0802120b3132372e302e302e313a37");
    let remove = pb::RemoveMemberRequest {
        version: 1,
        world: world(),
        id: 2,
        reason: String::new(),
    };
    request(&remove, "1802");
    let voters = pb::MembersReply {
        version: 1,
        voters: vec![member()],
    };
    reply(&voters, "120f0802120b3132372e302e302e313a37");
}

#[test]
fn a_status_is_read_and_written_the_same() {
    let asked = pb::StatusRequest {
        version: 1,
        world: world(),
        local: true,
        digest: false,
    };
    request(&asked, "1801");
    let status = pb::StatusReply {
        version: 1,
        world: world(),
        controller: "c1".into(),
        controller_id: 1,
        initialized: true,
        world_made: true,
        leader: Some(pb::Leader {
            id: 1,
            address: "127.0.0.1:6".into(),
        }),
        members: vec![member()],
        table: Some(pb::Table {
            world: world(),
            generation: 2,
            ..pb::Table::default()
        }),
        reports: vec![pb::NodeReport {
            node: "eu-central-1/0".into(),
            incarnation: 3,
            table_generation: 5,
            shards_open: 2,
            age_ms: 900,
        }],
        shards: vec![pb::ShardRecord {
            shard: "eu/eu-central/007".into(),
            generation: 6,
            epoch: 4,
            cell: "eu-central-1".into(),
            primary: "eu-central-1/0".into(),
        }],
        cells: vec![pb::CellRecord {
            cell: "eu-central-1".into(),
            generation: 6,
        }],
        insight: None,
        automation: None,
        copies: Vec::new(),
        recovering: None,
    };
    request(
        &status,
        "\
            1a0263312001280130013a0f0801120b3132372e302e302e313a36420f0802120b3132372e302e302e313a374a440a40\
            303132333435363738396162636465663031323334353637383961626364656630313233343536373839616263646566\
            30313233343536373839616263646566100252190a0e65752d63656e7472616c2d312f301003180520022884075a350a\
            1165752f65752d63656e7472616c2f30303710061804220c65752d63656e7472616c2d312a0e65752d63656e7472616c\
            2d312f3062100a0c65752d63656e7472616c2d311006",
    );
}

#[test]
fn what_came_later_is_read_and_written_the_same() {
    let pause = pb::SetAutomationRequest {
        version: 1,
        world: world(),
        paused: true,
        expected: 6,
        reason: NEW.into(),
    };
    request(&pause, "180120062a036e6577");
    let judge = pb::DryRunRequest {
        version: 1,
        world: world(),
        command: Some(
            pb::SetAutomationRequest {
                version: 0,
                world: String::new(),
                ..pause
            }
            .into(),
        ),
    };
    request(&judge, "ba0509180120062a036e6577");
    let asked = pb::StatusRequest {
        version: 1,
        world: world(),
        local: false,
        digest: true,
    };
    request(&asked, "800501");
}

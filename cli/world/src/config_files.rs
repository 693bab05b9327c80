//! The configuration file of each process of a development world, in the shape that its server reads.

use std::path::PathBuf;

use anyhow::Result;
use platform_model::{Jurisdiction, WorldId};
use serde::Serialize;

use super::disk;
use super::layout::Layout;
use super::own_context;
use super::ports::Ports;
use super::seats::{Seat, SeatKind, places, seats};
use super::sharing::Sharing;

/// Human readers: `cellctl dev logs` shows the log as it is.
const LOG_FORMAT: &str = "human";

#[derive(Serialize)]
struct Controld {
    world: String,
    id: u64,
    data_dir: PathBuf,
    identity_dir: PathBuf,
    listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertise: Option<String>,
    peers: Vec<String>,
    trust: Trust,
    log: Log,
}

#[derive(Serialize)]
struct Trust {
    issuer_dir: PathBuf,
    join_listen: &'static str,
}

#[derive(Serialize)]
struct Celld {
    world: String,
    node: String,
    region: String,
    data_dir: PathBuf,
    identity_dir: PathBuf,
    listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertise: Option<String>,
    controllers: Vec<String>,
    keys: Keys,
    backup: Backup,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<Store>,
    log: Log,
}

/// Of a cell whose nodes share a cluster on this machine.
#[derive(Serialize)]
struct Store {
    engine: &'static str,
    pd: Vec<String>,
    plaintext: bool,
}

#[derive(Serialize)]
struct Keys {
    lookup_key_file: PathBuf,
    jurisdiction_key_dir: PathBuf,
}

#[derive(Serialize)]
struct Backup {
    folder: PathBuf,
    sink: String,
    log_seconds: u32,
}

#[derive(Serialize)]
struct Routerd {
    world: String,
    data_dir: PathBuf,
    controllers: Vec<String>,
    apps: Apps,
    internal: Internal,
    log: Log,
}

#[derive(Serialize)]
struct Apps {
    listen: String,
    certificate_dir: PathBuf,
}

#[derive(Serialize)]
struct Internal {
    listen: String,
    identity_dir: PathBuf,
}

#[derive(Serialize)]
struct Log {
    format: &'static str,
    filter: &'static str,
}

/// Writes the file of every seat.
///
/// # Errors
/// What the file system says.
pub fn write_all(layout: &Layout, world: &WorldId, ports: &Ports) -> Result<()> {
    for seat in seats() {
        disk::create_folder(&layout.seat(&seat))?;
        disk::write(
            &layout.config(&seat),
            text(layout, world, ports, &seat).as_bytes(),
        )?;
    }
    own_context::write(layout, world, ports)
}

/// The file of one seat.
pub fn text(layout: &Layout, world: &WorldId, ports: &Ports, seat: &Seat) -> String {
    let written = match &seat.kind {
        SeatKind::Controller(id) => toml::to_string(&controld(layout, world, ports, seat, *id)),
        SeatKind::Node(node) => toml::to_string(&celld(layout, world, ports, seat, node.to_string())),
        SeatKind::Router(_) => toml::to_string(&routerd(layout, world, ports, seat)),
    };
    written.expect("plain values before sections: TOML can say it")
}

fn controld(layout: &Layout, world: &WorldId, ports: &Ports, seat: &Seat, id: u64) -> Controld {
    let peers = seats().into_iter().filter_map(|seat| match seat.kind {
        SeatKind::Controller(id) => Some(format!("{id}@{}", ports.address(&seat))),
        _ => None,
    });
    Controld {
        world: world.to_string(),
        id,
        data_dir: layout.data(seat),
        identity_dir: layout.identity(seat),
        listen: listen(ports, seat),
        advertise: advertise(ports, seat),
        peers: peers.collect(),
        trust: Trust {
            issuer_dir: layout.issuer(seat),
            // Kept over restarts, in the data directory.
            join_listen: "127.0.0.1:0",
        },
        log: Log {
            format: LOG_FORMAT,
            filter: "info,openraft=error",
        },
    }
}

fn listen(ports: &Ports, seat: &Seat) -> String {
    if !ports.knows(seat) {
        // Kept over restarts, in the data directory.
        return "127.0.0.1:0".to_owned();
    }
    ports.behind(seat).unwrap_or_else(|| ports.address(seat))
}

/// Said only where it differs from where the process listens.
fn advertise(ports: &Ports, seat: &Seat) -> Option<String> {
    ports.behind(seat).map(|_| ports.address(seat))
}

fn celld(layout: &Layout, world: &WorldId, ports: &Ports, seat: &Seat, node: String) -> Celld {
    let keys = Keys {
        lookup_key_file: layout.node_secrets(seat).join(Layout::LOOKUP_KEY_FILE),
        jurisdiction_key_dir: layout.node_secrets(seat),
    };
    let jurisdiction = jurisdiction_of(seat);
    let backup = Backup {
        folder: layout.backups(&jurisdiction),
        sink: format!("backup-{jurisdiction}"),
        // Whoever looks on does not wait for long.
        log_seconds: 1,
    };
    Celld {
        world: world.to_string(),
        node,
        region: seat.region.to_string(),
        data_dir: layout.data(seat),
        identity_dir: layout.identity(seat),
        listen: listen(ports, seat),
        advertise: advertise(ports, seat),
        controllers: ports.controllers(),
        keys,
        backup,
        store: Sharing::of(layout)
            .filter(|_| Sharing::is_for(seat))
            .map(|sharing| Store {
                engine: "tikv",
                pd: sharing.pd,
                plaintext: true,
            }),
        log: Log {
            format: LOG_FORMAT,
            filter: "info",
        },
    }
}

/// Of the home in whose region a node stands.
fn jurisdiction_of(seat: &Seat) -> Jurisdiction {
    let places = places();
    let place = places.iter().find(|place| place.region == seat.region);
    place
        .expect("every node stands in the region of a home")
        .home
        .jurisdiction
        .clone()
}

fn routerd(layout: &Layout, world: &WorldId, ports: &Ports, seat: &Seat) -> Routerd {
    Routerd {
        world: world.to_string(),
        data_dir: layout.data(seat),
        controllers: ports.controllers(),
        apps: Apps {
            listen: ports.address(seat),
            certificate_dir: layout.public_identity(seat),
        },
        internal: Internal {
            listen: ports.internal_address(seat),
            identity_dir: layout.identity(seat),
        },
        // The access log would be a line for each of thousands of requests.
        log: Log {
            format: LOG_FORMAT,
            filter: "info,access=warn",
        },
    }
}

/// The jurisdictions whose keys a seat may hold: those of the homes in its region.
pub fn jurisdictions_of(seat: &Seat) -> Vec<Jurisdiction> {
    let places = super::seats::places().into_iter();
    places
        .filter(|place| place.region == seat.region)
        .map(|place| place.home.jurisdiction)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each file as its server would read it, with the ports replaced by their listeners' names.
    #[test]
    fn each_server_gets_what_it_must_know_and_nothing_else() {
        let layout = Layout::new("/w");
        let world = WorldId::new(&"a".repeat(64)).expect("an id");
        let ports = Ports::choose(None).expect("free ports");
        let all: String = seats()
            .iter()
            .filter(|seat| {
                matches!(
                    seat.to_string().as_str(),
                    "controld-2" | "celld-us-east-1" | "routerd-1"
                )
            })
            .map(|seat| format!("# {seat}\n{}\n", text(&layout, &world, &ports, seat)))
            .collect();
        let mut shown = all.replace(&"a".repeat(64), "WORLD");
        for seat in seats() {
            shown = shown.replace(&ports.address(&seat), &format!("ADDRESS-OF-{seat}"));
            if matches!(seat.kind, SeatKind::Router(_)) {
                shown = shown.replace(&ports.internal_address(&seat), &format!("INTERNAL-OF-{seat}"));
            }
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_cell_holds_only_the_keys_of_its_own_jurisdiction() {
        for seat in seats() {
            let held: Vec<String> = jurisdictions_of(&seat).iter().map(ToString::to_string).collect();
            let expected = if seat.region.as_str().starts_with("us") {
                "us"
            } else {
                "eu"
            };
            assert_eq!(held, [expected], "{seat}");
        }
    }
}

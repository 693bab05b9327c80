//! Which port each listener of a world has: chosen once, kept over restarts, on the loopback only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};
use platform_runtime::{files, random};

use super::disk;
use super::layout::Layout;
use super::seats::{Seat, SeatKind, seats};
use crate::exit::Hinted;

/// Ports are taken from here: below the range from which Linux gives ports to outgoing connections, so that none of
/// those sits on a port while its process restarts.
const RANGE: std::ops::Range<u16> = 20_000..32_000;
/// Tries before the machine is said to have no free port.
const TRIES_MAX: u32 = 1_000;

/// Name of a listener -> port. A seat's main listener is named like the seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(BTreeMap<String, u16>);

impl Ports {
    /// Free ports for every listener of a new world; the router's door gets `door` if one is wanted.
    ///
    /// # Errors
    /// When the machine has no free ports left.
    pub fn choose(door: Option<u16>) -> Result<Self> {
        let (mut chosen, mut taken) = (BTreeMap::new(), BTreeSet::from_iter(door));
        for seat in seats() {
            for name in listeners(&seat) {
                let wanted =
                    door.filter(|_| name == seat.to_string() && matches!(seat.kind, SeatKind::Router(_)));
                let port = wanted.map_or_else(|| free_port(&taken), Ok)?;
                taken.insert(port);
                chosen.insert(name, port);
            }
        }
        Ok(Self(chosen))
    }

    /// As [`Self::choose`], with a second port for every node and controller: what others dial is a proxy's, which
    /// whoever has the world keeps, and the process listens behind it.
    ///
    /// # Errors
    /// When the machine has no free ports left.
    pub fn choose_behind_proxies() -> Result<Self> {
        let mut ports = Self::choose(None)?;
        for seat in seats()
            .iter()
            .filter(|seat| !matches!(seat.kind, SeatKind::Router(_)))
        {
            let port = free_port(&ports.0.values().copied().collect())?;
            ports.0.insert(behind(seat), port);
        }
        Ok(ports)
    }

    /// # Errors
    /// When the file is missing or does not name every listener.
    pub fn load(layout: &Layout) -> Result<Self> {
        let path = layout.ports();
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let ports =
            Self(serde_json::from_slice(&text).with_context(|| format!("{} is damaged", path.display()))?);
        for name in seats().iter().flat_map(listeners) {
            if !ports.0.contains_key(&name) {
                let message = format!("{} has no port for {name}", path.display());
                return Err(Hinted::new(message, &["cellctl dev down --destroy"]).into());
            }
        }
        Ok(ports)
    }

    /// # Errors
    /// What the file system says.
    pub fn save(&self, layout: &Layout) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.0)?;
        let path = layout.ports();
        disk::at(&path, files::write_atomic(&path, &text, files::PUBLIC))
    }

    /// Whether a port is kept for the seat: those of every world have one, others take a free one.
    pub fn knows(&self, seat: &Seat) -> bool {
        self.0.contains_key(&seat.to_string())
    }

    /// The port of the seat's main listener.
    pub fn of(&self, seat: &Seat) -> u16 {
        self.named(&seat.to_string())
    }

    /// `127.0.0.1:PORT` at which the seat's process itself listens, where a proxy stands before it.
    pub fn behind(&self, seat: &Seat) -> Option<String> {
        let port = self.0.get(&behind(seat))?;
        Some(format!("{}:{port}", Ipv4Addr::LOCALHOST))
    }

    /// `127.0.0.1:PORT` at which others reach the seat.
    pub fn address(&self, seat: &Seat) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.of(seat))
    }

    /// `127.0.0.1:PORT` of a router's listener for health and metrics.
    pub fn internal_address(&self, seat: &Seat) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.named(&internal(seat)))
    }

    /// Addresses of all controllers.
    pub fn controllers(&self) -> Vec<String> {
        let controllers = seats()
            .into_iter()
            .filter(|seat| matches!(seat.kind, SeatKind::Controller(_)));
        controllers.map(|seat| self.address(&seat)).collect()
    }

    /// Whether every port of a seat that does not run is free.
    ///
    /// # Errors
    /// Names the port, who wants it, who has it if that can be seen, and the command that shows it.
    pub fn check_free(&self, seat: &Seat) -> Result<()> {
        let hidden = self.0.contains_key(&behind(seat)).then(|| vec![behind(seat)]);
        for name in hidden.unwrap_or_else(|| listeners(seat)) {
            let port = self.named(&name);
            if !is_free(port) {
                return Err(taken(port, &name).into());
            }
        }
        Ok(())
    }

    fn named(&self, name: &str) -> u16 {
        *self
            .0
            .get(name)
            .expect("every listener has a port: checked when the file was read")
    }
}

fn taken(port: u16, name: &str) -> Hinted {
    let message = format!("port {port} is in use by another process, and {name} of this world listens there");
    let who = format!("ss -ltnp 'sport = :{port}'   shows which process it is");
    let hints = [
        who.as_str(),
        "cellctl dev down --destroy   gives up this world and its ports",
    ];
    Hinted::new(message, &hints)
}

/// Names of the listeners of a seat, the main one first.
fn listeners(seat: &Seat) -> Vec<String> {
    match seat.kind {
        SeatKind::Router(_) => vec![seat.to_string(), internal(seat)],
        SeatKind::Controller(_) | SeatKind::Node(_) => vec![seat.to_string()],
    }
}

fn internal(seat: &Seat) -> String {
    format!("{seat}-internal")
}

fn behind(seat: &Seat) -> String {
    format!("{seat}-behind")
}

fn free_port(taken: &BTreeSet<u16>) -> Result<u16> {
    let span = u64::from(RANGE.end - RANGE.start);
    for _ in 0..TRIES_MAX {
        let offset = u16::try_from(random::below(span)).expect("the range is one of ports");
        let port = RANGE.start + offset;
        if !taken.contains(&port) && is_free(port) {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port between {} and {}", RANGE.start, RANGE.end)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> (tempfile::TempDir, Layout) {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        (dir, layout)
    }

    #[test]
    fn ports_are_kept_and_differ() {
        let (_dir, layout) = layout();
        let ports = Ports::choose(None).expect("free ports");
        ports.save(&layout).expect("saved");
        assert_eq!(Ports::load(&layout).expect("loads"), ports);
        let all: BTreeSet<u16> = ports.0.values().copied().collect();
        assert_eq!(
            all.len(),
            8,
            "three controllers, three nodes, a door, its inside: {ports:?}"
        );
    }

    #[test]
    fn the_door_gets_the_port_that_was_asked_for() {
        let ports = Ports::choose(Some(8_443)).expect("free ports");
        let router = seats().pop().expect("the router is the last");
        assert_eq!(ports.of(&router), 8_443);
        assert_ne!(ports.internal_address(&router), "127.0.0.1:8443");
    }

    #[test]
    fn behind_a_proxy_only_the_hidden_port_must_be_free() {
        let ports = Ports::choose_behind_proxies().expect("free ports");
        let seat = &seats()[0];
        let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.of(seat))).expect("free");
        ports.check_free(seat).expect("the proxy is in nobody's way");
        let hidden = ports.behind(seat).expect("a port of its own");
        assert_ne!(hidden, ports.address(seat));
        let _held = TcpListener::bind(hidden).expect("free");
        assert!(ports.check_free(seat).is_err());
        drop(proxy);
        let router = seats().pop().expect("the router is the last");
        assert_eq!(ports.behind(&router), None);
    }

    #[test]
    fn a_taken_port_is_named_with_the_command_that_shows_who_has_it() {
        let ports = Ports::choose(None).expect("free ports");
        let seat = &seats()[0];
        ports.check_free(seat).expect("free");
        let _held = TcpListener::bind((Ipv4Addr::LOCALHOST, ports.of(seat))).expect("free");
        let error = ports.check_free(seat).expect_err("taken");
        let hinted = error.downcast_ref::<Hinted>().expect("with hints");
        assert!(
            hinted
                .message
                .contains(&format!("port {} is in use", ports.of(seat))),
            "{hinted}"
        );
        assert!(hinted.hints[0].starts_with(&format!("ss -ltnp 'sport = :{}'", ports.of(seat))));
    }

    #[test]
    fn a_file_that_misses_a_listener_is_refused_by_name() {
        let (_dir, layout) = layout();
        fs::write(layout.ports(), r#"{"controld-1": 1}"#).expect("written");
        let error = Ports::load(&layout).expect_err("incomplete");
        assert!(error.to_string().contains("controld-2"), "{error}");
    }
}

//! Which process of a world is at the other end of a connection on this machine: by the tables of the kernel.

use std::fs;
use std::net::SocketAddr;

use cli_world::seats::seats;
use cli_world::{Layout, Process, State};

/// The name of the seat whose process holds the socket that is bound to this address; none for anyone else.
pub fn is_at(layout: &Layout, address: SocketAddr) -> Option<String> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let inode = inode_of(&table, address)?;
    let holds = |pid: i32| holds_socket(pid, inode);
    let seat = seats()
        .into_iter()
        .find(|seat| match Process::state(layout, seat) {
            State::Running(process) => holds(process.pid),
            State::Stale(_) | State::Stopped => false,
        });
    seat.map(|seat| seat.to_string())
}

/// The inode of the socket with this local address, as `/proc/net/tcp` lists it.
fn inode_of(table: &str, address: SocketAddr) -> Option<u64> {
    let SocketAddr::V4(address) = address else {
        return None;
    };
    let ip = u32::from_le_bytes(address.ip().octets());
    let wanted = format!("{ip:08X}:{:04X}", address.port());
    let row = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|fields| fields.get(1).is_some_and(|local| *local == wanted))?;
    row.get(9)?.parse().ok()
}

fn holds_socket(pid: i32, inode: u64) -> bool {
    let wanted = format!("socket:[{inode}]");
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    files
        .filter_map(Result::ok)
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|target| target.as_os_str() == wanted.as_str())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_socket_of_this_process_is_found_by_its_address() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let stream = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let table = fs::read_to_string("/proc/net/tcp").expect("Linux");
        let inode = inode_of(&table, stream.local_addr().expect("bound")).expect("listed");
        let pid = i32::try_from(std::process::id()).expect("a pid");
        assert!(holds_socket(pid, inode));
        assert!(!holds_socket(pid, inode + 1_000_000_000));
    }
}

//! Makes the files of a new world: authority, certificates, secrets, ports, configurations. Starts nothing.
//!
//! The label comes last; until then the folder says that it is unfinished, and the next attempt begins anew.

use std::fs;

use anyhow::{Context, Result};
use platform_model::{RegionId, WorldId};
use platform_runtime::random;
use platform_runtime::tls::authority::Authority;

use super::config_files::{self, jurisdictions_of};
use super::disk;
use super::folder;
use super::layout::Layout;
use super::people::PEOPLE;
use super::ports::Ports;
use super::seats::{COMMON_HOST, Seat, SeatKind, places, seats};
use super::trust;

/// Bytes of every key.
const KEY_BYTES: usize = 32;

/// Makes a world in an empty folder, or in one where an earlier attempt was broken off. `door`: the router's port.
///
/// # Errors
/// What the file system says. The folder is then unfinished, and a second call begins anew.
pub fn make(layout: &Layout, door: Option<u16>) -> Result<WorldId> {
    make_at(layout, || Ports::choose(door))
}

/// As [`make`], with a proxy before every node and controller ([`Ports::choose_behind_proxies`]).
///
/// # Errors
/// As [`make`].
pub fn make_behind_proxies(layout: &Layout) -> Result<WorldId> {
    make_at(layout, Ports::choose_behind_proxies)
}

fn make_at(layout: &Layout, choose: impl Fn() -> Result<Ports>) -> Result<WorldId> {
    clear_unfinished(layout)?;
    disk::create_folder(layout.root())?;
    disk::write(
        &layout.unfinished(),
        b"A world is being made here, or its making was broken off.\n",
    )?;
    let authority = Authority::create(&layout.authority())?;
    let world = authority.world();
    make_secrets(layout)?;
    issue_people(layout, &authority)?;
    trust::refresh(layout, &world, &seats())?;
    for seat in seats() {
        issue_public(layout, &authority, &seat)?;
    }
    let ports = choose()?;
    ports.save(layout)?;
    config_files::write_all(layout, &world, &ports)?;
    folder::label(layout, &world)?;
    let unfinished = layout.unfinished();
    disk::at(&unfinished, fs::remove_file(&unfinished))?;
    Ok(world)
}

/// Takes away what an earlier attempt left; nothing ever ran there.
fn clear_unfinished(layout: &Layout) -> Result<()> {
    if !layout.unfinished().exists() {
        return Ok(());
    }
    let made = seats().into_iter().map(|seat| layout.seat(&seat));
    for folder in made.chain([
        layout.authority(),
        layout.operator(),
        layout.people(),
        layout.secrets(),
    ]) {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    Ok(())
}

/// The world's secrets, and each node's copy of those that it may hold.
fn make_secrets(layout: &Layout) -> Result<()> {
    let jurisdictions = places().into_iter().map(|place| place.home.jurisdiction);
    let names = jurisdictions.map(|jurisdiction| Layout::jurisdiction_key_file(&jurisdiction));
    disk::create_folder(&layout.secrets())?;
    for name in names.chain([Layout::LOOKUP_KEY_FILE.to_owned()]) {
        disk::write_private(&layout.secrets().join(name), &random::bytes::<KEY_BYTES>())?;
    }
    for seat in seats().iter().filter(|seat| seat.node().is_some()) {
        give_secrets(layout, seat)?;
    }
    Ok(())
}

/// A node's copies of the secrets that it may hold.
pub(crate) fn give_secrets(layout: &Layout, seat: &Seat) -> Result<()> {
    let own = jurisdictions_of(seat);
    let own = own.iter().map(Layout::jurisdiction_key_file);
    disk::create_folder(&layout.node_secrets(seat))?;
    for name in own.chain([Layout::LOOKUP_KEY_FILE.to_owned()]) {
        let path = layout.secrets().join(&name);
        let key = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        disk::write_private(&layout.node_secrets(seat).join(name), &key)?;
    }
    Ok(())
}

/// What apps see at the router's door.
fn issue_public(layout: &Layout, authority: &Authority, seat: &Seat) -> Result<()> {
    if matches!(seat.kind, SeatKind::Router(_)) {
        authority.issue_public(&public_names(), trust::DEV_DAYS, &layout.public_identity(seat))?;
    }
    Ok(())
}

/// Names under which apps reach the door.
fn public_names() -> Vec<String> {
    let homes = places()
        .into_iter()
        .map(|place| format!("{}.{COMMON_HOST}", place.home.host_label()));
    let own = [COMMON_HOST, "localhost", "127.0.0.1"].map(str::to_owned);
    own.into_iter().chain(homes).collect()
}

/// The certificates with which people speak to the controllers.
fn issue_people(layout: &Layout, authority: &Authority) -> Result<()> {
    let region: RegionId = places().swap_remove(0).region;
    for person in PEOPLE {
        let into = person.identity(layout);
        trust::make_person(
            authority,
            (person.role, person.name),
            &region,
            trust::DEV_DAYS,
            &into,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use platform_model::Role;
    use platform_runtime::tls::Identity;

    use super::*;

    #[test]
    fn a_new_world_has_an_identity_for_everyone_and_private_secrets() {
        platform_runtime::tls::install_ring();
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("new"));
        let world = make(&layout, None).expect("made");
        for seat in seats() {
            let identity = Identity::load(&layout.identity(&seat), &world).expect("loads");
            assert_eq!(identity.spiffe_id(), seat.spiffe_id(world.trust_domain()));
        }
        let operator = Identity::load(&layout.operator(), &world).expect("loads");
        assert_eq!(operator.spiffe_id().role(), Role::Sre);
        for person in PEOPLE {
            let identity = Identity::load(&person.identity(&layout), &world).expect("loads");
            assert_eq!(identity.spiffe_id().role(), person.role);
        }
        for file in fs::read_dir(layout.secrets()).expect("secrets") {
            let mode = file
                .expect("a file")
                .metadata()
                .expect("its mode")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_a_seat_lacks_or_what_is_old_is_made_anew_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("new"));
        let world = make(&layout, None).expect("made");
        let certificate =
            |seat: &Seat| fs::read(layout.identity(seat).join("cert.pem")).expect("a certificate");
        let before: Vec<_> = seats().iter().map(certificate).collect();
        trust::refresh(&layout, &world, &seats()).expect("nothing to do");
        assert_eq!(seats().iter().map(certificate).collect::<Vec<_>>(), before);
        // An authority from which the root was taken away serves on.
        fs::remove_file(layout.authority().join("ca-key.pem")).expect("taken away");
        let node = crate::seats::seat_named("celld-us-east-1").expect("a seat");
        fs::remove_file(layout.identity(&node).join("cert.pem")).expect("lost");
        trust::refresh(&layout, &world, &seats()).expect("made anew");
        let identity = Identity::load(&layout.identity(&node), &world).expect("loads");
        assert_eq!(identity.spiffe_id(), node.spiffe_id(world.trust_domain()));
    }

    #[test]
    fn a_node_of_one_jurisdiction_has_no_key_of_another() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("new"));
        make(&layout, None).expect("made");
        let us = crate::seats::seat_named("celld-us-east-1").expect("a seat");
        let mut names: Vec<_> = fs::read_dir(layout.node_secrets(&us))
            .expect("secrets")
            .map(|file| file.expect("a file").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        assert_eq!(names, ["jurisdiction-us.key", "lookup.key"]);
    }

    #[test]
    fn a_broken_attempt_is_begun_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path().join("new"));
        let first = make(&layout, None).expect("made");
        fs::write(layout.unfinished(), "").expect("written");
        let second = make(&layout, None).expect("made anew");
        assert_ne!(first, second);
        assert!(!layout.unfinished().exists());
    }
}

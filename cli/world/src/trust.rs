//! Who is who in a world that is being made: the root, a controller's own authority, certificates for processes and for
//! people. Used by `world init` for a world that matters and by `dev up` for one on this machine.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use platform_model::{RegionId, Role, WorldId};
use platform_runtime::clock::Clock;
use platform_runtime::tls::authority::Authority;
use platform_runtime::tls::{Identity, Issuer, SpiffeId, SpiffeKind};
use platform_wire::renew;

use super::layout::Layout;
use super::seats::{Seat, SeatKind, seats};

/// Life of a process's certificate: twice the longest outage of the controllers that a world must live through.
pub const PROCESS_LIFE: Duration = Duration::from_secs(14 * 86_400);
/// Life of a person's certificate, in days: it is made by hand, from the root.
pub const PERSON_DAYS: u32 = 90;
/// Life of a controller's authority, in days.
const ISSUER_DAYS: u32 = 730;
/// Life of people's certificates and of the door's in a development world, in days.
pub const DEV_DAYS: u32 = 365;

/// The id of a person or process of this world.
pub fn id(world: &WorldId, region: &RegionId, kind: SpiffeKind) -> SpiffeId {
    SpiffeId {
        trust_domain: world.trust_domain().to_owned(),
        region: region.clone(),
        kind,
    }
}

/// Makes a controller's authority in `issuer`, and with it the controller's own certificate in `identity`.
///
/// # Errors
/// What the file system says.
pub fn make_controller(
    authority: &Authority,
    name: &str,
    region: &RegionId,
    (issuer, identity): (&Path, &Path),
) -> Result<()> {
    let world = authority.world();
    authority.make_issuer(name, ISSUER_DAYS, issuer)?;
    let kind = SpiffeKind::Controller(name.to_owned());
    Issuer::open(issuer, &world)?.issue(&id(&world, region, kind), PROCESS_LIFE, identity)?;
    Ok(())
}

/// Makes a person's certificate. From the root alone: no controller can.
///
/// # Errors
/// What the file system says.
pub fn make_person(
    authority: &Authority,
    (role, name): (Role, &str),
    region: &RegionId,
    days: u32,
    into: &Path,
) -> Result<SpiffeId> {
    let name = name.to_owned();
    let id = id(&authority.world(), region, SpiffeKind::Operator { role, name });
    authority.issue(&id, &[], days, into)?;
    Ok(id)
}

/// Gives seats of a development world that do not run what they lack: an authority for a controller, a certificate that
/// is there and whose time has not passed a third. A world that slept for weeks so comes up again.
///
/// # Errors
/// What the file system says, and when the root's key is needed and not there.
pub fn refresh(layout: &Layout, world: &WorldId, wanted: &[Seat]) -> Result<()> {
    for seat in seats() {
        if let SeatKind::Controller(number) = seat.kind
            && !layout.issuer(&seat).join("cert.pem").exists()
        {
            let authority = Authority::open(&layout.authority()).context("the world's root is needed")?;
            let folders = (layout.issuer(&seat), layout.identity(&seat));
            let folders = (folders.0.as_path(), folders.1.as_path());
            make_controller(&authority, &number.to_string(), &seat.region, folders)?;
        }
    }
    let first = seats().swap_remove(0);
    for seat in wanted {
        let by = if seat.is_controller() { seat } else { &first };
        if is_old(&layout.identity(seat), world) {
            let issuer = Issuer::open(&layout.issuer(by), world)?;
            let id = seat.spiffe_id(world.trust_domain());
            issuer.issue(&id, PROCESS_LIFE, &layout.identity(seat))?;
        }
    }
    Ok(())
}

fn is_old(identity: &Path, world: &WorldId) -> bool {
    match Identity::load(identity, world) {
        Ok(identity) => renew::is_due(identity.good_s(), Clock::system().unix_s()),
        Err(_) => true,
    }
}

//! A person's place at a world: the client of the controllers and the certificate that signs.

use anyhow::Result;
use platform_model::WorldId;
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use platform_wire::admin::AdminClient;

use super::folder::Folder;
use super::layout::Layout;
use super::operator;
use super::people::Person;
use super::ports::Ports;

/// What somebody needs to ask the controllers and to sign.
pub struct Desk {
    pub world: WorldId,
    pub identity: Identity,
    pub admin: AdminClient,
}

impl Desk {
    /// Of a world on this machine. Does no I/O on the network.
    ///
    /// # Errors
    /// When there is no whole world in the folder; when the person's certificate cannot be used.
    pub fn open(layout: &Layout, who: &Person) -> Result<Self> {
        let world = Folder::look(layout)?.world(layout)?;
        let identity = operator::identity(layout, &world, who)?;
        let controllers = Ports::load(layout)?.controllers();
        let admin = AdminClient::connect(controllers, identity.clone(), Clock::system())?;
        Ok(Self {
            world,
            identity,
            admin,
        })
    }
}

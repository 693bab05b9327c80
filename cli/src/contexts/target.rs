//! From what was typed to the world that is meant. First what the command line says, then the environment, then the
//! context in use, then the usual folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;
use platform_model::WorldId;
use platform_runtime::clock::Clock;
use platform_runtime::tls::Identity;
use platform_wire::admin::AdminClient;

use crate::command::USUAL_DIR;
use crate::exit::Hinted;
use crate::world::{Folder, Layout, ports::Ports, seats};
use cli_world::contexts::{Contexts, usual_file};

/// Names the context.
const CONTEXT_VARIABLE: &str = "CELLCTL_CONTEXT";
/// Names the file of contexts.
const CONTEXTS_VARIABLE: &str = "CELLCTL_CONTEXTS";
/// Names the folder of a world on this machine.
const DIR_VARIABLE: &str = "MERIDIAN_DIR";

/// Which world a command is about.
#[derive(Debug, Clone, Default, Args)]
pub struct WorldArgs {
    /// The context of the world [env: CELLCTL_CONTEXT; else the one in use].
    #[arg(
        long,
        value_name = "NAME",
        conflicts_with = "dir",
        help_heading = "Which world"
    )]
    pub context: Option<String>,
    /// The file of contexts [env: CELLCTL_CONTEXTS; else cellctl/contexts.toml in the user's folder of settings].
    #[arg(long, value_name = "FILE", help_heading = "Which world")]
    pub contexts: Option<PathBuf>,
    /// The folder of a world on this machine [env: MERIDIAN_DIR; without a context: .meridian/dev].
    #[arg(
        long,
        visible_alias = "world",
        value_name = "DIR",
        help_heading = "Which world"
    )]
    pub dir: Option<PathBuf>,
}

/// The variables that say which world is meant where the command line does not.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub context: Option<String>,
    pub dir: Option<PathBuf>,
    /// The file of contexts.
    pub file: Option<PathBuf>,
}

/// A world and how to reach it.
#[derive(Debug, Clone)]
pub struct Target {
    /// As people call it: its context, or its folder.
    pub name: String,
    pub world: WorldId,
    /// The folder of whoever asks: his certificate and key.
    pub identity: PathBuf,
    /// Name -> address.
    pub controllers: BTreeMap<String, String>,
    /// Name -> address of the inner listener.
    pub routers: BTreeMap<String, String>,
    /// Where it lies, if it is a world on this machine.
    pub folder: Option<Layout>,
}

impl Surroundings {
    /// What the process's own environment says.
    pub fn read() -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            context: set(CONTEXT_VARIABLE),
            dir: set(DIR_VARIABLE).map(PathBuf::from),
            file: set(CONTEXTS_VARIABLE)
                .map(PathBuf::from)
                .or_else(|| usual_file(set)),
        }
    }
}

/// What a command is about, by name or by place.
enum Meant {
    Context(String),
    Folder(PathBuf),
}

impl WorldArgs {
    /// The world that is meant. Looks at files, and at nothing on the network.
    ///
    /// # Errors
    /// When there is none, with the command that makes one.
    pub fn target(&self) -> Result<Target> {
        self.target_in(&Surroundings::read())
    }

    /// A client of its controllers. Does no I/O on the network.
    ///
    /// # Errors
    /// As [`Self::target`], and for a certificate that cannot be used.
    pub fn admin(&self) -> Result<AdminClient> {
        self.target()?.admin()
    }

    /// As [`Self::target`], with these variables.
    ///
    /// # Errors
    /// As [`Self::target`].
    pub fn target_in(&self, around: &Surroundings) -> Result<Target> {
        let file = self.contexts.as_ref().or(around.file.as_ref());
        match self.meant(around, file)? {
            Meant::Folder(dir) => Target::of_folder(&dir),
            Meant::Context(name) => Target::of_context(&name, file),
        }
    }

    fn meant(&self, around: &Surroundings, file: Option<&PathBuf>) -> Result<Meant> {
        if let Some(dir) = &self.dir {
            return Ok(Meant::Folder(dir.clone()));
        }
        if let Some(name) = &self.context {
            return Ok(Meant::Context(name.clone()));
        }
        // A file that was named is meant, whatever the environment says of folders.
        let in_use = || {
            Ok::<_, anyhow::Error>(match file {
                Some(file) => Contexts::load(file)?.current,
                None => None,
            })
        };
        if self.contexts.is_some()
            && let Some(name) = around.context.clone().or(in_use()?)
        {
            return Ok(Meant::Context(name));
        }
        if let Some(name) = &around.context {
            return Ok(Meant::Context(name.clone()));
        }
        if let Some(dir) = &around.dir {
            return Ok(Meant::Folder(dir.clone()));
        }
        Ok(match in_use()? {
            Some(name) => Meant::Context(name),
            None => Meant::Folder(USUAL_DIR.into()),
        })
    }
}

impl Target {
    /// The world of a folder.
    ///
    /// # Errors
    /// When there is no whole world in it.
    pub fn of_folder(dir: &Path) -> Result<Self> {
        let layout = Layout::new(dir);
        let world = Folder::look(&layout)?.world(&layout)?;
        let ports = Ports::load(&layout)?;
        let seats = seats::seats();
        let named = |wanted: fn(&seats::SeatKind) -> bool, address: fn(&Ports, &seats::Seat) -> String| {
            let wanted = seats.iter().filter(|seat| wanted(&seat.kind));
            wanted
                .map(|seat| (seat.to_string(), address(&ports, seat)))
                .collect()
        };
        Ok(Self {
            name: dir.display().to_string(),
            world,
            identity: layout.operator(),
            controllers: named(
                |kind| matches!(kind, seats::SeatKind::Controller(_)),
                Ports::address,
            ),
            routers: named(
                |kind| matches!(kind, seats::SeatKind::Router(_)),
                Ports::internal_address,
            ),
            folder: Some(layout),
        })
    }

    fn of_context(name: &str, file: Option<&PathBuf>) -> Result<Self> {
        let Some(file) = file else {
            let hint = "name the file with --contexts FILE";
            return Err(Hinted::new(
                "there is no file of contexts: neither HOME nor XDG_CONFIG_HOME is set",
                &[hint],
            )
            .into());
        };
        let contexts = Contexts::load(file)?;
        let context = contexts.get(name)?;
        let beside = file.parent().unwrap_or_else(|| Path::new("."));
        Ok(Self {
            name: name.to_owned(),
            world: context.world.clone(),
            identity: beside.join(&context.identity),
            controllers: context.controllers.clone(),
            routers: context.routers.clone(),
            folder: None,
        })
    }

    /// The certificate of whoever asks.
    ///
    /// # Errors
    /// When it cannot be used.
    pub fn identity(&self) -> Result<Identity> {
        Identity::load(&self.identity, &self.world).with_context(|| {
            let message = format!("the certificate in {} cannot be used", self.identity.display());
            Hinted::new(message, &["cellctl doctor   says what is wrong with it"])
        })
    }

    /// A client of all controllers. Does no I/O on the network.
    ///
    /// # Errors
    /// As [`Self::identity`].
    pub fn admin(&self) -> Result<AdminClient> {
        let addresses = self.controllers.values().cloned().collect();
        Ok(AdminClient::connect(
            addresses,
            self.identity()?,
            Clock::system(),
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contexts::Context;

    fn file(dir: &Path, current: Option<&str>) -> PathBuf {
        let context = |port: u16| Context {
            world: "a".repeat(64).parse().expect("an id"),
            identity: "operator".into(),
            controllers: [("c1".to_owned(), format!("127.0.0.1:{port}"))].into(),
            routers: BTreeMap::new(),
        };
        let file = dir.join("contexts.toml");
        let contexts = Contexts {
            current: current.map(str::to_owned),
            contexts: [("dev".to_owned(), context(1)), ("prod".to_owned(), context(2))].into(),
        };
        contexts.save(&file).expect("written");
        file
    }

    /// What is meant: `prod`, or the folder that the error names.
    fn meant(args: &WorldArgs, around: &Surroundings) -> String {
        match args.target_in(around) {
            Ok(target) => target.name,
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_command_line_goes_before_the_environment_and_both_before_the_context_in_use() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = Some(file(dir.path(), Some("prod")));
        let around = |context: Option<&str>, folder: Option<&str>| Surroundings {
            context: context.map(str::to_owned),
            dir: folder.map(PathBuf::from),
            file: file.clone(),
        };
        let typed = |context: Option<&str>, folder: Option<&str>| WorldArgs {
            context: context.map(str::to_owned),
            dir: folder.map(PathBuf::from),
            contexts: None,
        };
        let none = typed(None, None);
        assert_eq!(meant(&none, &around(None, None)), "prod");
        assert_eq!(meant(&none, &around(Some("dev"), Some("/no/a"))), "dev");
        assert_eq!(
            meant(&none, &around(None, Some("/no/a"))),
            "there is no world in /no/a"
        );
        assert_eq!(
            meant(&typed(Some("dev"), None), &around(Some("prod"), None)),
            "dev"
        );
        assert_eq!(
            meant(&typed(None, Some("/no/b")), &around(Some("dev"), None)),
            "there is no world in /no/b"
        );
        assert_eq!(
            meant(&typed(Some("x"), None), &around(None, None)),
            "there is no context x"
        );
        let named = WorldArgs {
            contexts: file.clone(),
            ..WorldArgs::default()
        };
        let elsewhere = Surroundings {
            dir: Some("/no/a".into()),
            ..Surroundings::default()
        };
        assert_eq!(
            meant(&named, &elsewhere),
            "prod",
            "the file that was named says which"
        );
    }

    #[test]
    fn without_anything_the_usual_folder_is_meant() {
        let nothing = Surroundings::default();
        let text = meant(&WorldArgs::default(), &nothing);
        assert!(
            text.ends_with(USUAL_DIR) || text.contains("there is no world in"),
            "{text}"
        );
    }

    #[test]
    fn the_certificate_lies_beside_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = file(dir.path(), Some("prod"));
        let around = Surroundings {
            file: Some(file),
            ..Surroundings::default()
        };
        let target = WorldArgs::default().target_in(&around).expect("a context");
        assert_eq!(target.identity, dir.path().join("operator"));
        let text = crate::exit::text(&target.admin().err().expect("no certificate"), "");
        assert!(text.contains("hint: cellctl doctor"), "{text}");
    }

    #[test]
    fn the_context_in_the_folder_of_a_world_means_that_world() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = cli_world::Layout::new(dir.path().join("w"));
        cli_world::make::make(&layout, None).expect("made");
        let by_folder = Target::of_folder(layout.root()).expect("a world");
        let args = WorldArgs {
            contexts: Some(layout.contexts()),
            context: Some("dev".into()),
            dir: None,
        };
        let by_context = args.target().expect("a context");
        assert_eq!(by_context.world, by_folder.world);
        assert_eq!(by_context.controllers, by_folder.controllers);
        assert_eq!(by_context.routers, by_folder.routers);
        assert_eq!(by_context.identity, by_folder.identity);
    }
}

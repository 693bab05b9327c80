//! `world init`: the root of a new world, and what its controllers and first people need.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Result;
use clap::Args;
use platform_model::{RegionId, Role};
use platform_runtime::tls::authority::{Authority, CA_KEY_FILE};
use serde_json::json;

use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::{disk, trust};

/// Makes a new world's root, an authority and a certificate for each controller, and certificates for the first people.
/// Starts nothing and asks nobody.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl world init --into acme --controller 1@eu-central --controller 2@eu-west --controller 3@us-east --sre kim@eu-central --compliance ada@eu-central"
)]
pub struct Init {
    /// The folder for the files; it must not be there yet.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// A controller and the region in which it stands; three or five of them.
    #[arg(long = "controller", value_name = "NAME@REGION", required = true)]
    controllers: Vec<Named>,
    /// Someone who runs the world.
    #[arg(long = "sre", value_name = "NAME@REGION")]
    sres: Vec<Named>,
    /// Someone who answers for the law.
    #[arg(long = "compliance", value_name = "NAME@REGION")]
    compliance: Vec<Named>,
    /// Shows what would be made, and makes nothing.
    #[arg(long)]
    dry_run: bool,
}

/// A name and a region, `kim@eu-central`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    name: String,
    region: RegionId,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('@');
        let (name, region) = parts.ok_or("a name and a region, such as `kim@eu-central`")?;
        // Names follow the rule of places, which is what a SPIFFE id takes.
        RegionId::new(name).map_err(|error| error.to_string())?;
        Ok(Self {
            name: name.to_owned(),
            region: region
                .parse()
                .map_err(|e: platform_model::InvalidId| e.to_string())?,
        })
    }
}

impl Init {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        self.check()?;
        if self.dry_run {
            for folder in self.folders() {
                printer.progress(&format!("would make {}", folder.display()));
            }
            printer.progress("nothing was made: --dry-run");
            return Ok(Ended::Ok);
        }
        let root = self.into.join("root");
        disk::create_folder(&root)?;
        let authority = Authority::create(&root)?;
        for controller in &self.controllers {
            let folder = self.controller(controller);
            let (issuer, identity) = (folder.join("issuer"), folder.join("identity"));
            trust::make_controller(
                &authority,
                &controller.name,
                &controller.region,
                (&issuer, &identity),
            )?;
        }
        for (role, person) in self.people() {
            let into = self.person(role, person);
            let named = (role, person.name.as_str());
            trust::make_person(&authority, named, &person.region, trust::PERSON_DAYS, &into)?;
        }
        self.explain(&authority, &root, printer);
        Ok(Ended::Ok)
    }

    fn check(&self) -> Result<()> {
        if self.into.exists() {
            let message = format!("{} is there already: a world is made once", self.into.display());
            return Err(Hinted::new(message, &["name another folder with --into"]).into());
        }
        let mut names: Vec<&str> = self.controllers.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() != self.controllers.len() {
            let hint = "each --controller has a name of its own";
            return Err(Hinted::new("two controllers have one name", &[hint]).into());
        }
        Ok(())
    }

    fn people(&self) -> impl Iterator<Item = (Role, &Named)> {
        let sres = self.sres.iter().map(|person| (Role::Sre, person));
        sres.chain(self.compliance.iter().map(|person| (Role::Compliance, person)))
    }

    fn controller(&self, named: &Named) -> PathBuf {
        self.into.join(format!("controller-{}", named.name))
    }

    fn person(&self, role: Role, named: &Named) -> PathBuf {
        self.into.join(format!("{role}-{}", named.name))
    }

    fn folders(&self) -> Vec<PathBuf> {
        let controllers = self.controllers.iter().map(|named| self.controller(named));
        let people = self.people().map(|(role, named)| self.person(role, named));
        let root = [self.into.join("root")].into_iter();
        root.chain(controllers).chain(people).collect()
    }

    fn explain(&self, authority: &Authority, root: &Path, printer: &Printer) {
        let world = authority.world();
        let key = root.join(CA_KEY_FILE);
        printer.say(&format!("world {world}\n"));
        let folders = self.folders();
        let rows: Vec<Vec<String>> = folders.iter().map(|f| vec![f.display().to_string()]).collect();
        printer.table(&["made"], &rows);
        printer.say("\nwhat comes next:");
        let steps = [
            format!("take {} to a place that is never online: who has it is the world", key.display()),
            "bring each controller-NAME to its machine; its config says identity_dir, trust.issuer_dir, world"
                .to_owned(),
            "start them: controld --config FILE, the first time with --bootstrap".to_owned(),
            "cellctl region attest REGION --country CC --place TEXT   by someone of compliance, for each region"
                .to_owned(),
            "cellctl node invite CELL/N --into FILE, cellctl router invite NAME --into FILE   for each process"
                .to_owned(),
        ];
        for (number, step) in (1..).zip(&steps) {
            printer.say(&format!("  {number}. {step}"));
        }
        printer.document(&json!({
            "world": world.to_string(),
            "root_key": key,
            "made": folders,
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use platform_runtime::tls::{Identity, Issuer};

    use super::*;
    use crate::printer::Format;

    fn init(into: PathBuf) -> Init {
        let named = |text: &str| text.parse().expect("a name");
        Init {
            into,
            controllers: ["1@eu-central", "2@us-east"].map(named).into(),
            sres: vec![named("kim@eu-central")],
            compliance: vec![named("ada@eu-central")],
            dry_run: false,
        }
    }

    #[test]
    fn a_new_world_is_whole_and_its_keys_are_private() {
        let dir = tempfile::tempdir().expect("a folder");
        let init = init(dir.path().join("acme"));
        init.run(&Printer::new(Format::Json)).expect("made");
        let root = dir.path().join("acme/root");
        let world = Authority::open(&root).expect("opens").world();
        for (folder, id) in [
            ("controller-1/identity", "region/eu-central/controller/1"),
            ("controller-2/identity", "region/us-east/controller/2"),
            ("sre-kim", "region/eu-central/operator/sre/kim"),
            ("compliance-ada", "region/eu-central/operator/compliance/ada"),
        ] {
            let identity = Identity::load(&dir.path().join("acme").join(folder), &world).expect(folder);
            assert!(identity.spiffe_id().to_string().ends_with(id));
        }
        let issuer = dir.path().join("acme/controller-2/issuer");
        assert_eq!(Issuer::open(&issuer, &world).expect("opens").name(), "2");
        for key in [root.join(CA_KEY_FILE), issuer.join("key.pem")] {
            let mode = std::fs::metadata(&key).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", key.display());
        }
        assert!(init.run(&Printer::new(Format::Json)).is_err(), "made once");
    }

    #[test]
    fn what_is_no_name_with_a_region_is_refused() {
        for text in ["kim", "kim@", "@eu", "Kim@eu", "kim@EU", "a/b@eu"] {
            assert!(text.parse::<Named>().is_err(), "{text}");
        }
    }
}

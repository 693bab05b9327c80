//! `policy example`: the shipped example, as a start of a law of one's own.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use control_plane_residency::{Digest, example};
use serde::Serialize;

use crate::command::DeskArgs;
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;
use crate::world::{Folder, Layout, World, disk};

/// Writes the shipped example into a folder. It is no legal advice.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy example law")]
pub struct Example {
    /// The folder: an empty one, or one that is not there yet.
    #[arg(value_name = "DIR")]
    law: PathBuf,
    /// SHA-256 of the catalogue of data classes for which the law is written (`celld --print-tables | sha256sum`); if
    /// it is not given, that of the world's own nodes.
    #[arg(long, value_name = "DIGEST")]
    catalogue: Option<Digest>,
    #[command(flatten)]
    pub(super) world: DeskArgs,
}

#[derive(Debug, Serialize)]
struct ExampleView {
    dir: PathBuf,
    files: Vec<&'static str>,
    catalogue: String,
}

impl Example {
    pub async fn run(&self, printer: &Printer) -> Result<Ended> {
        self.check_empty()?;
        let catalogue = match self.catalogue {
            Some(digest) => digest,
            None => of_the_world(&Layout::new(&self.world.folder.dir)).await?,
        };
        disk::create_folder(&self.law)?;
        for (name, text) in example::files(Some(catalogue)) {
            disk::write(&self.law.join(name), text.as_bytes())?;
        }
        let dir = self.law.display();
        printer.say(&format!(
            "{} files of an example are in {dir}, written for catalogue {catalogue}",
            example::FILES.len()
        ));
        printer.say("It shows the form and is no legal advice: have your own law written by people who answer for it.");
        printer.hint(&format!("cellctl policy lint {dir}"));
        printer.document(&ExampleView {
            dir: self.law.clone(),
            files: example::FILES.iter().map(|(name, _)| *name).collect(),
            catalogue: catalogue.to_string(),
        });
        Ok(Ended::Ok)
    }

    fn check_empty(&self) -> Result<()> {
        let is_empty = match fs::read_dir(&self.law) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if is_empty {
            return Ok(());
        }
        let message = format!("{} is no empty folder: nothing was written", self.law.display());
        Err(Hinted::new(message, &["cellctl policy example NEW-FOLDER"]).into())
    }
}

/// What the nodes of a world on this machine store: asked of their own binary.
async fn of_the_world(layout: &Layout) -> Result<Digest> {
    if let Ok(Folder::World(_)) = Folder::look(layout) {
        return World::open(layout)?.catalogue().await;
    }
    let message = "for which catalogue of data classes? There is no world here whose nodes could be asked";
    let hints = [
        "cellctl policy example DIR --catalogue DIGEST   with `celld --print-tables | sha256sum`",
        "cellctl dev up",
    ];
    Err(Hinted::new(message, &hints).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::WorldFolder;
    use crate::law::source::Source;
    use crate::printer::Format;
    use crate::world::people::OPERATOR;

    fn example(dir: PathBuf, catalogue: Option<Digest>) -> Example {
        Example {
            law: dir,
            catalogue,
            world: DeskArgs {
                folder: WorldFolder {
                    dir: "/no/world".into(),
                },
                who: OPERATOR,
            },
        }
    }

    #[tokio::test]
    async fn what_is_written_is_fit_and_names_the_catalogue() {
        let dir = tempfile::tempdir().expect("a folder");
        let catalogue = Digest::of(b"a catalogue");
        let law = dir.path().join("law");
        let printer = Printer::new(Format::Table);
        example(law.clone(), Some(catalogue))
            .run(&printer)
            .await
            .expect("written");
        let ready = Source::read(&law).expect("reads").ready().expect("fit");
        assert!(ready.compiled.matrix.names_catalogue(&catalogue.0));
        // A second time it overwrites nothing.
        let error = example(law, Some(catalogue))
            .run(&printer)
            .await
            .expect_err("there already");
        assert!(error.to_string().contains("nothing was written"), "{error}");
    }

    #[tokio::test]
    async fn without_a_world_the_catalogue_must_be_given() {
        let dir = tempfile::tempdir().expect("a folder");
        let printer = Printer::new(Format::Table);
        let error = example(dir.path().join("law"), None)
            .run(&printer)
            .await
            .expect_err("unknown");
        let text = crate::exit::text(&error, "");
        assert!(
            text.contains("hint: cellctl policy example DIR --catalogue DIGEST"),
            "{text}"
        );
        assert!(!dir.path().join("law").exists());
    }
}

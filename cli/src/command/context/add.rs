//! `context add`: a world gets a name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use platform_model::WorldId;

use super::{File, View};
use crate::contexts::{Context, Contexts, check_name};
use crate::exit::{Ended, Hinted};
use crate::printer::Printer;

/// Gives a world a name. Nothing is copied: of the certificate the context names the folder.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: cellctl context add prod --id 9f2c... --identity ~/.meridian/prod \\
         --controller c1=10.0.0.1:7100 --controller c2=10.0.1.1:7100 --use"
)]
pub struct Add {
    /// Its name: lower-case letters, digits and hyphens.
    #[arg(value_parser = check_name)]
    name: String,
    /// The world's id, 64 hex digits.
    #[arg(long, value_name = "WORLD")]
    id: WorldId,
    /// The folder with ca.pem, cert.pem and key.pem.
    #[arg(long, value_name = "DIR")]
    identity: PathBuf,
    /// A controller: `host:port`, or `name=host:port`. May be given several times.
    #[arg(long = "controller", value_name = "ADDRESS", required = true, value_parser = process)]
    controllers: Vec<(String, String)>,
    /// The inner listener of a router, a witness of the ledger. May be given several times.
    #[arg(long = "router", value_name = "ADDRESS", value_parser = process)]
    routers: Vec<(String, String)>,
    /// Takes the place of a context with this name.
    #[arg(long)]
    replace: bool,
    /// Uses it from now on.
    #[arg(long = "use")]
    in_use: bool,
    /// Says what would be written, and writes nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    file: File,
}

impl Add {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let file = self.file.path()?;
        let mut contexts = Contexts::load(&file)?;
        let context = self.context();
        if let Some(known) = contexts.contexts.get(&self.name)
            && *known != context
            && !self.replace
        {
            let message = format!("there is another context {}: nothing was changed", self.name);
            let hints = ["cellctl context list", "--replace   takes its place"];
            return Err(Hinted::new(message, &hints).into());
        }
        contexts.contexts.insert(self.name.clone(), context.clone());
        if self.in_use || contexts.contexts.len() == 1 {
            contexts.current = Some(self.name.clone());
        }
        if self.dry_run {
            printer.progress("nothing was written: --dry-run");
        } else {
            contexts.save(&file)?;
            printer.say(&format!("context {} is in {}", self.name, file.display()));
        }
        printer.data(
            &View::of(&self.name, &context, contexts.current.as_ref()),
            [&self.name],
        );
        Ok(Ended::Ok)
    }

    fn context(&self) -> Context {
        let folder = std::path::absolute(&self.identity);
        let all = |pairs: &[(String, String)]| pairs.iter().cloned().collect::<BTreeMap<_, _>>();
        Context {
            world: self.id.clone(),
            identity: folder.unwrap_or_else(|_| self.identity.clone()),
            controllers: all(&self.controllers),
            routers: all(&self.routers),
        }
    }
}

/// Name and address; an address without a name is called by itself.
fn process(text: &str) -> Result<(String, String), String> {
    let (name, address) = text.split_once('=').unwrap_or((text, text));
    let is_port = |(host, port): (&str, &str)| !host.is_empty() && port.parse::<u16>().is_ok();
    if name.is_empty() || !address.rsplit_once(':').is_some_and(is_port) {
        return Err("an address is host:port, such as 10.0.0.1:7100".to_owned());
    }
    Ok((name.to_owned(), address.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_an_address_with_or_without_a_name() {
        assert_eq!(process("c1=h:1"), Ok(("c1".into(), "h:1".into())));
        assert_eq!(process("h:1"), Ok(("h:1".into(), "h:1".into())));
        for text in ["", "h", "h:x", ":1", "=h:1", "c1=h"] {
            assert!(process(text).is_err(), "{text}");
        }
    }
}

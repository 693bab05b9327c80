//! `policy compile`: from a law to its matrix and the digest that an approver signs.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use control_plane_residency::COMPILER_VERSION;
use platform_runtime::files;
use serde::Serialize;

use super::lint::say_aside;
use crate::exit::Ended;
use crate::law::source::Source;
use crate::law::views::LawName;
use crate::printer::Printer;

/// Compiles a law that is fit, and prints the digest that author and approver compare.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl policy compile law --out law.matrix")]
pub struct Compile {
    /// The folder with the law.
    dir: PathBuf,
    /// Keeps the matrix in a file, too.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct CompileView {
    #[serde(flatten)]
    law: LawName,
    compiler: u16,
    /// Size of the matrix.
    bytes: usize,
    points: usize,
    out: Option<PathBuf>,
}

impl Compile {
    pub fn run(&self, printer: &Printer) -> Result<Ended> {
        let source = Source::read(&self.dir)?;
        say_aside(&source, printer);
        let ready = source.ready()?;
        let bytes = ready.compiled.matrix.to_bytes();
        if let Some(file) = &self.out {
            files::write_atomic(file, &bytes, files::PUBLIC)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        let view = CompileView {
            law: LawName::from(&ready.compiled.matrix),
            compiler: COMPILER_VERSION,
            bytes: bytes.len(),
            points: ready.compiled.matrix.points(),
            out: self.out.clone(),
        };
        printer.say(&format!(
            "law {}, of {}\n  digest    {}\n  document  {}\n  matrix    {} bytes, {} points, compiler {}",
            view.law.version,
            view.law.date,
            view.law.digest,
            view.law.document,
            view.bytes,
            view.points,
            view.compiler
        ));
        printer.document(&view);
        Ok(Ended::Ok)
    }
}

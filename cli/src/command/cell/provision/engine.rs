//! Which cluster the nodes of a cell store on, as the command line says it. Whether it can be used is for the nodes' own
//! binary to say.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::world::provisioned::{Engine, Tls};

/// Which cluster.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// What the nodes store on.
    #[arg(long, value_enum)]
    engine: EngineName,
    /// TiKV: the client addresses of all placement drivers, `HOST:PORT`.
    #[arg(
        long,
        value_name = "HOST:PORT",
        value_delimiter = ',',
        required_if_eq("engine", "tikv"),
        conflicts_with = "cluster_file"
    )]
    pd: Vec<String>,
    /// TiKV: certificates of the cluster's authority, in PEM.
    #[arg(long, value_name = "FILE", requires_all = ["cert", "key"], conflicts_with_all = ["plaintext", "cluster_file"])]
    ca: Option<PathBuf>,
    /// TiKV: the nodes' certificate, in PEM.
    #[arg(long, value_name = "FILE", requires_all = ["ca", "key"])]
    cert: Option<PathBuf>,
    /// TiKV: its private key, in PEM.
    #[arg(long, value_name = "FILE", requires_all = ["ca", "cert"])]
    key: Option<PathBuf>,
    /// TiKV: no TLS, for a cluster on this machine alone.
    #[arg(long)]
    plaintext: bool,
    /// FoundationDB: the cluster file.
    #[arg(
        long,
        value_name = "FILE",
        required_if_eq("engine", "fdb"),
        conflicts_with = "plaintext"
    )]
    cluster_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EngineName {
    Tikv,
    Fdb,
}

impl EngineArgs {
    /// Paths are made absolute: a node runs elsewhere than this command.
    ///
    /// # Errors
    /// When this process has no working folder.
    pub fn engine(&self) -> Result<Engine> {
        let whole = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
        Ok(match self.engine {
            EngineName::Tikv => Engine::Tikv {
                pd: self.pd.clone(),
                tls: Tls {
                    ca: whole(&self.ca)?,
                    cert: whole(&self.cert)?,
                    key: whole(&self.key)?,
                    plaintext: self.plaintext,
                },
            },
            EngineName::Fdb => Engine::Fdb {
                cluster_file: whole(&self.cluster_file)?.context("clap asks for it")?,
            },
        })
    }
}

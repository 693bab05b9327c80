//! The files of a cell that is made on a cluster: for each node a folder with its settings, its secrets, and the token
//! with which it joins. They are written beside their place, and put there when everything is well; until then nothing
//! of them is seen.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use platform_model::{CellId, Jurisdiction, NodeId, RegionId, WorldId};
use platform_wire::join::JoinToken;
use serde::Serialize;

use super::disk;
use super::layout::Layout;

/// Name of a node's settings in its folder.
const CONFIG: &str = "celld.toml";
/// Name of its token.
const TOKEN: &str = "join.token";
/// Name of the folder of its secrets.
const SECRETS: &str = "secrets";
/// Behind the name of a folder that is not whole yet.
const UNFINISHED: &str = ".unfinished";
/// Before the name of a cell, where its folder lies in the world's.
const CELL: &str = "cell-";
/// Nodes that are looked for in one world's folder.
const NODES_MAX: usize = 1_000;

/// The engine, as a node's settings name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "engine", rename_all = "lowercase")]
pub enum Engine {
    Tikv {
        pd: Vec<String>,
        #[serde(flatten)]
        tls: Tls,
    },
    Fdb {
        cluster_file: PathBuf,
    },
}

/// How a TiKV cluster is reached. What is not given is not written: whether that can be is for the node to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tls {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub plaintext: bool,
}

/// What the nodes of a cell have in common.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub world: WorldId,
    pub cell: CellId,
    pub region: RegionId,
    pub nodes: u16,
    pub engine: Engine,
    pub listen: String,
    pub controllers: Vec<String>,
    /// Where controllers let processes join.
    pub join_at: Vec<String>,
    /// Whose people the cell may hold.
    pub jurisdictions: Vec<Jurisdiction>,
}

#[derive(Serialize)]
struct Settings<'a> {
    world: String,
    node: String,
    region: String,
    data_dir: PathBuf,
    identity_dir: PathBuf,
    listen: &'a str,
    controllers: &'a [String],
    join: Join<'a>,
    keys: Keys,
    store: &'a Engine,
}

#[derive(Serialize)]
struct Join<'a> {
    token_file: PathBuf,
    controllers: &'a [String],
}

#[derive(Serialize)]
struct Keys {
    lookup_key_file: PathBuf,
    jurisdiction_key_dir: PathBuf,
}

impl Wanted {
    /// Its nodes, in order.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes).map(|ordinal| NodeId {
            cell: self.cell.clone(),
            ordinal,
        })
    }

    fn settings(&self, node: &NodeId, folder: &Path) -> String {
        let secrets = folder.join(SECRETS);
        let settings = Settings {
            world: self.world.to_string(),
            node: node.to_string(),
            region: self.region.to_string(),
            data_dir: folder.join("data"),
            identity_dir: folder.join("identity"),
            listen: &self.listen,
            controllers: &self.controllers,
            join: Join {
                token_file: folder.join(TOKEN),
                controllers: &self.join_at,
            },
            keys: Keys {
                lookup_key_file: secrets.join(Layout::LOOKUP_KEY_FILE),
                jurisdiction_key_dir: secrets,
            },
            store: &self.engine,
        };
        toml::to_string(&settings).expect("plain values before sections: TOML can say it")
    }
}

/// The files, not in their place yet. Dropped, they are gone.
#[derive(Debug)]
pub struct Unfinished {
    beside: PathBuf,
    place: PathBuf,
    is_placed: bool,
}

impl Unfinished {
    /// Writes settings and secrets of every node. `place` is absolute, and not there yet.
    ///
    /// # Errors
    /// What the file system says; a secret of the world that is not in its folder.
    pub fn write(layout: &Layout, wanted: &Wanted, place: &Path) -> Result<Self> {
        let mut name = place.file_name().context("a folder has a name")?.to_owned();
        name.push(UNFINISHED);
        let files = Self {
            beside: place.with_file_name(name),
            place: place.to_owned(),
            is_placed: false,
        };
        if files.beside.exists() {
            // Of an attempt that was broken off.
            disk::at(&files.beside, fs::remove_dir_all(&files.beside))?;
        }
        for node in wanted.node_ids() {
            let (now, then) = (folder(&files.beside, &node), folder(place, &node));
            disk::create_folder(&now.join(SECRETS))?;
            disk::write(&now.join(CONFIG), wanted.settings(&node, &then).as_bytes())?;
            let own = wanted.jurisdictions.iter().map(Layout::jurisdiction_key_file);
            for name in own.chain([Layout::LOOKUP_KEY_FILE.to_owned()]) {
                let path = layout.secrets().join(&name);
                let key = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                disk::write_private(&now.join(SECRETS).join(name), &key)?;
            }
        }
        Ok(files)
    }

    /// The settings of a node as they lie now.
    pub fn config(&self, node: &NodeId) -> PathBuf {
        folder(&self.beside, node).join(CONFIG)
    }

    /// Gives a node its token.
    ///
    /// # Errors
    /// What the file system says.
    pub fn give(&self, node: &NodeId, token: &JoinToken) -> Result<()> {
        let file = folder(&self.beside, node).join(TOKEN);
        disk::write_private(&file, format!("{token}\n").as_bytes())
    }

    /// Puts them in their place; answers the settings of every node there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn place(mut self, wanted: &Wanted) -> Result<Vec<(NodeId, PathBuf)>> {
        disk::at(&self.place, fs::rename(&self.beside, &self.place))?;
        self.is_placed = true;
        let config = |node: NodeId| {
            let path = folder(&self.place, &node).join(CONFIG);
            (node, path)
        };
        Ok(wanted.node_ids().map(config).collect())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_placed {
            // What cannot be removed is named as unfinished, and removed by the next attempt.
            let _ = fs::remove_dir_all(&self.beside);
        }
    }
}

/// Where a cell's files are put if no other place is named.
pub fn usual_place(layout: &Layout, cell: &CellId) -> PathBuf {
    layout.root().join(format!("{CELL}{cell}"))
}

/// The settings of every node whose cell was made at its usual place in this world's folder, in order. Cells whose files
/// were put elsewhere are not found, nor is what is not whole.
pub fn placed(layout: &Layout) -> Vec<(NodeId, PathBuf)> {
    let cells = folders(layout.root()).into_iter().filter(|place| {
        let name = place.file_name().and_then(|name| name.to_str()).unwrap_or("");
        name.starts_with(CELL) && !name.ends_with(UNFINISHED)
    });
    let nodes = cells.flat_map(|place| folders(&place));
    let mut found: Vec<(NodeId, PathBuf)> = nodes
        .filter_map(|folder| {
            let config = folder.join(CONFIG);
            Some((named(&config)?, config))
        })
        .take(NODES_MAX)
        .collect();
    found.sort();
    found
}

/// Whose settings these are.
fn named(config: &Path) -> Option<NodeId> {
    let settings: toml::Table = fs::read_to_string(config).ok()?.parse().ok()?;
    settings.get("node")?.as_str()?.parse().ok()
}

/// Those in a folder; none where it cannot be read.
fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

fn folder(of: &Path, node: &NodeId) -> PathBuf {
    of.join(format!("celld-{}-{}", node.cell, node.ordinal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            world: WorldId::new(&"a".repeat(64)).expect("an id"),
            cell: "eu-west-2".parse().expect("a cell"),
            region: "eu-west".parse().expect("a region"),
            nodes: 2,
            engine: Engine::Tikv {
                pd: vec!["pd-0:2379".into()],
                tls: Tls {
                    ca: Some("/t/ca.pem".into()),
                    ..Tls::default()
                },
            },
            listen: "127.0.0.1:0".into(),
            controllers: vec!["127.0.0.1:7000".into()],
            join_at: vec!["127.0.0.1:7001".into()],
            jurisdictions: vec!["eu".parse().expect("a jurisdiction")],
        }
    }

    fn world(dir: &Path) -> Layout {
        let layout = Layout::new(dir);
        disk::create_folder(&layout.secrets()).expect("made");
        for name in ["jurisdiction-eu.key", Layout::LOOKUP_KEY_FILE] {
            disk::write_private(&layout.secrets().join(name), &[7; 32]).expect("written");
        }
        layout
    }

    #[test]
    fn every_node_has_settings_and_secrets_and_they_name_their_last_place() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = world(&dir.path().join("world"));
        let place = dir.path().join("cell");
        let files = Unfinished::write(&layout, &wanted(), &place).expect("written");
        let node = wanted().node_ids().nth(1).expect("two");
        let text = fs::read_to_string(files.config(&node)).expect("there");
        let shown = text.replace(&dir.path().display().to_string(), "DIR");
        insta::assert_snapshot!(shown.replace(&"a".repeat(64), "WORLD"));
        assert!(!place.exists());
        let placed = files.place(&wanted()).expect("placed");
        assert_eq!(placed.len(), 2);
        for (node, config) in placed {
            assert!(config.is_file(), "{node}");
            let secrets = config.with_file_name(SECRETS);
            assert!(secrets.join("jurisdiction-eu.key").is_file());
        }
    }

    #[test]
    fn what_lies_at_its_usual_place_is_found_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = world(&dir.path().join("world"));
        assert!(placed(&layout).is_empty());
        let place = usual_place(&layout, &wanted().cell);
        let files = Unfinished::write(&layout, &wanted(), &place).expect("written");
        assert!(placed(&layout).is_empty(), "it is not whole");
        let whole = files.place(&wanted()).expect("placed");
        assert_eq!(placed(&layout), whole);
        let (_, second) = &whole[1];
        fs::write(second, "not settings").expect("written");
        assert_eq!(placed(&layout), whole[..1], "whose it is cannot be read");
    }

    #[test]
    fn what_is_not_placed_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = world(&dir.path().join("world"));
        let place = dir.path().join("cell");
        drop(Unfinished::write(&layout, &wanted(), &place).expect("written"));
        let of_another = Wanted {
            jurisdictions: vec!["us".parse().expect("a jurisdiction")],
            ..wanted()
        };
        let error = Unfinished::write(&layout, &of_another, &place).expect_err("it has no such key");
        assert!(format!("{error:#}").contains("jurisdiction-us.key"), "{error:#}");
        let left: Vec<_> = fs::read_dir(dir.path()).expect("read").collect();
        assert_eq!(left.len(), 1, "the world alone: {left:?}");
    }
}

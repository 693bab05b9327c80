//! What an operator asks of a move that goes on, by `cellctl`, on real processes: pause, resume, reverse; and what he is told
//! would become of the world if a part of it were lost.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::scene::Scene;
use tests::world::World;

const SHARD: &str = "eu/eu-central/003";
const HERE: &str = "eu-central-1/0";
const THERE: &str = "eu-west-1/0";

struct Operator {
    world: World,
}

impl Operator {
    /// The document of a command that found all well, or something that a person should see to (exit code 3).
    fn json(&self, arguments: &[&str]) -> Result<Value> {
        let output = self.world.try_cellctl(&[arguments, &["-o", "json"]].concat())?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            matches!(output.status.code(), Some(0 | 3)),
            "{arguments:?}: {said}"
        );
        serde_json::from_slice(&output.stdout).with_context(|| format!("{arguments:?} prints a document"))
    }

    /// The number of the operation that a command has begun.
    fn begins(&self, arguments: &[&str]) -> Result<String> {
        let begun = self.json(arguments)?;
        let id = begun["operation"].as_u64().context("an operation has begun")?;
        Ok(id.to_string())
    }

    fn shows(&self, id: &str) -> Result<Value> {
        self.json(&["operation", "show", id])
    }

    fn asks(&self, verb: &str, id: &str, wait: bool) -> Result<()> {
        let wait: &[&str] = if wait { &["--wait"] } else { &[] };
        let arguments = [&["operation", verb, id, "--reason", "a test"], wait].concat();
        self.world.cellctl(&arguments).map(|_| ())
    }

    fn leader(&self) -> Result<String> {
        let shown = self.json(&["shard", "show", SHARD])?;
        let first = &shown["copies"][0];
        assert_eq!(first["role"], "primary", "{shown}");
        let node = first["node"].as_str().context("it is on a node")?;
        Ok(node.to_owned())
    }
}

#[test]
fn a_move_is_paused_resumed_and_reversed_and_a_loss_is_simulated() -> Result<()> {
    let Some(Scene { world, .. }) = Scene::up()? else {
        return Ok(());
    };
    let operator = Operator { world };
    assert_eq!(operator.leader()?, HERE);
    let moves = [
        "shard", "move", SHARD, "--to", THERE, "--window", "10m", "--reason", "a test",
    ];

    let first = operator.begins(&[&moves[..], &["--wait"]].concat())?;
    assert_eq!(
        operator.leader()?,
        THERE,
        "it waits until the shard is served there"
    );
    operator.asks("pause", &first, false)?;
    let paused = operator.shows(&first)?;
    assert_eq!(
        (&paused["state"], &paused["step"]),
        (&"paused".into(), &"window".into())
    );
    assert!(
        paused["blockers"].to_string().contains("paused"),
        "who looks is told what it waits for: {paused}"
    );
    let again = operator
        .world
        .try_cellctl(&["operation", "pause", &first, "--reason", "a test"])?;
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(
        !again.status.success() && said.contains("there is no pause now"),
        "{said}"
    );
    operator.asks("resume", &first, false)?;
    assert_eq!(operator.shows(&first)?["state"], "running");
    operator.asks("reverse", &first, true)?;
    assert_eq!(operator.shows(&first)?["state"], "reversed");
    assert_eq!(operator.leader()?, HERE, "it is back");

    for (lost, shards) in [
        ("cell/eu-central-1", 9),
        ("node/eu-central-1/0", 9),
        ("region/eu-central", 9),
    ] {
        // 3: a shard would stop, for nothing has a standby here.
        let told = operator
            .world
            .try_cellctl(&["simulate", "--lose", lost, "-o", "json"])?;
        assert_eq!(told.status.code(), Some(3), "{lost}");
        let told: Value = serde_json::from_slice(&told.stdout)?;
        let lost_shards = told["shards"].as_array().context("rows of shards")?.len();
        assert!(lost_shards >= shards, "{lost}: {lost_shards} shards");
    }
    operator.world.cellctl(&["world", "check"])?;
    Ok(())
}

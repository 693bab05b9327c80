//! A backup that was carried into another jurisdiction does not open there, under its own name or a name of theirs.

use super::*;

pub fn stays_shut(scene: &Scene, backup: &str) -> Result<()> {
    let home = scene.processes.layout.backups(&"eu".parse()?).join(backup);
    let abroad = scene.processes.layout.backups(&"us".parse()?);
    let (_, stood) = backup
        .split_once('.')
        .context("a name says where its shard stood")?;
    // Not quite its own: what opens somewhere is verified there.
    let (own, theirs) = (
        format!("{}ffffffff", &backup[..backup.len() - 8]),
        format!("us_us-east_003.{stood}"),
    );
    for (name, expected) in [(own, "has no key of eu"), (theirs, "foreign-key")] {
        let carried = abroad.join(&name);
        fs::create_dir_all(&carried)?;
        for file in fs::read_dir(&home)? {
            let file = file?;
            fs::copy(file.path(), carried.join(file.file_name()))?;
        }
        scene.refused(&["backup", "verify", &name], expected)?;
        fs::remove_dir_all(&carried)?;
    }
    Ok(())
}

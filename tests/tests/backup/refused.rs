//! What is refused while the cell lives, of backups that are broken, and by whom nothing may be had erased.

use std::path::Path;

use super::*;

/// What may not be is refused by name, and changes nothing.
pub fn while_it_lives(scene: &Scene, backups: &BTreeMap<String, String>) -> Result<()> {
    let shard = "eu/eu-central/003";
    let backup = &backups[shard];
    scene.refused(&restore(shard, backup), "it is not lost")?;
    let abroad = [
        "backup",
        "restore",
        backup,
        "--to",
        "us-east-1/0",
        "--copies-are-lost",
    ];
    let abroad = [&abroad[..], &["--confirm", shard, "--reason", "x"]].concat();
    scene.refused(&abroad, "it is not lost")?;
    scene.refused(
        &["backup", "verify", "eu_eu-central_003.e1.1.00000000"],
        "no node",
    )?;
    // A flipped byte, at a copy of the backup under a name of its own: its parts do not open there either.
    let folder = scene.processes.layout.backups(&"eu".parse()?);
    let damaged = format!("{}00", &backup[..backup.len() - 2]);
    fs::create_dir(folder.join(&damaged))?;
    for file in fs::read_dir(folder.join(backup))? {
        let file = file?;
        // Its log lies in a folder.
        if file.file_type()?.is_dir() {
            continue;
        }
        fs::copy(file.path(), folder.join(&damaged).join(file.file_name()))?;
    }
    scene.refused(&["backup", "verify", &damaged], "damaged-manifest")?;
    fs::remove_dir_all(folder.join(&damaged))?;
    with_a_broken_part(scene, &folder.join(backup), backup)?;
    // An sre may not erase; a person who never was is told.
    let nobody = format!("{HOME}/00000000-0000-7000-8000-000000000001");
    let id = "00000000-0000-7000-8000-000000000001";
    let erase = ["user", "erase", &nobody, "--reason", "x", "--confirm", id];
    scene.refused(&[&erase[..], &["--as", "sre"]].concat(), "may not")?;
    scene.refused(&[&erase[..], &["--as", OFFICER]].concat(), "has nobody")
}

/// A byte of a part is flipped, then the part is missing: each is named, and as it was it is whole. `folder`: of the
/// backup.
pub fn with_a_broken_part(scene: &Scene, folder: &Path, backup: &str) -> Result<()> {
    let part = folder.join("part-00000000");
    let good = fs::read(&part)?;
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    fs::write(&part, &flipped)?;
    scene.refused(&["backup", "verify", backup], "damaged-part")?;
    fs::remove_file(&part)?;
    scene.refused(&["backup", "verify", backup], "missing-part")?;
    fs::write(&part, good)?;
    scene.done(&["backup", "verify", backup]).map(drop)
}

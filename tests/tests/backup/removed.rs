//! A backup that is wanted no more, removed by a person.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::Scene;

/// The newer of two goes, on record; the only one stays.
pub fn by_a_person(scene: &Scene, backups: &BTreeMap<String, String>) -> Result<()> {
    let shard = "eu/eu-central/002";
    let only = &backups[shard];
    let remove = |backup: &str, confirm: &str| {
        let words = ["backup", "remove", backup, "--confirm", confirm, "--reason", "x"];
        words.map(str::to_owned)
    };
    let refused = |words: [String; 7], expected: &str| {
        let words = words.each_ref().map(String::as_str);
        scene.refused(&words, expected)
    };
    refused(remove(only, shard), "is the only backup")?;
    let made = scene.done(&["backup", "create", shard])?;
    let newer = made[0]["name"].as_str().context("its name")?;
    refused(remove(newer, "eu/eu-central/001"), "was not confirmed")?;
    let words = remove(newer, shard);
    let words = words.each_ref().map(String::as_str);
    let dry = scene.done(&[&words[..], &["--dry-run"]].concat())?;
    ensure!(dry["changed"] == false && dry["left"] == 1, "{dry}");
    let removed = scene.done(&words)?;
    ensure!(removed["changed"] == true && removed["left"] == 1, "{removed}");
    ensure!(removed["decision"].as_u64() > Some(0), "{removed}");
    refused(remove(newer, shard), "no node that answers has")?;
    ensure!(super::backups(scene)?[shard] == *only, "another was removed");
    Ok(())
}

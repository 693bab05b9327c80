//! What is held of a person is given to an officer who says why, into a file of his own, and to nobody else; and it is gone once the
//! person says so himself.

use std::os::unix::fs::PermissionsExt;

use super::*;

pub fn to_an_officer(scene: &Scene, ada: &Person) -> Result<()> {
    let (person, id) = (format!("{HOME}/{}", ada.user), ada.user.to_string());
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("4711.json");
    let into = file.to_str().context("a path that is text")?;
    let export = ["user", "export", &person, "--into", into, "--reason", "request 2"];
    scene.refused(&[&export[..], &["--as", "sre"]].concat(), "may not")?;
    let export = [&export[..], &["--as", OFFICER]].concat();
    scene.done(&[&export[..], &["--dry-run"]].concat())?;
    ensure!(!file.exists(), "a file of what nobody was given");
    let told = scene.done(&export)?;
    let decision = told["decision"].as_u64().context("it is on record")?;
    let mode = fs::metadata(&file)?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "its mode is {mode:o}");
    let text = fs::read_to_string(&file)?;
    let held: Value = serde_json::from_str(&text)?;
    let kind = |kind: &str| {
        held["items"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["kind"] == kind))
    };
    ensure!(kind("profile") && kind("activity"), "it lacks something: {text}");
    ensure!(text.contains(&ada.name) && text.contains(&ada.email), "{text}");
    let printed = told.to_string();
    ensure!(
        !printed.contains(&ada.name) && !printed.contains(&ada.email),
        "{printed}"
    );
    let shown = scene.done(&["audit", "show", &decision.to_string()])?.to_string();
    ensure!(
        shown.contains("export-user") && shown.contains(&id) && shown.contains("request 2"),
        "{shown}"
    );
    ensure!(!shown.contains(&ada.name), "{shown}");
    Ok(())
}

/// By the password, for ever; the token alone destroys nothing.
pub async fn up(scene: &Scene, cleo: &Person) -> Result<()> {
    let thief = Person {
        password: "not the password of anybody".to_owned(),
        ..cleo.clone()
    };
    let refused = scene.app.erase(&thief).await;
    let said = refused.as_ref().err().map(|failure| failure.code());
    ensure!(said == Some("invalid-credentials"), "{refused:?}");
    scene.app.profile(cleo).await?;
    let erased = scene.app.erase(cleo).await?;
    let certificate = erased.certificate.context("it is on record")?;
    refused_as_nobody("the profile", scene.app.profile(cleo).await)?;
    let shown = scene
        .done(&["audit", "show", &certificate.to_string()])?
        .to_string();
    let id = cleo.user.to_string();
    ensure!(
        shown.contains("record-erasure") && shown.contains(&id) && shown.contains("the person"),
        "{shown}"
    );
    Ok(())
}

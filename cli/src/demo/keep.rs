//! What to try in a world that the demo leaves up.

use super::Scene;
use super::story::Story;
use crate::world::door::in_path;

pub fn show(scene: &Scene<'_>, story: &mut Story<'_>) {
    let lines = lines(scene);
    story.printer().say("\nThe world is left up. Try next:\n");
    for line in &lines {
        story.printer().say(&format!("  {line}"));
    }
    for line in lines {
        story.note(format!("try: {line}"));
    }
}

fn lines(scene: &Scene<'_>) -> Vec<String> {
    let folder = scene.world.layout.root().display().to_string();
    let mut lines: Vec<String> = [
        "dev status",
        "world status",
        "shard list",
        "cell list",
        "dev logs routerd-1 -f",
        "dev down --destroy",
    ]
    .iter()
    .map(|command| format!("cellctl {command} --dir {folder}"))
    .collect();
    lines.extend(curls(scene));
    lines
}

/// Requests of an app, with the root certificate to trust and the names to resolve.
fn curls(scene: &Scene<'_>) -> Vec<String> {
    let Some(person) = scene.people.first() else {
        return Vec::new();
    };
    let url = scene.world.url();
    let (_, port) = url.rsplit_once(':').unwrap_or_default();
    let root = scene.world.layout.root_certificate().display().to_string();
    let common = url
        .trim_start_matches("https://")
        .trim_end_matches(&format!(":{port}"))
        .to_owned();
    let curl = |host: &str| format!("curl --cacert {root} --resolve {host}:{port}:127.0.0.1");
    let json = "-H 'content-type: application/json'";
    let login = format!("/v1/homes/{}/login", in_path(&person.home));
    vec![
        format!(
            "{} {json} -d '{{\"email\":\"{}\"}}' {url}/v1/locate",
            curl(&common),
            person.email
        ),
        format!(
            "{} {json} -d '{{\"email\":\"{}\",\"password\":\"{}\"}}' https://{}:{port}{login}",
            curl(&person.host),
            person.email,
            person.password,
            person.host,
        ),
        format!(
            "{} -H \"authorization: Bearer $TOKEN\" https://{}:{port}/v1/activities",
            curl(&person.host),
            person.host
        ),
    ]
}

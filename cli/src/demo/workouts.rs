//! Real workout files go in; what is computed from their records stands beside what each file says of itself.

mod row;

use anyhow::Result;
use bytes::Bytes;
use platform_report::Figure;
use platform_runtime::random;
use serde_json::json;
use uuid::Uuid;

use super::Scene;
use super::app::{Activity, Failure, Person};
use super::files::{Files, WorkoutFile};
use super::story::{Row, Story, count};

/// The codes by which a file that is no workout is refused.
const REFUSALS: [&str; 4] = ["unsupported-file", "empty-file", "corrupt-file", "file-too-large"];

/// An upload that was acknowledged.
struct Taken<'a> {
    person: &'a Person,
    file: &'a WorkoutFile,
    id: Uuid,
}

pub async fn show(scene: &Scene<'_>, files: &Files, story: &mut Story<'_>) -> Result<()> {
    story.step(&format!("{} real files are uploaded", files.all.len()));
    let (mut taken, mut rows, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (file, person) in files.all.iter().zip(scene.people.iter().cycle()) {
        let bytes = Bytes::from(file.bytes.clone());
        match scene.app.upload(person, bytes, random::uuid_v7()).await {
            Ok((_, activity)) => taken.push(Taken {
                person,
                file,
                id: activity.id,
            }),
            Err(failure) => refused.push(refusal(file, &failure, story)),
        }
    }
    for upload in &taken {
        if let Some(activity) = read_back(scene, upload, story).await {
            rows.push(row::of(upload.person, &upload.file.name, &activity));
        }
    }
    check_formats(files, &rows, story);
    story.table(
        "workouts",
        "Workouts: computed from the records, and what the device says",
        &row::HEADER,
        rows,
    );
    story.table(
        "refused-files",
        "Files that are no workout",
        &["file", "code", "why"],
        refused,
    );
    story.figure(Figure::info("files-taken", count(taken.len()), "files"));
    check_lists(scene, &taken, story).await?;
    check_repeat(scene, &taken, story).await?;
    check_strangers(scene, &taken, story).await;
    Ok(())
}

fn refusal(file: &WorkoutFile, failure: &Failure, story: &mut Story<'_>) -> Row {
    let (code, detail) = match failure {
        Failure::Refused { code, detail, .. } => (code.as_str(), detail.as_str()),
        Failure::NoAnswer { .. } | Failure::Unreadable { .. } => ("", ""),
    };
    story.check(
        REFUSALS.contains(&code),
        "a file is taken, or refused as no workout",
        || format!("{}: {failure}", file.name),
    );
    Row {
        text: vec![file.name.clone(), code.to_owned(), detail.to_owned()],
        json: json!({ "file": file.name, "code": code, "why": detail }),
    }
}

/// What was acknowledged is there: the activity, and the file byte by byte.
async fn read_back(scene: &Scene<'_>, upload: &Taken<'_>, story: &mut Story<'_>) -> Option<Activity> {
    let (name, person) = (&upload.file.name, upload.person);
    let original = scene.app.original(person, upload.id).await;
    let is_same = original.as_ref().is_ok_and(|bytes| *bytes == upload.file.bytes);
    story.check(
        is_same,
        "an uploaded file comes back byte by byte",
        || match &original {
            Ok(bytes) => format!(
                "{name}: {} bytes, {} were sent",
                bytes.len(),
                upload.file.bytes.len()
            ),
            Err(failure) => format!("{name}: {failure}"),
        },
    );
    let activity = scene.app.activity(person, upload.id).await;
    story.check(activity.is_ok(), "an acknowledged upload can be read", || {
        format!("{name}: {}", failure_text(&activity))
    });
    let activity = activity.ok()?;
    let size = activity.original.size_bytes;
    story.check(
        size == upload.file.bytes.len(),
        "an activity knows the size of its file",
        || format!("{name}: {size}"),
    );
    Some(activity)
}

fn failure_text<T>(outcome: &Result<T, Failure>) -> String {
    outcome
        .as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The packages carry workouts of each format, and some of them must be taken.
fn check_formats(files: &Files, rows: &[Row], story: &mut Story<'_>) {
    if !files.of_packages {
        story.check(!rows.is_empty(), "some file is a workout", || {
            "none was taken".to_owned()
        });
        return;
    }
    for format in ["fit", "gpx", "tcx"] {
        let some = rows.iter().any(|row| row.json["format"] == format);
        story.check(some, "real workouts of each format are taken", || {
            format!("no {format}")
        });
    }
}

async fn check_lists(scene: &Scene<'_>, taken: &[Taken<'_>], story: &mut Story<'_>) -> Result<()> {
    for person in &scene.people {
        let listed = scene.app.all_ids(person).await?;
        let mut own: Vec<Uuid> = taken
            .iter()
            .filter(|t| t.person.user == person.user)
            .map(|t| t.id)
            .collect();
        own.sort();
        own.dedup();
        let missing = own.iter().filter(|id| !listed.contains(id)).count();
        story.check(
            missing == 0 && listed.len() == own.len(),
            "a list shows each activity once",
            || {
                format!(
                    "{}: {} listed, {} uploaded, {missing} missing",
                    person.name,
                    listed.len(),
                    own.len()
                )
            },
        );
    }
    Ok(())
}

/// The same bytes again are the same activity.
async fn check_repeat(scene: &Scene<'_>, taken: &[Taken<'_>], story: &mut Story<'_>) -> Result<()> {
    let Some(first) = taken.first() else { return Ok(()) };
    let bytes = Bytes::from(first.file.bytes.clone());
    let (status, activity) = scene.app.upload(first.person, bytes, random::uuid_v7()).await?;
    story.check(
        status == 200 && activity.id == first.id,
        "the same bytes twice are the same activity",
        || format!("{}: {status}, {} and {}", first.file.name, first.id, activity.id),
    );
    Ok(())
}

/// An activity is its owner's alone.
async fn check_strangers(scene: &Scene<'_>, taken: &[Taken<'_>], story: &mut Story<'_>) {
    let Some(first) = taken.first() else { return };
    for stranger in scene
        .people
        .iter()
        .filter(|person| person.user != first.person.user)
    {
        let seen = scene.app.activity(stranger, first.id).await;
        let code = seen
            .as_ref()
            .err()
            .map_or("it was shown", |failure| failure.code());
        story.check(code == "not-found", "nobody sees another's activity", || {
            format!("{}: {code}", stranger.name)
        });
    }
}

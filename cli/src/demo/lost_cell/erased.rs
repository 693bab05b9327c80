//! Somebody takes along all that is held of him, is erased, and stays so when what he was in is restored from a backup.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use platform_runtime::clock::Clock;
use platform_runtime::random;

use super::{Newcomer, RIDES, Scene, Story, said};
use crate::demo::app::{Failure, Person, TakenAlong};
use crate::demo::traces::{self, Traces};

const OFFICER: &str = "compliance/ann";
/// For a restored directory to have asked every shard who lives there, before it takes anybody new.
const COMPLETE_WITHIN: Duration = Duration::from_secs(60);
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// What searches found before and after.
pub struct Searched {
    before: Traces,
    after: Traces,
}

pub async fn show(scene: &Scene<'_>, person: &Person, story: &mut Story<'_>) -> Result<Searched> {
    story.step("somebody takes along all that is held of him, and is erased");
    let along = scene.app.take_along(person).await?;
    check_export(person, &along, story);
    let before = Traces::of(scene, person).await?;
    let (place, id) = (
        format!("{}/{}", person.home, person.user),
        person.user.to_string(),
    );
    let erase = [
        "user",
        "erase",
        &place,
        "--as",
        OFFICER,
        "--reason",
        "request 4711",
    ];
    let erased = said(scene, &[&erase[..], &["--confirm", &id]].concat()).await?;
    let number = |name: &str| erased[name].as_u64().unwrap_or_default();
    let so = number("certificate") > 0 && number("rows") > 0 && number("claims") == 1;
    let what = "an erasure has a certificate in the ledger, and gives the address back";
    story.check(so, what, || erased.to_string());
    story.note(format!(
        "the certificate is decision {}: {} rows and {} claim are gone, and the key",
        number("certificate"),
        number("rows"),
        number("claims"),
    ));
    refused(scene, person, "who was erased is refused", story).await;
    let after = Traces::of(scene, person).await?;
    let searches = [("before the erasure", &before), ("after it", &after)];
    traces::check_clear("the erased", &searches, story);
    Ok(Searched { before, after })
}

/// The profile, and every file byte by byte.
fn check_export(person: &Person, along: &TakenAlong, story: &mut Story<'_>) {
    let count = |kind: &str| along.items.iter().filter(|item| item.kind == kind).count();
    let mut profiles = along.items.iter().filter(|item| item.kind == "profile");
    let profile = profiles.any(|item| item.value["email"] == person.email.as_str());
    let what = "an export has the profile, sessions and every workout";
    let (sessions, workouts) = (count("session"), count("activity"));
    story.check(profile && sessions == 1 && workouts as u64 == RIDES, what, || {
        format!("{profile}, {sessions} sessions, {workouts} workouts")
    });
    let originals = along.files.iter().filter(|(path, _)| path.ends_with("/original"));
    let came: BTreeSet<Vec<u8>> = originals.map(|(_, bytes)| bytes.to_vec()).collect();
    let sent: BTreeSet<Vec<u8>> = (0..RIDES).map(|number| traces::ride(person, number)).collect();
    let what = "an export has every file as it was uploaded";
    story.check(came == sent, what, || {
        format!("{} of {RIDES}", came.intersection(&sent).count())
    });
}

/// Nothing is shown of him, by whatever he had.
async fn refused(scene: &Scene<'_>, person: &Person, what: &str, story: &mut Story<'_>) {
    let app = &scene.app;
    let answers = [
        (
            "profile",
            code(answered(async || app.profile(person).await).await),
        ),
        (
            "refresh",
            code(answered(async || app.refresh(person).await).await),
        ),
        (
            "export",
            code(answered(async || app.take_along(person).await).await),
        ),
    ];
    let so = answers.iter().all(|(_, code)| code == "invalid-token");
    story.check(so, what, || format!("{answers:?}"));
}

/// Asks until something is said: a shard may just be opening.
async fn answered<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        let answer = ask().await;
        let said = match &answer {
            Ok(_) => true,
            Err(Failure::Refused { status, .. }) => (400..500).contains(status) && *status != 429,
            Err(_) => false,
        };
        if said || clock.monotonic() - begun > COMPLETE_WITHIN {
            return answer;
        }
        clock.sleep(AGAIN_AFTER).await;
    }
}

fn code<T>(answer: Result<T, Failure>) -> String {
    match answer {
        Ok(_) => "it is answered".to_owned(),
        Err(failure) if failure.code().is_empty() => failure.to_string(),
        Err(failure) => failure.code().to_owned(),
    }
}

/// After the restore: he is nowhere, and his address is anybody's.
pub async fn stays(
    scene: &Scene<'_>,
    person: &Person,
    searched: &Searched,
    story: &mut Story<'_>,
) -> Result<()> {
    refused(
        scene,
        person,
        "a restore of an older backup does not bring him back",
        story,
    )
    .await;
    let (clock, key) = (Clock::system(), random::uuid_v7());
    let begun = clock.monotonic();
    // Always under one key: one that broke off holds the address until it is decided.
    let another = loop {
        let newcomer = Newcomer {
            name: "somebody-else".to_owned(),
            country: person.country,
            email: person.email.clone(),
        };
        match scene.app.register_under(newcomer, key).await {
            Ok(another) => break Ok(another),
            Err(failure) if clock.monotonic() - begun > COMPLETE_WITHIN => break Err(failure),
            Err(_) => clock.sleep(AGAIN_AFTER).await,
        }
    };
    let so = another.as_ref().is_ok_and(|another| another.user != person.user);
    story.check(so, "his address is anybody's", || {
        another
            .as_ref()
            .err()
            .map(ToString::to_string)
            .unwrap_or_default()
    });
    // But for the address: that is another's by now.
    let restored = Traces::of(scene, person).await?;
    let his = restored
        .clear
        .iter()
        .filter(|found| !found.starts_with(traces::ADDRESS));
    let his: Vec<&String> = his.collect();
    let what = "no value of the erased lies in the clear after the restore";
    story.check(his.is_empty(), what, || format!("{his:?}"));
    let searches = [
        ("before", &searched.before),
        ("erased", &searched.after),
        ("restored", &restored),
    ];
    let title = format!("Files that name the id of {}", person.name);
    traces::table("erased-traces", &title, &searches, story);
    story.note(
        "what still names the id of the erased: the controllers' list by which restores go, the mark of his destroyed key, and \
         rows in journals and older backups, sealed with that key",
    );
    Ok(())
}

//! Somebody of the US moves to a home of the EU by her own consent, while she uploads and reads: she has all that she had, the
//! old home has erased it, and before and after it is searched where bytes of hers lie.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use platform_model::HomeId;
use platform_report::Figure;
use platform_runtime::clock::Clock;

use super::Scene;
use super::app::{Newcomer, Person};
use super::commands::said;
use super::story::{Story, count};
use super::traces::{self, Traces};
use super::traffic::Traffic;

const NAME: &str = "grace-who-moves-abroad";
const COUNTRY: &str = "US";
const TO: &str = "eu/eu-central";
const WRITERS: usize = 2;
/// Acknowledgements before and after.
const ACKS_AROUND: usize = 60;
/// Cells of where she lives before, and after.
const OLD: &str = "celld-us-east-1";
const NEW: &str = "celld-eu-central-1";
/// Tracks of this act are numbered from here.
const FIRST: u64 = 80_000;
const MOVED_WITHIN: Duration = Duration::from_secs(60);
/// For what she told to be delivered, her rows and her key to go, and the controllers to put that on record.
const ERASED_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// However slow and busy the machine is; how long it usually is is for `bench` to say.
const PAUSE_MS_MAX: f64 = 15_000.0;

/// When she asked, and when the new home served her.
struct Moved {
    asked: Duration,
    there: Duration,
}

pub async fn show(scene: &Scene<'_>, story: &mut Story<'_>) -> Result<()> {
    let to: HomeId = TO.parse()?;
    story.step(&format!(
        "somebody of the US moves to {to} by her own consent, while she uploads and reads"
    ));
    let newcomer = Newcomer {
        name: NAME.to_owned(),
        country: COUNTRY.parse()?,
        email: format!("{NAME}@example.org"),
    };
    let person = scene.app.register(newcomer).await?;
    traces::leave(scene, &person, 0).await?;
    let traffic = Traffic::new(scene, vec![person.clone()], FIRST);
    let mut before = None;
    let act = async {
        traffic.acknowledged(ACKS_AROUND).await?;
        before = Some(Traces::of(scene, &person).await?);
        moves(scene, &traffic, &person, &to).await
    };
    let moved = traffic.during(WRITERS, act).await?;
    erased(scene, &person, story).await?;
    let after = Traces::of(scene, &person).await?;
    let before = before.context("it was looked before")?;
    search(&person, (&before, &after), story);
    lives_there(scene, &person, &to, story).await?;
    figures(&traffic, &moved, story);
    traffic.account().await.report("relocation", story);
    Ok(())
}

async fn moves(scene: &Scene<'_>, traffic: &Traffic, person: &Person, to: &HomeId) -> Result<Moved> {
    let asked = traffic.clock.monotonic();
    scene.app.relocate(person, to).await?;
    loop {
        let now = scene.app.relocation(person).await;
        if let Ok(now) = &now
            && now.phase == "at-home"
        {
            // Where she has come from: else it was cancelled.
            let came_from = now.home.as_deref().unwrap_or_default();
            ensure!(came_from == person.home.to_string(), "she stays: {}", now.outcome);
            break;
        }
        let passed = traffic.clock.monotonic() - asked;
        ensure!(passed < MOVED_WITHIN, "she does not move: {now:?}");
        traffic.clock.sleep(POLL).await;
    }
    let there = traffic.clock.monotonic();
    traffic.acknowledged(ACKS_AROUND).await?;
    Ok(Moved { asked, there })
}

/// What the old home says, once all that was hers there is gone and that is on record.
async fn erased(scene: &Scene<'_>, person: &Person, story: &mut Story<'_>) -> Result<()> {
    let place = format!("{}/{}", person.home, person.user);
    let clock = Clock::system();
    let begun = clock.monotonic();
    loop {
        let told = said(scene, &["user", "relocation", "show", &place]).await?;
        let gone = told["phase"] == "gone";
        if gone || clock.monotonic() - begun > ERASED_WITHIN {
            let what = "the home that she left has erased her rows and her key, and redirects";
            story.check(gone && told["other"] == TO, what, || told.to_string());
            return Ok(());
        }
        clock.sleep(LOOK_AGAIN).await;
    }
}

/// By her old token, by her address, and by a token of the new home.
async fn lives_there(scene: &Scene<'_>, person: &Person, to: &HomeId, story: &mut Story<'_>) -> Result<()> {
    let served = scene.app.profile(person).await;
    let what = "the token of the old home is good in the new one";
    story.check(served.is_ok(), what, || format!("{:?}", served.err()));
    let place = scene.app.locate(&person.email).await?;
    let tokens = scene.app.refresh(person).await?;
    let back = scene.app.log_in(&place, person).await?;
    let homes = [&place.home, &tokens.home, &back.home];
    let what = "address, refresh and log-in name the new home";
    story.check(homes.iter().all(|home| *home == to), what, || {
        format!("{homes:?}")
    });
    Ok(())
}

fn search(person: &Person, (before, after): (&Traces, &Traces), story: &mut Story<'_>) {
    let searches = [("before", before), ("after", after)];
    traces::check_clear("hers", &searches, story);
    let what = "her sealed rows lie in the cell of her home: of the old one before, of the new one after";
    let so = before.are_at(OLD) && !before.are_at(NEW) && after.are_at(NEW);
    story.check(so, what, || format!("{:?} and {:?}", before.by_id, after.by_id));
    let what = "the home that she left keeps her id, in the row by which it redirects";
    story.check(after.are_at(OLD), what, || format!("{:?}", after.by_id));
    let title = format!("Files with sealed rows of {}, or her id", person.name);
    traces::table("moved-traces", &title, &searches, story);
    story.note(
        "what the old cell's files hold of who has moved is the row that redirects, and what a destroyed key sealed",
    );
}

fn figures(traffic: &Traffic, moved: &Moved, story: &mut Story<'_>) {
    let ms = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    let took = moved.there - moved.asked;
    story.figure(Figure::info("relocation-took-ms", ms(took), "ms"));
    let mut acked: Vec<Duration> = traffic
        .writes()
        .iter()
        .filter(|write| write.outcome.is_ok())
        .map(|write| write.ended)
        .collect();
    acked.sort();
    let around = acked.windows(2).filter(|pair| pair[1] > moved.asked);
    let pause = around.map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    story.figure(Figure::at_most(
        "relocation-write-pause-ms",
        ms(pause),
        "ms",
        PAUSE_MS_MAX,
    ));
    let (requests, failures) = (traffic.tally.requests(), traffic.tally.failures());
    story.figure(Figure::info(
        "requests-during-relocation",
        count(requests),
        "requests",
    ));
    // Told, and judged by what became of each write: how long a fence lasts on a busy machine is for `bench` to say.
    story.figure(Figure::info(
        "client-errors-during-relocation",
        count(failures),
        "requests",
    ));
    for sample in traffic.tally.samples().iter().take(5) {
        story.note(format!("failed during the relocation: {sample}"));
    }
}

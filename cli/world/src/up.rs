//! A world comes up: its processes in order, each watched until it serves. How it goes down is in `down.rs`.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use platform_model::WorldId;
use platform_runtime::clock::Clock;
use platform_wire::RefusalCode;
use platform_wire::admin::{AdminClient, WorldStatus};

use super::binaries::Binaries;
use super::folder::Folder;
use super::layout::Layout;
use super::people::Person;
use super::ports::Ports;
use super::process::{self, Process, State};
use super::ready::{self, POLL, StartedAfter};
use super::seats::{COMMON_HOST, Seat, SeatKind, seats, spec};
use super::{config_files, disk, door, make, operator, trust};
use crate::exit::Hinted;
use crate::progress::Progress;

/// For a controller to answer after its start.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// For the whole world to serve.
pub(super) const SERVE_WITHIN: Duration = Duration::from_secs(90);
/// What stands for the name of a process in the values of its environment.
pub const SEAT_IN_ENVIRONMENT: &str = "{seat}";
/// Lines of a log that an error shows.
const TAIL_LINES: usize = 15;

/// The processes of one folder.
pub struct World {
    pub layout: Layout,
    pub id: WorldId,
    pub ports: Ports,
    /// Given to every process that starts from now on.
    environment: Mutex<Vec<(String, String)>>,
    /// What this very process started: kept so that the dead are reaped.
    pub(super) children: Mutex<BTreeMap<String, Child>>,
}

impl World {
    /// The world of a folder, which is made if there is none. `door`: the router's port of a new world.
    ///
    /// # Errors
    /// For a folder of something else; what the file system says.
    pub fn open_or_make(layout: &Layout, door: Option<u16>, progress: &dyn Progress) -> Result<Self> {
        match Folder::look(layout)? {
            Folder::World(_) => return Self::open(layout),
            Folder::Unfinished => {
                progress.progress("this folder holds a world whose making was broken off: it is made anew")
            }
            Folder::Empty => {
                progress.progress(&format!("a new world is made in {}", layout.root().display()))
            }
        }
        disk::create_folder(layout.root())?;
        disk::check_free(layout.root())?;
        make::make(layout, door).map_err(|error| disk::explained(error, layout.root()))?;
        Self::open(layout)
    }

    /// The world of a folder.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(layout: &Layout) -> Result<Self> {
        let id = Folder::look(layout)?.world(layout)?;
        let ports = Ports::load(layout)?;
        Ok(Self {
            layout: layout.clone(),
            id,
            ports,
            environment: Mutex::default(),
            children: Mutex::default(),
        })
    }

    /// Processes that start from now on have this in their environment, with their own name for
    /// [`SEAT_IN_ENVIRONMENT`].
    pub fn set_environment(&self, environment: Vec<(String, String)>) {
        *self.environment.lock() = environment;
    }

    /// Where every app begins.
    pub fn url(&self) -> String {
        let router = seats()
            .into_iter()
            .find(|seat| matches!(seat.kind, SeatKind::Router(_)));
        let router = router.expect("a world has a router");
        format!("https://{COMMON_HOST}:{}", self.ports.of(&router))
    }

    /// The operator's client.
    ///
    /// # Errors
    /// When its certificate cannot be used.
    pub fn admin(&self) -> Result<AdminClient> {
        operator::client(&self.layout, &self.id, self.ports.controllers())
    }

    /// The client of another person.
    ///
    /// # Errors
    /// When the certificate cannot be used.
    pub fn admin_as(&self, person: &Person) -> Result<AdminClient> {
        operator::client_as(&self.layout, &self.id, self.ports.controllers(), person)
    }

    /// Starts every process that does not run and waits until the world serves; gives those that it started.
    ///
    /// # Errors
    /// Names what is in the way. Processes that were started before the failure go on.
    pub async fn up(&self, binaries: Binaries, progress: &dyn Progress) -> Result<Vec<Seat>> {
        let missing = self.missing(progress)?;
        if missing.is_empty() {
            return Ok(missing);
        }
        let outcome = self.start_missing(&missing, binaries, progress).await;
        outcome.map_err(|error| disk::explained(error, self.layout.root()))?;
        Ok(missing)
    }

    /// Seats without a process; the pid files of dead ones are taken away.
    fn missing(&self, progress: &dyn Progress) -> Result<Vec<Seat>> {
        let mut missing = Vec::new();
        for seat in seats() {
            match Process::state(&self.layout, &seat) {
                State::Running(_) => continue,
                State::Stale(process) => {
                    progress.progress(&format!(
                        "{seat} is gone (process {} ended by itself): its pid file is removed",
                        process.pid
                    ));
                    Process::forget(&self.layout, &seat)?;
                }
                State::Stopped => {}
            }
            missing.push(seat);
        }
        Ok(missing)
    }

    async fn start_missing(
        &self,
        missing: &[Seat],
        binaries: Binaries,
        progress: &dyn Progress,
    ) -> Result<()> {
        disk::check_free(self.layout.root())?;
        for seat in missing {
            self.ports
                .check_free(seat)
                .with_context(|| format!("cannot start {seat}"))?;
        }
        trust::refresh(&self.layout, &self.id, missing)?;
        config_files::write_all(&self.layout, &self.id, &self.ports)?;
        binaries.install(&self.layout, progress).await?;
        let (controllers, others): (Vec<_>, Vec<_>) = missing.iter().cloned().partition(Seat::is_controller);
        if !controllers.is_empty() {
            progress.progress("starting the controllers");
            self.start_controllers(&controllers).await?;
        }
        self.make_known(progress).await?;
        self.enact_law(progress).await?;
        progress.progress("starting cells and router");
        self.start_others(&others).await
    }

    /// Starts controllers and waits until each of them answers.
    ///
    /// # Errors
    /// With the end of the log of one that does not.
    pub async fn start_controllers(&self, controllers: &[Seat]) -> Result<()> {
        for seat in controllers {
            self.spawn(seat)?;
        }
        for seat in controllers {
            let alone = operator::client(&self.layout, &self.id, vec![self.ports.address(seat)])?;
            let answers = async || {
                alone
                    .status_local()
                    .await
                    .err()
                    .map(|error| format!("{seat} does not answer: {error}"))
            };
            self.wait(std::slice::from_ref(seat), ANSWER_WITHIN, answers)
                .await?;
        }
        Ok(())
    }

    /// Starts nodes and router and waits until the whole world serves.
    ///
    /// # Errors
    /// With the end of the log of a process that ended; else with what was still missing when the time was over.
    pub async fn start_others(&self, others: &[Seat]) -> Result<()> {
        let admin = self.admin()?;
        let before = admin.status().await.map_err(operator::explain)?;
        let after = ready::incarnations(&before, others.iter().filter_map(Seat::node));
        for seat in others {
            self.spawn(seat)?;
        }
        self.wait_until_it_serves(&admin, &after).await
    }

    async fn wait_until_it_serves(&self, admin: &AdminClient, after: &StartedAfter) -> Result<()> {
        let http = door::client(&self.layout)?;
        let serves = async || match admin.status().await {
            Ok(status) => match ready::not_ready(&status, after) {
                Some(why) => Some(why),
                None => door::not_ready(&http, &self.url()).await,
            },
            Err(error) => Some(error.to_string()),
        };
        self.wait(&seats(), SERVE_WITHIN, serves).await
    }

    /// Waits for some controller to lead.
    ///
    /// # Errors
    /// When none does in time.
    pub async fn wait_for_leader(&self) -> Result<WorldStatus> {
        let admin = self.admin()?;
        let led = async || match admin.status().await {
            Ok(status) if status.leader.is_some() && !status.reports.is_empty() => None,
            Ok(_) => Some("no controller leads".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        let controllers: Vec<Seat> = seats().into_iter().filter(Seat::is_controller).collect();
        self.wait(&controllers, ANSWER_WITHIN, led).await?;
        admin.status().await.map_err(operator::explain)
    }

    /// Tells the controllers what the world is made of, once in its life.
    async fn make_known(&self, progress: &dyn Progress) -> Result<()> {
        let admin = self.admin()?;
        if admin.status().await.map_err(operator::explain)?.world_made {
            return Ok(());
        }
        progress.progress("telling the controllers what the world is made of");
        match admin.init_world(&spec()).await {
            Err(error)
                if error
                    .refusal()
                    .is_some_and(|refusal| refusal.code == RefusalCode::WorldExists) =>
            {
                Ok(())
            }
            other => other.map(|_| ()).map_err(operator::explain),
        }
    }

    /// Starts a process again that was killed, and waits for nothing.
    ///
    /// # Errors
    /// When its binary cannot be started.
    pub fn spawn(&self, seat: &Seat) -> Result<()> {
        let child = Process::start(
            &self.layout,
            seat,
            &environment_of(seat, &self.environment.lock()),
        )?;
        self.children.lock().insert(seat.to_string(), child);
        Ok(())
    }

    /// Waits until `missing` finds nothing missing, while the processes of `alive` run.
    pub(super) async fn wait(
        &self,
        alive: &[Seat],
        within: Duration,
        missing: impl AsyncFn() -> Option<String>,
    ) -> Result<()> {
        let clock = Clock::system();
        let begun = clock.monotonic();
        loop {
            let Some(why) = missing().await else { return Ok(()) };
            if let Some(dead) = alive.iter().find(|seat| !self.runs(seat)) {
                return Err(self.ended(dead).into());
            }
            if clock.monotonic().saturating_sub(begun) > within {
                let message = format!("not ready after {} s: {why}", within.as_secs());
                return Err(Hinted::new(message, &["cellctl dev logs"]).into());
            }
            clock.sleep(POLL).await;
        }
    }

    fn runs(&self, seat: &Seat) -> bool {
        matches!(Process::state(&self.layout, seat), State::Running(_))
    }

    fn ended(&self, seat: &Seat) -> Hinted {
        let tail = process::own_log_tail(&self.layout, seat, TAIL_LINES);
        let path = self.layout.log(seat);
        let message = format!(
            "{seat} ended; its log ({}) says last:\n    {}",
            path.display(),
            tail.replace('\n', "\n    ")
        );
        Hinted::new(message, &[&format!("cellctl dev logs {seat}")])
    }
}

/// What a process finds in its environment: its own name stands where [`SEAT_IN_ENVIRONMENT`] did.
fn environment_of(seat: &Seat, environment: &[(String, String)]) -> Vec<(String, String)> {
    let own = |value: &str| value.replace(SEAT_IN_ENVIRONMENT, &seat.to_string());
    environment
        .iter()
        .map(|(name, value)| (name.clone(), own(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_finds_its_own_name_in_its_environment() {
        let given = [("A", "/clocks/{seat}"), ("B", "as it is")];
        let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let seat = super::super::seats::seat_named("celld-us-east-1").expect("a seat");
        let own = environment_of(&seat, &given);
        assert_eq!(own[0], ("A".to_owned(), "/clocks/celld-us-east-1".to_owned()));
        assert_eq!(own[1], given[1]);
    }
}

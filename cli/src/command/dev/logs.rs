//! `dev logs`: the logs of a world's processes, as they are or as they grow.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use platform_runtime::clock::Clock;

use crate::command::WorldFolder;
use crate::exit::{Ended, Hinted};
use crate::world::{Layout, Seat, World, process, seats};

/// How often a followed log is looked at.
const POLL: Duration = Duration::from_millis(200);
/// At most this much of a log is written at once.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Prints the end of the logs: of one process, or of all.
#[derive(Debug, Args)]
#[command(after_help = "Example: cellctl dev logs celld-eu-west-1 -f")]
pub struct Logs {
    /// The process, such as `routerd-1`; `cellctl dev status` names them.
    seat: Option<String>,
    /// Goes on as the logs grow, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines of each log.
    #[arg(short = 'n', long, default_value_t = 50, value_name = "LINES")]
    lines: usize,
    #[command(flatten)]
    world: WorldFolder,
}

impl Logs {
    pub async fn run(&self) -> Result<Ended> {
        let world = World::open(&Layout::new(&self.world.dir))?;
        let seats = self.seats()?;
        let mut followed: Vec<Followed> = Vec::new();
        for seat in &seats {
            let end = length(&world.layout, seat);
            print(
                seat,
                seats.len() > 1,
                &process::log_tail(&world.layout, seat, self.lines),
            )?;
            followed.push(Followed {
                seat: seat.clone(),
                read: end,
            });
        }
        if !self.follow {
            return Ok(Ended::Ok);
        }
        loop {
            Clock::system().sleep(POLL).await;
            for log in &mut followed {
                log.go_on(&world.layout, seats.len() > 1)?;
            }
        }
    }

    fn seats(&self) -> Result<Vec<Seat>> {
        let all = seats::seats();
        let Some(name) = &self.seat else { return Ok(all) };
        if let Some(seat) = seats::seat_named(name) {
            return Ok(vec![seat]);
        }
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        let known = format!("known: {}", names.join(", "));
        Err(Hinted::new(format!("there is no process {name} in a world"), &[&known]).into())
    }
}

/// A log and how far it was printed.
struct Followed {
    seat: Seat,
    read: u64,
}

impl Followed {
    fn go_on(&mut self, layout: &Layout, named: bool) -> Result<()> {
        let end = length(layout, &self.seat);
        if end < self.read {
            // The world was made anew.
            self.read = 0;
        }
        if end == self.read {
            return Ok(());
        }
        let mut file = File::open(layout.log(&self.seat)).context("cannot read a log")?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = Vec::new();
        file.take(CHUNK_BYTES.min(end - self.read))
            .read_to_end(&mut text)?;
        // A line that is still being written is printed when it is whole.
        let Some(whole) = text.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        self.read += u64::try_from(whole + 1).expect("a chunk is small");
        print(
            &self.seat,
            named,
            String::from_utf8_lossy(&text[..whole]).as_ref(),
        )
    }
}

fn length(layout: &Layout, seat: &Seat) -> u64 {
    std::fs::metadata(layout.log(seat)).map_or(0, |data| data.len())
}

/// Logs are data: they go to stdout, whatever `-o` says.
fn print(seat: &Seat, named: bool, text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    for line in text.lines() {
        let written = if named {
            writeln!(stdout, "{seat:<18} {line}")
        } else {
            writeln!(stdout, "{line}")
        };
        written.context("cannot write the log")?;
    }
    stdout.flush().context("cannot write the log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_process_is_told_which_there_are() {
        let world = WorldFolder { dir: "x".into() };
        let logs = Logs {
            seat: Some("celld".into()),
            follow: false,
            lines: 1,
            world,
        };
        let error = logs.seats().expect_err("unknown");
        let text = crate::exit::text(&error, "");
        assert!(
            text.contains("there is no process celld") && text.contains("celld-us-east-1"),
            "{text}"
        );
    }

    #[test]
    fn a_followed_log_is_read_line_by_whole_line_and_from_its_start_when_it_was_made_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let layout = Layout::new(dir.path());
        let seat = seats::seats().swap_remove(0);
        std::fs::create_dir_all(layout.seat(&seat)).expect("made");
        let mut log = Followed {
            seat: seat.clone(),
            read: 0,
        };
        std::fs::write(layout.log(&seat), "one\nhal").expect("written");
        log.go_on(&layout, false).expect("read");
        assert_eq!(log.read, 4, "the half line waits");
        std::fs::write(layout.log(&seat), "a\n").expect("written");
        log.go_on(&layout, false).expect("read");
        assert_eq!(log.read, 2);
    }
}

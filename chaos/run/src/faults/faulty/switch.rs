//! How a disk behaves, and what becomes of a call meanwhile.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use parking_lot::{Condvar, Mutex};

/// How a disk behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    #[default]
    Well,
    /// Whatever is written, and more so whatever is made durable, takes a while.
    Slow,
    /// Nothing can be written, changed or made durable (`EIO`). What lies there can be read.
    Failing,
}

/// The health of one disk. Whoever waits because it is slow goes on when it is not any more.
#[derive(Debug, Default)]
pub struct Switch {
    health: Mutex<Health>,
    changed: Condvar,
}

impl Switch {
    pub fn set(&self, health: Health) {
        *self.health.lock() = health;
        self.changed.notify_all();
    }

    /// Before something changes on the disk: on a slow one this takes `while_slow`.
    ///
    /// # Errors
    /// `EIO` on one that fails.
    pub fn pass(&self, while_slow: Duration) -> io::Result<()> {
        let mut health = self.health.lock();
        if *health == Health::Slow {
            let slow = |health: &mut Health| *health == Health::Slow;
            self.changed.wait_while_for(&mut health, slow, while_slow);
        }
        match *health {
            Health::Failing => Err(Errno::EIO.into()),
            Health::Well | Health::Slow => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use platform_runtime::clock::Clock;

    use super::*;

    /// So long that only the switch ends it.
    const FOR_EVER: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_slow_disk_takes_its_time_and_one_that_fails_says_so() {
        let (switch, clock, while_slow) = (Switch::default(), Clock::system(), Duration::from_millis(40));
        switch.pass(FOR_EVER).expect("it is well");
        switch.set(Health::Slow);
        let begun = clock.monotonic();
        switch.pass(while_slow).expect("it is only slow");
        assert!(clock.monotonic() - begun >= while_slow);
        switch.set(Health::Failing);
        let refused = switch.pass(FOR_EVER).expect_err("it fails");
        assert_eq!(refused.raw_os_error(), Some(Errno::EIO as i32));
    }

    #[test]
    fn who_waits_for_a_slow_disk_goes_on_when_it_changes() {
        for (then, passes) in [(Health::Well, true), (Health::Failing, false)] {
            let switch = Arc::new(Switch::default());
            switch.set(Health::Slow);
            let waiting = {
                let switch = Arc::clone(&switch);
                thread::spawn(move || switch.pass(FOR_EVER))
            };
            switch.set(then);
            let passed = waiting.join().expect("no panic");
            assert_eq!(passed.is_ok(), passes, "{then:?}");
        }
    }
}

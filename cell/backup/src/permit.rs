//! Whether bytes may go on leaving. The law may change while a backup is written, so it is asked again before each part.

use std::time::Duration;

use platform_runtime::Clock;

use crate::error::BackupError;

/// What the law says now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permit {
    Granted,
    /// It cannot be told: asked again in a moment.
    Held(String),
    Denied(String),
}

/// Asks it, by the newest that is known.
pub type Asks<'a> = dyn Fn() -> Permit + Send + Sync + 'a;

/// A backup waits no longer for a law that can be told.
const HELD_MAX: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_secs(1);

/// Asks it once.
///
/// # Errors
/// [`BackupError::Withheld`], also while it cannot be told.
pub(crate) fn granted_now(asks: &Asks<'_>) -> Result<(), BackupError> {
    match asks() {
        Permit::Granted => Ok(()),
        Permit::Held(why) | Permit::Denied(why) => Err(BackupError::Withheld(why)),
    }
}

/// Waits while it cannot be told.
///
/// # Errors
/// [`BackupError::Withheld`].
pub(crate) async fn granted(asks: &Asks<'_>, clock: &Clock) -> Result<(), BackupError> {
    let began = clock.monotonic();
    loop {
        match asks() {
            Permit::Granted => return Ok(()),
            Permit::Denied(why) => return Err(BackupError::Withheld(why)),
            Permit::Held(why) if clock.monotonic().saturating_sub(began) >= HELD_MAX => {
                return Err(BackupError::Withheld(why));
            }
            Permit::Held(_) => clock.sleep(LOOK).await,
        }
    }
}

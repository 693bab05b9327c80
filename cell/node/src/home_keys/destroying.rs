//! A person's key is destroyed, wherever the home's key shard is served; what was opened here is forgotten.
//!
//! Other nodes may remember an opened key for as long as their settings say; they serve nothing of the person with it: his
//! rows go next.

use platform_model::{Code, HomeId, Problem, UserId};
use platform_wire::follow::Followed;

use super::{ATTEMPTS_MAX, HomeKeys, PAUSE, Place, call_problem, key_problem, rows, unavailable};

impl HomeKeys {
    /// Destroys the person's key for ever; idempotent.
    ///
    /// # Errors
    /// As [`HomeKeys::open`].
    pub async fn destroy(&self, followed: &Followed, home: &HomeId, user: UserId) -> Result<(), Problem> {
        let mut last = unavailable("the home's keys cannot be reached now");
        for n in 0..ATTEMPTS_MAX {
            if n > 0 {
                self.shared.clock.sleep(PAUSE).await;
            }
            let destroyed = match self.place(&followed.current(), home) {
                Ok(Place::Here(rows)) => rows.destroy(user).await.map_err(|error| key_problem(&error)),
                Ok(Place::There(target)) => {
                    let answer = self.shared.client.destroy(&target, user).await;
                    answer.map_err(|error| call_problem(&error))
                }
                Err(problem) => Err(problem),
            };
            match destroyed {
                Ok(()) => {
                    self.opened_of(home).forget(user);
                    return Ok(());
                }
                Err(problem) if problem.code != Code::Unavailable => return Err(problem),
                Err(problem) => last = problem,
            }
        }
        Err(last)
    }

    /// Whether the person had a key that was destroyed.
    ///
    /// # Errors
    /// As [`HomeKeys::open`].
    pub async fn is_destroyed(
        &self,
        followed: &Followed,
        home: &HomeId,
        user: UserId,
    ) -> Result<bool, Problem> {
        let row = self.user_row(followed, home, user, None).await?;
        Ok(row.is_some_and(|row| rows::is_destroyed(&row)))
    }
}

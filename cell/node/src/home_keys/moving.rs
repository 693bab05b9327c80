//! Keys of people who move: made anew in the home where they come, and remembered for each home by itself.

use std::sync::Arc;

use cell_layers::keys::{DigestKey, KeyCache, UserKey};
use platform_model::{HomeId, Problem, UserId};
use platform_wire::follow::Followed;

use super::HomeKeys;

impl HomeKeys {
    /// Makes the key of one who comes from another home, with what makes his digests; one that exists stays.
    ///
    /// # Errors
    /// As [`HomeKeys::open`]: one that was destroyed is never made again.
    pub async fn create_for(
        &self,
        followed: &Followed,
        home: &HomeId,
        user: UserId,
        digests: &DigestKey,
    ) -> Result<(), Problem> {
        self.create_of(followed, home, user, &UserKey::generate_for(digests))
            .await
    }

    /// Opened keys of people of a home.
    pub(super) fn opened_of(&self, home: &HomeId) -> Arc<KeyCache> {
        if let Some(known) = self.shared.opened.read().get(home) {
            return Arc::clone(known);
        }
        let mut all = self.shared.opened.write();
        Arc::clone(
            all.entry(home.clone())
                .or_insert_with(|| Arc::new(self.shared.model.sibling())),
        )
    }
}

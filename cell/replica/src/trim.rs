//! Trim: only the primary decides, by an entry of the log; standbys trim to it and never further. At most up to what
//! is committed, what every member of the effective set has, and what every reader of the log has passed.

use platform_model::Position;

use crate::action::Action;
use crate::entry::{Body, Content};
use crate::moment::Moment;
use crate::refusal::Refusal;
use crate::replica::{Out, Replica, Role};

impl<C: Content> Replica<C> {
    pub(crate) fn may_trim(&mut self, now: Moment, upto: Position, out: &mut Out<C>) -> Result<(), Refusal> {
        self.may_write(now)?;
        let Role::Primary(primary) = &self.role else {
            return Err(self.not_now());
        };
        // What is committed every member has.
        let bound = upto.min(primary.committed);
        if bound > self.log.base().position {
            out.push(Action::Seal(Body::Trim(bound)));
        }
        Ok(())
    }
}

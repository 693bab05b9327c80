//! What is asked of an event that comes in before its receiver's root is looked at: whether its sender may say so, and whether
//! the law here lets it come.

use cell_layers::event;
use platform_model::matrix::{Crossing, Purpose};
use platform_model::{HomeId, ShardId};
use platform_wire::events::{Delivery, EventAt, Receipt};

use super::admitted::NotAdmitted;
use super::{Parts, home_of, jurisdiction_of};

impl Parts {
    /// The law here, and the controllers, who are to know of it first.
    pub(super) async fn may_be_kept(
        &self,
        source: &ShardId,
        home: &HomeId,
        delivery: &Delivery,
    ) -> Result<(), Receipt> {
        self.may_come(source, home, delivery)?;
        let admitted = self.admitted.admit(home, jurisdiction_of(source)).await;
        admitted.map_err(|why| match why {
            NotAdmitted::Later(why) => Receipt::Later(why),
            NotAdmitted::KeptOut(why) => Receipt::Unlawful(why),
        })
    }

    /// Whether the sender may say so: the author is of the shard that told it, which has come so far.
    pub(super) fn is_of_its_source(&self, source: &ShardId, delivery: &Delivery) -> Result<(), Receipt> {
        let table = self.followed.current();
        let home = home_of(source).ok_or(Receipt::Moved)?;
        if table.shard_of_user(home, delivery.from).as_ref() != Some(source) {
            return Err(Receipt::Unlawful("its author is of another shard".to_owned()));
        }
        self.has_come_so_far(source, delivery.key).map_err(Receipt::Later)
    }

    /// A key past all that its source can have told would make everything after it a repeat.
    pub(super) fn has_come_so_far(&self, source: &ShardId, key: EventAt) -> Result<(), String> {
        let table = self.followed.current();
        let known = table.shards.get(source).map(|route| route.epoch);
        if known.is_none_or(|known| key.at.epoch > known) {
            return Err("this node knows no such epoch of its source yet".to_owned());
        }
        Ok(())
    }

    /// What the gate asked where it left, asked again where it comes in: by the classes of this node's own catalogue. Of an
    /// event that is not known here the sender's are taken; it is parked, whatever it says.
    fn may_come(&self, source: &ShardId, home: &HomeId, delivery: &Delivery) -> Result<(), Receipt> {
        let table = self.followed.current();
        let malformed = |_| Receipt::Unlawful("the event is no message".to_owned());
        let there = event::tags(&delivery.message).map_err(malformed)?;
        let known = self.event(&delivery.domain, &delivery.name);
        let known = known.filter(|known| delivery.event_version <= known.version);
        for tag in there {
            let class = match known {
                Some(known) => known
                    .fields
                    .iter()
                    .find(|field| field.tag == tag)
                    .map(|field| field.class),
                None => {
                    let told = delivery.classes.iter().find(|(told, _)| *told == tag);
                    told.map(|(_, class)| *class)
                }
            };
            let class = class.ok_or_else(|| Receipt::Unlawful(format!("field {tag} has no class")))?;
            match self.law.keeps(
                &table,
                jurisdiction_of(source),
                class,
                Purpose::Service,
                &home.jurisdiction,
            ) {
                Ok(Crossing::Free) => {}
                Ok(Crossing::WithConsent(purpose)) => {
                    return Err(Receipt::Unlawful(format!("only with consent to {purpose}")));
                }
                Err(why) if why.waits() => return Err(Receipt::Later(why.to_string())),
                Err(why) => return Err(Receipt::Unlawful(why.to_string())),
            }
        }
        Ok(())
    }
}

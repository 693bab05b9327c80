//! How the fence of a copy is taken as it opens.
//!
//! Where the store is one node's, whoever opens there takes it again. In a store that the nodes of a cell share, the
//! configuration says whose it is: whoever leads sets the fence to exactly the epoch that was committed, and waits until
//! whoever held it before reads no more; one who comes with an older configuration than the fence names is refused; so
//! is one who has only to erase, as long as the fence is a node's that holds a copy: that node erases there.
//!
//! How long that takes is how long nobody serves the shard: who is alive is given a moment to let go, who is not is not
//! waited for, neither his lease beyond its end nor what he left locked.

use std::time::Duration;

use cell_replica::Moment;
use cell_replica::shared::{SharedEvent, SharedHolder, SharedPlants, StoreAnswer};
use cell_store::{CommitError, Fence, WriteBatch};
use platform_model::replica_set::SHARED_LEASE_MICROS;
use platform_model::{Epoch, Generation, Incarnation, NodeId, ReplicaId, ShardRoute};

use super::load::{Loading, unavailable};
use crate::error::OpenError;
use crate::fence::FenceValue;
use crate::gate::micros;
use crate::limits::OPEN_ATTEMPTS_MAX;

/// Pause between two tries to take the fence.
const PAUSE: Duration = Duration::from_millis(20);

/// Whoever holds the shard has so long to give it up before it is taken from him.
const LET_GO_WITHIN: Duration = Duration::from_millis(50);
/// It is looked so often whether he has.
const LET_GO_LOOK: Duration = Duration::from_millis(5);

/// For what he has under way to be decided; then it is met as it lies.
const DECIDED_WITHIN: Duration = Duration::from_secs(1);

/// By what a node takes a copy in a store that others share: what was committed, and nothing of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taking {
    pub epoch: Epoch,
    pub generation: Generation,
    pub replica: ReplicaId,
    pub lease_micros: u64,
    /// For how long whoever held it before may read if its release did not say so in the store.
    pub unsaid_micros: u64,
    /// The node is to serve it; else it holds a standby, or something to erase.
    pub leads: bool,
    /// Where it holds nothing and has only to erase: the nodes that do hold a copy, from none of which it is taken.
    /// Else empty.
    pub spares: Vec<NodeId>,
}

impl Taking {
    /// As the route says it to `node`.
    pub fn of(route: &ShardRoute, node: &NodeId) -> Self {
        let set = &route.set;
        let leads = route.node == *node;
        let standby = set.standbys.iter().find(|copy| copy.node == *node);
        Self {
            epoch: route.epoch,
            generation: set.generation,
            replica: standby.map_or(set.primary, |copy| copy.replica),
            // The other standbys' lease is longer: it is lost by what a network does, this one by a slow store alone.
            lease_micros: set.lease_micros.min(SHARED_LEASE_MICROS),
            unsaid_micros: set.lease_micros.max(SHARED_LEASE_MICROS),
            leads,
            spares: if leads || standby.is_some() {
                Vec::new()
            } else {
                let standbys = set.standbys.iter().map(|copy| copy.node.clone());
                std::iter::once(route.node.clone()).chain(standbys).collect()
            },
        }
    }
}

/// The fence, taken; and in a shared store since when, and until when that has to be waited for.
#[derive(Debug)]
pub(crate) struct Taken {
    pub fence: FenceValue,
    pub holder: Option<SharedHolder>,
    /// The lease that is to be said in the store once nobody reads by a longer one any more.
    pub says: Option<u64>,
}

impl Loading<'_> {
    /// Sets the fence to a new opening. Only an `Ok` counts.
    pub(crate) async fn take_fence(&self) -> Result<Taken, OpenError> {
        let mut lets_go = self.let_go().await?;
        let mut last = CommitError::Unavailable {
            reason: "not tried".to_owned(),
        };
        for _ in 0..OPEN_ATTEMPTS_MAX {
            if !lets_go {
                self.decide().await?;
            }
            match self.set_fence().await? {
                Ok(taken) => return Ok(taken),
                Err(error) => last = error,
            }
            // Somebody was in the way.
            lets_go = self.settings.taking.is_none();
            tokio::time::sleep(PAUSE).await;
        }
        Err(unavailable(last))
    }

    /// One try, over the fence that stands.
    async fn set_fence(&self) -> Result<Result<Taken, CommitError>, OpenError> {
        let snapshot = self.store.snapshot().await.map_err(unavailable)?;
        let found = snapshot.get(&self.keys.fence).await.map_err(unavailable)?;
        let said = snapshot.get(&self.keys.lease).await.map_err(unavailable)?;
        let (fence, answer) = self.next_fence(found.as_deref())?;
        let held_micros = self.held_micros(found.as_deref(), said.as_deref())?;
        let mut batch = WriteBatch::new();
        batch.put(self.keys.fence.clone(), fence.encode());
        let mut taken = Taken {
            fence,
            holder: None,
            says: None,
        };
        let taking = self.settings.taking.as_ref();
        if let Some(&Taking { lease_micros, .. }) = taking {
            let waits = answer != StoreAnswer::Free;
            let longest = lease_micros.max(if waits { held_micros } else { 0 });
            // Should this process be gone before it has waited, the next one waits as long.
            batch.put(self.keys.lease.clone(), taken.fence.lease(longest));
            taken.says = (longest != lease_micros).then_some(lease_micros);
        }
        let expected = Fence {
            key: self.keys.fence.clone(),
            expected: found,
        };
        Ok(self.store.commit(batch, vec![expected]).await.map(|()| {
            taken.holder = taking.map(|taking| self.holder(taking, answer, held_micros));
            taken
        }))
    }

    /// Whether nobody has anything under way in the shard that would have to be met. Whoever held it before in a shared
    /// store may be about to give it up: he hears of the change as this node does. What he writes until then is not cut
    /// off, and nobody waits for his lease. From one who is dead nothing comes.
    ///
    /// # Errors
    /// [`OpenError::Fenced`] for who comes too late: nothing of the one who has it is touched.
    async fn let_go(&self) -> Result<bool, OpenError> {
        let Some(taking) = &self.settings.taking else {
            return Ok(true);
        };
        let until = self.clock.monotonic() + LET_GO_WITHIN;
        loop {
            let held = self.held().await?;
            self.taken(taking, held.clone())?;
            match held {
                None => return Ok(true),
                Some(held) if held.released => return Ok(true),
                // An earlier process of this node is no more.
                Some(held) if held.node == self.settings.node || !taking.leads => return Ok(false),
                Some(_) if self.clock.monotonic() >= until => return Ok(false),
                Some(_) => self.clock.sleep(LET_GO_LOOK).await,
            }
        }
    }

    /// What the fence says, also where a commit under way has it locked; none if it was never set.
    async fn held(&self) -> Result<Option<FenceValue>, OpenError> {
        let found = self.store.settled(&self.keys.fence).await.map_err(unavailable)?;
        found.map(|bytes| self.readable(&bytes)).transpose()
    }

    /// For how long whoever set the fence that was found may read after a proof.
    fn held_micros(&self, found: Option<&[u8]>, said: Option<&[u8]>) -> Result<u64, OpenError> {
        let standing = found.map(|bytes| self.readable(bytes)).transpose()?;
        let taking = self.settings.taking.as_ref();
        let unsaid = taking.map_or(0, |taking| taking.unsaid_micros);
        let of = standing
            .zip(said)
            .and_then(|(standing, said)| standing.lease_of(said));
        Ok(of.unwrap_or(unsaid))
    }

    fn readable(&self, fence: &[u8]) -> Result<FenceValue, OpenError> {
        FenceValue::decode(fence).ok_or_else(|| self.damaged("its fence is unreadable"))
    }

    /// Ends what whoever held the shard before has under way in it. It is his no more: his commits fail as soon as the
    /// fence is set, and until then each either has happened and is read, or never happens.
    ///
    /// # Errors
    /// [`OpenError::Fenced`] for who comes too late, perhaps since the last time: nothing is decided.
    async fn decide(&self) -> Result<(), OpenError> {
        if let Some(taking) = &self.settings.taking {
            self.taken(taking, self.held().await?)?;
        }
        let decided = tokio::time::timeout(DECIDED_WITHIN, self.store.decide(&self.keys.whole())).await;
        let error = match decided {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        // Only time is lost: what lies in the way is waited out.
        tracing::info!(shard = %self.settings.shard, error, "what is under way in it is not decided");
        Ok(())
    }

    fn next_fence(&self, found: Option<&[u8]>) -> Result<(FenceValue, StoreAnswer), OpenError> {
        let node = &self.settings.node;
        let standing = found.map(|bytes| self.readable(bytes)).transpose()?;
        match (&self.settings.taking, standing) {
            (Some(taking), standing) => self.taken(taking, standing),
            (None, None) => Ok((
                FenceValue::first(Epoch(0), node.clone(), Incarnation(1)),
                StoreAnswer::Free,
            )),
            (None, Some(standing)) if standing.node != *node => Err(self.fenced(&standing, standing.epoch)),
            (None, Some(standing)) => Ok((standing.next_opening(), StoreAnswer::Free)),
        }
    }

    /// The next fence in a shared store.
    fn taken(
        &self,
        taking: &Taking,
        standing: Option<FenceValue>,
    ) -> Result<(FenceValue, StoreAnswer), OpenError> {
        let node = self.settings.node.clone();
        let Some(standing) = standing else {
            let first = FenceValue {
                generation: taking.generation,
                ..FenceValue::first(taking.epoch, node, Incarnation(1))
            };
            return Ok((first, StoreAnswer::Free));
        };
        let own = standing.node == node;
        let known =
            standing.generation >= taking.generation || (taking.leads && standing.epoch >= taking.epoch);
        // Whoever only erases comes with a newer configuration, for the order raised it, and would end the holder's
        // term. Nor would one who has given it up for a moment get it back.
        if (known || taking.spares.contains(&standing.node)) && !own {
            return Err(self.fenced(&standing, taking.epoch));
        }
        let answer = if standing.released || !taking.leads {
            // Who follows answers no reads, and counts as having promised anew.
            StoreAnswer::Free
        } else {
            StoreAnswer::Done
        };
        let epoch = if taking.leads && !known {
            taking.epoch
        } else {
            standing.epoch
        };
        let next = FenceValue {
            epoch,
            node,
            generation: standing.generation.max(taking.generation),
            ..standing.next_opening()
        };
        Ok((next, answer))
    }

    fn fenced(&self, standing: &FenceValue, asked: Epoch) -> OpenError {
        OpenError::Fenced {
            shard: self.settings.shard.clone(),
            owner: format!("{} since {}", standing.node, standing.epoch),
            asked,
        }
    }

    fn holder(&self, taking: &Taking, answer: StoreAnswer, held_micros: u64) -> SharedHolder {
        let plants: SharedPlants = self.settings.plants.shared;
        let mut holder = SharedHolder::new(taking.lease_micros, plants);
        let (now, epoch) = (Moment(micros(self.clock)), taking.epoch.max(Epoch(1)));
        let taken = [
            SharedEvent::Assigned { epoch },
            SharedEvent::FenceReturned {
                epoch,
                answer,
                held_micros,
            },
        ];
        for event in taken {
            holder
                .step(now, event)
                .expect("a new holder takes both, in this order");
        }
        holder
    }
}

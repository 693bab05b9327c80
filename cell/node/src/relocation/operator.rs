//! Relocations for people at work: gRPC, at the node that serves the person, by the role in the certificate. A person asks for
//! his own through the app's API.

use std::sync::Arc;

use axum::Router;
use cell_layers::RootTx;
use cell_layers::place::{Errand, Standing};
use cell_relay::Place;
use cell_shard::{Shard, Tx, WriteError};
use platform_model::{Code, HomeId, Role, RootRef, UserId};
use platform_runtime::PeerIdentity;
use platform_runtime::tls::SpiffeKind;
use platform_wire::pb::relocations_server::{Relocations as Api, RelocationsServer};
use platform_wire::relocation::{Asked, Told, begin_of, named_of, told_reply};
use platform_wire::{Refusal, RefusalCode, pb};
use tonic::{Extensions, Request, Response, Status};

use super::lawful::Unlawful;
use super::source::next_operation;
use super::standing::{self, DOMAIN, Failed, StepError, change, change_living};
use super::{Parts, Relocations};

/// Who may have a person relocated: whoever answers for where data is.
const OFFICERS: &[Role] = &[Role::Compliance];
/// Who may look.
const LOOKERS: &[Role] = &[Role::Sre, Role::Compliance, Role::Viewer];

/// The service as a router.
pub fn routes(relocations: &Relocations) -> Router {
    let service = Service(Arc::clone(&relocations.parts));
    tonic::service::Routes::new(RelocationsServer::new(service))
        .into_axum_router()
        .reset_fallback()
}

struct Service(Arc<Parts>);

/// Who asks, if one of these roles.
fn admit(extensions: &Extensions, roles: &[Role], verb: &'static str) -> Result<String, Status> {
    let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
    let may = |id: &platform_runtime::tls::SpiffeId| {
        matches!(id.kind, SpiffeKind::Operator { .. }) && roles.contains(&id.role())
    };
    if let Some(id) = caller.filter(|id| may(id)) {
        tracing::info!(target: "audit", by = %id, verb, "relocation: asked");
        return Ok(id.to_string());
    }
    metrics::counter!("celld_denied_total", "door" => "relocations").increment(1);
    let who = caller.map_or_else(
        || "a caller without a certificate".to_owned(),
        ToString::to_string,
    );
    tracing::warn!(target: "audit", who, verb, "relocation: refused");
    let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let refusal = Refusal::new(RefusalCode::NotAuthorised, format!("{who} may not `{verb}`"));
    Err(refusal
        .hint(format!("takes the role {}", names.join(" or ")))
        .into())
}

impl Parts {
    /// The shard where he is, if it is served here.
    pub(super) fn shard_of(&self, home: &HomeId, user: UserId) -> Result<Shard, Refusal> {
        let table = self.followed.current();
        let id = table.shard_of_user(home, user);
        let id = id.ok_or_else(|| Refusal::new(RefusalCode::Unknown, format!("there is no home {home}")))?;
        self.hosted.get(&id).ok_or_else(|| {
            let message = format!("{id} is not served by this node");
            Refusal::new(RefusalCode::Moved, message).hint("cellctl shard show")
        })
    }

    /// Begins, or says why not.
    pub(super) async fn begin(
        self: &Arc<Self>,
        asked: &Asked,
        by: &str,
        consent: bool,
    ) -> Result<Told, Refusal> {
        let shard = self.shard_of(&asked.home, asked.user)?;
        let needs_consent = self.may_begin(asked, consent).await?;
        let needs: Vec<String> = needs_consent.iter().map(ToString::to_string).collect();
        if standing::has_ended(&shard, asked.user)
            .await
            .map_err(unavailable)?
        {
            return Err(placement(standing::ENDED.to_owned()));
        }
        let before = standing::read(&shard, asked.user).await.map_err(unavailable)?;
        let is_home = |standing: &Standing| matches!(standing.place, Place::Home { .. });
        if before.as_ref().is_none_or(is_home) && !self.has_come_in(&shard, asked).await? {
            return Err(nobody(asked));
        }
        if asked.dry_run {
            begun(before.clone(), asked, by, consent, 0).map_err(placement)?;
            return Ok(told(before.as_ref(), needs));
        }
        let since_ms = self.clock.unix_ms();
        let begin = |before| begun(before, asked, by, consent, since_ms);
        // Its erasure may have begun since it was looked at.
        let begun = change_living(&shard, asked.user, begin).await;
        let (standing, _) = begun.map_err(refused)?;
        tracing::warn!(target: "audit", by, user = %asked.user, from = %asked.home, to = %asked.to, reason = asked.reason, "a relocation begins");
        self.set_off(&shard, asked.user);
        Ok(told(Some(&standing), needs))
    }

    /// The law, and that there is such a person.
    async fn may_begin(
        &self,
        asked: &Asked,
        consent: bool,
    ) -> Result<Vec<platform_model::DataClass>, Refusal> {
        let table = self.followed.current();
        if table.shard_of_user(&asked.to, asked.user).is_none() {
            let message = format!("there is no home {}", asked.to);
            return Err(Refusal::new(RefusalCode::Unknown, message).hint("cellctl home list"));
        }
        let lawful = self.may_leave(&asked.home.jurisdiction, asked.user, &asked.to);
        let classes = lawful.map_err(|why| match why {
            Unlawful::Later(why) => Refusal::new(RefusalCode::Unavailable, why),
            Unlawful::Never(why) => Refusal::new(RefusalCode::LawForbids, why).hint("cellctl policy why-not"),
        })?;
        if let Some(class) = classes.first().filter(|_| !consent) {
            let message = format!(
                "{class} data may go to {} only with the person's consent",
                asked.to
            );
            return Err(Refusal::new(RefusalCode::LawForbids, message)
                .hint("the person asks for it in the app: nobody else can consent"));
        }
        match self.keys.open(&self.followed, &asked.home, asked.user).await {
            Ok(_) => Ok(classes),
            Err(problem) if problem.code == Code::NotFound => Err(nobody(asked)),
            Err(problem) => Err(Refusal::new(RefusalCode::Unavailable, problem.code.to_string())),
        }
    }

    /// Whether his registration is over. While it is under way its address is held for that home: nobody could finish it in
    /// another, and the directory would hold it for nobody.
    async fn has_come_in(&self, shard: &Shard, asked: &Asked) -> Result<bool, Refusal> {
        let (home, user) = (&asked.home, asked.user);
        let key = self.keys.open(&self.followed, home, user).await;
        let key = &key.map_err(|problem| Refusal::new(RefusalCode::Unavailable, problem.code.to_string()))?;
        let look = |tx: Tx| async move {
            let tx = RootTx::new(tx, RootRef::user(user), DOMAIN, key);
            Ok::<_, StepError>(domains_identity::is_registered(&tx, user).await?)
        };
        let looked = shard.read(&standing::request(user), look).await;
        Ok(looked.map_err(unavailable)?.value)
    }

    pub(super) async fn cancel_of(
        self: &Arc<Self>,
        home: &HomeId,
        user: UserId,
        by: &str,
    ) -> Result<Told, Refusal> {
        let shard = self.shard_of(home, user)?;
        let cancel = |before: Option<Standing>| {
            let before = before.ok_or("no relocation is under way")?;
            let errand = before.errand.clone().filter(|errand| errand.under_way);
            let errand = errand.ok_or("no relocation is under way")?;
            if !matches!(before.place, Place::Home { .. }) {
                return Err("it is about to end: it is past where it can be cancelled".to_owned());
            }
            let errand = Some(Errand {
                unwanted: true,
                ..errand
            });
            Ok(Standing { errand, ..before })
        };
        let (standing, _) = change(&shard, user, cancel).await.map_err(refused)?;
        tracing::warn!(target: "audit", by, %user, %home, "a relocation is to be cancelled");
        self.set_off(&shard, user);
        Ok(told(Some(&standing), Vec::new()))
    }
}

fn nobody(asked: &Asked) -> Refusal {
    let message = format!("home {} has nobody {}", asked.home, asked.user);
    Refusal::new(RefusalCode::Unknown, message)
}

/// A relocation begins for one who lives here and is not about to leave.
fn begun(
    before: Option<Standing>,
    asked: &Asked,
    by: &str,
    consent: bool,
    since_ms: u64,
) -> Result<Standing, String> {
    let before = before.unwrap_or_else(Standing::native);
    let user_epoch = match &before.place {
        Place::Home { user_epoch } => *user_epoch,
        Place::Gone { to, .. } => return Err(format!("he lives in {to}")),
        Place::Fenced { .. } | Place::Incoming { .. } => return Err("he moves at this moment".to_owned()),
    };
    if asked.home == asked.to {
        return Err(format!("he lives in {}", asked.to));
    }
    let errand = before.errand.as_ref();
    if let Some(errand) = errand.filter(|errand| errand.under_way) {
        return Err(format!("he moves to {} already", errand.other));
    }
    let newest = errand.map(|errand| errand.operation);
    Ok(Standing {
        errand: Some(Errand {
            operation: next_operation(user_epoch, newest),
            other: asked.to.clone(),
            under_way: true,
            unwanted: false,
            by: by.to_owned(),
            consent,
            since_ms,
            outcome: String::new(),
        }),
        ..before
    })
}

pub(super) fn told(standing: Option<&Standing>, needs_consent: Vec<String>) -> Told {
    let Some(standing) = standing else {
        return Told {
            needs_consent,
            ..Told::default()
        };
    };
    let errand = standing.errand.as_ref();
    let under_way = errand.is_some_and(|errand| errand.under_way);
    let (phase, user_epoch) = match &standing.place {
        Place::Home { user_epoch } if under_way => ("copying", *user_epoch),
        Place::Home { user_epoch } => ("at-home", *user_epoch),
        Place::Fenced { user_epoch, .. } => ("fenced", *user_epoch),
        Place::Incoming { .. } => ("coming-in", 0),
        Place::Gone { user_epoch, .. } if standing.clearing => ("erasing", *user_epoch),
        Place::Gone { user_epoch, .. } => ("gone", *user_epoch),
    };
    let gone_to = match &standing.place {
        Place::Gone { to, .. } => Some(to.to_string()),
        _ => errand.map(|errand| errand.other.to_string()),
    };
    Told {
        phase: phase.to_owned(),
        operation: errand.map_or(0, |errand| errand.operation.0),
        other: gone_to.unwrap_or_default(),
        user_epoch,
        by: errand.map_or_else(String::new, |errand| errand.by.clone()),
        consent: errand.is_some_and(|errand| errand.consent),
        since_ms: errand.map_or(0, |errand| errand.since_ms),
        outcome: outcome(standing),
        needs_consent,
    }
}

/// How it ended; of one who has come: whom he waits for still.
fn outcome(standing: &Standing) -> String {
    let waits_for = standing.settling.waits_for.iter();
    let homes: Vec<String> = waits_for.map(|left| left.home.to_string()).collect();
    if homes.is_empty() {
        let errand = standing.errand.as_ref();
        return errand.map_or_else(String::new, |errand| errand.outcome.clone());
    }
    let homes = homes.join(", ");
    format!("what he tells waits until what he told in {homes} is delivered")
}

fn placement(why: String) -> Refusal {
    Refusal::new(RefusalCode::Placement, why).hint("cellctl user relocation show")
}

fn refused(error: Failed) -> Refusal {
    match error {
        WriteError::Rejected(StepError::Refused(why)) => placement(why),
        other => unavailable(other),
    }
}

pub(super) fn unavailable(error: Failed) -> Refusal {
    let code = if standing::is_over(&error) {
        RefusalCode::Moved
    } else {
        RefusalCode::Unavailable
    };
    Refusal::new(code, format!("the person's shard: {error}"))
}

#[tonic::async_trait]
impl Api for Service {
    async fn begin(
        &self,
        request: Request<pb::BeginRelocation>,
    ) -> Result<Response<pb::RelocationReply>, Status> {
        let by = admit(request.extensions(), OFFICERS, "relocate-user")?;
        let asked = begin_of(request.into_inner(), &self.0.world)?;
        if asked.reason.trim().is_empty() {
            return Err(Refusal::invalid("a relocation takes a reason").into());
        }
        let told = self.0.begin(&asked, &by, false).await?;
        Ok(Response::new(told_reply(told)))
    }

    async fn show(
        &self,
        request: Request<pb::NameRelocation>,
    ) -> Result<Response<pb::RelocationReply>, Status> {
        admit(request.extensions(), LOOKERS, "show-relocation")?;
        let (home, user, _) = named_of(request.into_inner(), &self.0.world)?;
        Ok(Response::new(told_reply(self.0.state_of(&home, user).await?)))
    }

    async fn cancel(
        &self,
        request: Request<pb::NameRelocation>,
    ) -> Result<Response<pb::RelocationReply>, Status> {
        let by = admit(request.extensions(), OFFICERS, "cancel-relocation")?;
        let (home, user, reason) = named_of(request.into_inner(), &self.0.world)?;
        if reason.trim().is_empty() {
            return Err(Refusal::invalid("a cancel takes a reason").into());
        }
        let told = self.0.cancel_of(&home, user, &by).await?;
        Ok(Response::new(told_reply(told)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extensions(kind: &str) -> Extensions {
        let mut extensions = Extensions::default();
        let id = format!("spiffe://{}/region/eu-central/{kind}", "a".repeat(16));
        extensions.insert(PeerIdentity(id.parse().expect("an id")));
        extensions
    }

    #[test]
    fn only_an_officer_has_people_relocated_and_no_process_does() {
        for (who, officer, looker) in [
            ("operator/sre/kim", false, true),
            ("operator/compliance/ann", true, true),
            ("operator/viewer/vic", false, true),
            ("router/r1", false, false),
            ("controller/c1", false, false),
            ("cell/eu-central-1/node/0", false, false),
        ] {
            let extensions = extensions(who);
            let may = |roles| admit(&extensions, roles, "x").is_ok();
            assert_eq!((may(OFFICERS), may(LOOKERS)), (officer, looker), "{who}");
        }
        assert!(admit(&Extensions::default(), LOOKERS, "x").is_err());
    }
}

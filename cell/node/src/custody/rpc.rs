//! `Custody`: gRPC, for operators alone, each verb for the roles that it names. Who was refused is counted and noted.

use axum::{Router, middleware};
use cell_backup::{BackupName, Goal};
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _};
use platform_model::{Epoch, HomeId, Role, ShardId, UserId};
use platform_runtime::PeerIdentity;
use platform_runtime::tls::SpiffeKind;
use platform_wire::custody::RestoreGoal;
use platform_wire::pb::custody_server::{Custody as Api, CustodyServer};
use platform_wire::replicas::read_replica;
use platform_wire::{FRAME_VERSION, Refusal, RefusalCode, frame, pb};
use tonic::{Extensions, Request, Response, Status};
use uuid::Uuid;

use super::erasing::Asked;
use super::removing::Order;
use super::{Custody, views};
use crate::directory::in_trace;

/// Who may write and restore backups.
const CARETAKERS: &[Role] = &[Role::Sre];
/// Who may remove a backup: whoever keeps them, and whoever answers for what must be gone.
const REMOVERS: &[Role] = &[Role::Sre, Role::Compliance];
/// Who may look.
const LOOKERS: &[Role] = &[Role::Sre, Role::Compliance, Role::Viewer];
/// Who may erase a person, or be given what is held of him.
const OFFICERS: &[Role] = &[Role::Compliance];

/// The service as a router.
pub fn routes(custody: Custody) -> Router {
    tonic::service::Routes::new(CustodyServer::new(custody))
        .into_axum_router()
        .layer(middleware::from_fn(in_trace))
}

impl Custody {
    fn check(&self, version: u32, world: &str) -> Result<(), Status> {
        frame::check(version, world, &self.shared.world)
    }

    /// Puts on record who has what done, before it is begun: what no controller knows of is not done. Answers the number of
    /// the decision.
    pub(super) async fn note(
        &self,
        shard: &ShardId,
        work: &'static str,
        by: (&str, &str),
    ) -> Result<u64, Refusal> {
        let noted = self.shared.register.note_work(shard, work, by).await;
        noted.map_err(|error| {
            let code = error
                .refusal()
                .map_or(RefusalCode::Unavailable, |refusal| refusal.code);
            Refusal::new(code, format!("no controller has put it on record: {error}"))
        })
    }
}

/// Who asks, if one of these roles.
fn admit(extensions: &Extensions, roles: &[Role], verb: &'static str) -> Result<String, Status> {
    let caller = extensions.get::<PeerIdentity>().map(|PeerIdentity(id)| id);
    let may = |id: &platform_runtime::tls::SpiffeId| {
        matches!(id.kind, SpiffeKind::Operator { .. }) && roles.contains(&id.role())
    };
    if let Some(id) = caller.filter(|id| may(id)) {
        tracing::info!(target: "audit", by = %id, verb, "custody: asked");
        return Ok(id.to_string());
    }
    metrics::counter!("celld_denied_total", "door" => "custody").increment(1);
    let who = caller.map_or_else(
        || "a caller without a certificate".to_owned(),
        ToString::to_string,
    );
    tracing::warn!(target: "audit", who, verb, "custody: refused");
    let roles: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
    let refusal = Refusal::new(RefusalCode::NotAuthorised, format!("{who} may not `{verb}`"));
    Err(refusal
        .hint(format!("takes the role {}", roles.join(" or ")))
        .into())
}

type Job = Result<Response<pb::JobReply>, Status>;
type Pages = BoxStream<'static, Result<pb::ExportUserPage, Status>>;

/// Whom it is about, who asks, and why.
fn asked_of(by: String, (home, user): (&str, &[u8]), reason: &str) -> Result<Asked, Refusal> {
    if reason.trim().is_empty() {
        return Err(Refusal::invalid("it takes a reason"));
    }
    let user = Uuid::from_slice(user).map_err(Refusal::invalid)?;
    Ok(Asked {
        home: home.parse::<HomeId>().map_err(Refusal::invalid)?,
        user: UserId::from_uuid(user),
        by,
        reason: reason.to_owned(),
        on_record: false,
    })
}

/// How far a restore is to go.
fn goal_of(wire: &pb::RestoreRequest) -> Result<Goal, Refusal> {
    let goal = RestoreGoal::of_request(wire).map_err(Refusal::invalid)?;
    Ok(match goal {
        RestoreGoal::Base => Goal::Base,
        RestoreGoal::Pair(pair) => Goal::Pair(pair),
        RestoreGoal::Time(ms) => Goal::Time(ms),
        RestoreGoal::Latest => Goal::Latest,
    })
}

#[tonic::async_trait]
impl Api for Custody {
    type ExportUserStream = Pages;

    async fn back_up(&self, request: Request<pb::BackUpRequest>) -> Job {
        let by = admit(request.extensions(), CARETAKERS, "back-up")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        let shard: ShardId = wire.shard.parse().map_err(Refusal::invalid)?;
        self.note(&shard, "back-up", (&by, &wire.reason)).await?;
        let job = self.begin_backup(&shard)?;
        Ok(Response::new(views::job(&job)))
    }

    async fn verify(&self, request: Request<pb::BackupRequest>) -> Job {
        let by = admit(request.extensions(), CARETAKERS, "verify-backup")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        let name: BackupName = wire.backup.parse().map_err(Refusal::invalid)?;
        let shard = name.shard().map_err(Refusal::invalid)?;
        self.note(&shard, "verify-backup", (&by, "")).await?;
        let job = self.begin_rehearsal(&name)?;
        Ok(Response::new(views::job(&job)))
    }

    async fn restore(&self, request: Request<pb::RestoreRequest>) -> Job {
        let by = admit(request.extensions(), CARETAKERS, "restore")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        let name: BackupName = wire.backup.parse().map_err(Refusal::invalid)?;
        let shard: ShardId = wire.shard.parse().map_err(Refusal::invalid)?;
        let goal = goal_of(&wire)?;
        self.note(&shard, "restore-copy", (&by, &wire.reason)).await?;
        let job = self.begin_restore(&name, (&shard, goal), Epoch(wire.epoch));
        let job = job.await?;
        Ok(Response::new(views::job(&job)))
    }

    async fn discard(
        &self,
        request: Request<pb::DiscardRequest>,
    ) -> Result<Response<pb::DiscardReply>, Status> {
        let by = admit(request.extensions(), CARETAKERS, "discard")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        let shard: ShardId = wire.shard.parse().map_err(Refusal::invalid)?;
        let replica = read_replica(&wire.replica).map_err(Refusal::invalid)?;
        self.note(&shard, "discard-copy", (&by, "")).await?;
        let removed = self.take_back(&shard, replica).await?;
        Ok(Response::new(pb::DiscardReply {
            version: FRAME_VERSION,
            removed,
        }))
    }

    async fn job(&self, request: Request<pb::JobRequest>) -> Job {
        admit(request.extensions(), LOOKERS, "job")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        Ok(Response::new(views::job(&self.jobs.get(wire.job)?)))
    }

    async fn list(
        &self,
        request: Request<pb::ListBackupsRequest>,
    ) -> Result<Response<pb::ListBackupsReply>, Status> {
        admit(request.extensions(), LOOKERS, "list-backups")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        Ok(Response::new(self.listing(wire.logs).await?))
    }

    async fn remove_backup(
        &self,
        request: Request<pb::RemoveBackupRequest>,
    ) -> Result<Response<pb::RemoveBackupReply>, Status> {
        let by = admit(request.extensions(), REMOVERS, "remove-backup")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        let order = Order {
            name: wire.backup.parse().map_err(Refusal::invalid)?,
            by,
            reason: wire.reason,
            even_the_last: wire.even_the_last,
            dry_run: wire.dry_run,
        };
        let removed = self.removed(&order).await?;
        Ok(Response::new(pb::RemoveBackupReply {
            version: FRAME_VERSION,
            sequence: removed.sequence,
            left: removed.left,
        }))
    }

    async fn erase_user(
        &self,
        request: Request<pb::EraseUserRequest>,
    ) -> Result<Response<pb::EraseUserReply>, Status> {
        let by = admit(request.extensions(), OFFICERS, "erase-user")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        let asked = asked_of(by, (&wire.home, &wire.user), &wire.reason)?;
        let erased = self.erase_now(&asked).await?;
        Ok(Response::new(pb::EraseUserReply {
            version: FRAME_VERSION,
            rows: erased.rows,
            claims: erased.claims,
            sequence: erased.sequence,
        }))
    }

    async fn export_user(
        &self,
        request: Request<pb::ExportUserRequest>,
    ) -> Result<Response<Self::ExportUserStream>, Status> {
        let by = admit(request.extensions(), OFFICERS, "export-user")?;
        let wire = request.into_inner();
        self.check(wire.version, &wire.world)?;
        let asked = asked_of(by, (&wire.home, &wire.user), &wire.reason)?;
        let (sequence, export) = self.export(&asked).await?;
        let page = move |items| pb::ExportUserPage {
            version: FRAME_VERSION,
            sequence,
            items,
        };
        let pages = export.pages().map_ok(page).map_err(Status::from);
        Ok(Response::new(pages.boxed()))
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

    /// Role x verb of a node. A change here is a change of who may do what.
    #[test]
    fn each_role_may_what_it_is_for_and_nobody_without_a_persons_certificate() {
        for (who, caretaker, looker, officer, remover) in [
            ("operator/sre/kim", true, true, false, true),
            ("operator/compliance/ann", false, true, true, true),
            ("operator/viewer/vic", false, true, false, false),
            ("router/r1", false, false, false, false),
            ("controller/c1", false, false, false, false),
            ("cell/eu-central-1/node/0", false, false, false, false),
        ] {
            let extensions = extensions(who);
            let may = |roles| admit(&extensions, roles, "x").is_ok();
            let told = (may(CARETAKERS), may(LOOKERS), may(OFFICERS), may(REMOVERS));
            assert_eq!(told, (caretaker, looker, officer, remover), "{who}");
        }
        let refused = admit(&Extensions::default(), LOOKERS, "x").expect_err("nobody");
        let refusal = Refusal::from_status(&refused).expect("typed");
        assert_eq!(refusal.code, RefusalCode::NotAuthorised);
    }
}

//! Who may call what.

use super::*;

/// Role x verb. A change here is a change of who may do what.
const TABLE: &str = "\
watch              viewer sre compliance node router controller
register-node      node
publish-token-key  node
admit-foreign      node
heartbeat          node
replicas           node
status             viewer sre compliance node router controller
init-world         sre
create-home        sre
create-cell        sre
create-authority   sre
set-country        compliance
set-cell-state     sre
place-shard        sre
add-member         sre
remove-member      sre
set-automation     sre
move-shard         sre
failover-shard     sre
verify-shard       sre
repair-shard       sre
set-survival       sre
pause-operation    sre
resume-operation   sre
cancel-operation   sre
reverse-operation  sre
finish-operation   sre
read-operations    viewer sre compliance controller
simulate           viewer sre compliance controller
forward-propose    controller
forward-heartbeat  controller
forward-replicas   controller
forward-wall-clock controller
read-ledger        viewer sre compliance controller
propose-law        compliance
approve-law        compliance
withdraw-law       compliance
set-matrix-age-max compliance
read-law           viewer sre compliance
residency          viewer sre compliance controller
read-trust         viewer sre compliance controller
attest-region      compliance
create-join-token  sre
revoke-join-token  sre compliance
revoke-identity    sre compliance
restore-identity   sre compliance
open-break-glass   sre compliance
close-break-glass  sre compliance
renew              node router
record-erasure     node
read-erased        node
note-work          node
restore-shard      sre
read-world         sre
give-node-up       sre
tell-erasures      compliance
";

#[test]
fn roles_and_verbs_are_these() {
    let line = |verb: Verb| {
        let roles: Vec<&str> = verb.roles().iter().map(|r| r.as_str()).collect();
        format!("{:<18} {}\n", verb.as_str(), roles.join(" "))
    };
    assert_eq!(Verb::ALL.map(line).concat(), TABLE);
}

fn id(text: &str) -> Extensions {
    let mut extensions = Extensions::new();
    let id = format!("spiffe://{}/region/eu-central/{text}", "a".repeat(16));
    extensions.insert(PeerIdentity(id.parse().expect("a SPIFFE id")));
    extensions
}

#[test]
fn each_caller_may_what_the_table_says_and_nobody_else_anything() {
    let callers = [
        (id("operator/viewer/o1"), Role::Viewer),
        (id("operator/sre/o1"), Role::Sre),
        (id("operator/compliance/o1"), Role::Compliance),
        (id("cell/eu-central-1/node/0"), Role::Node),
        (id("router/r1"), Role::Router),
        (id("controller/c1"), Role::Controller),
    ];
    for verb in Verb::ALL {
        for (extensions, role) in &callers {
            assert_eq!(
                caller(extensions, verb).is_ok(),
                verb.roles().contains(role),
                "{role} {verb:?}"
            );
        }
        assert!(caller(&Extensions::new(), verb).is_err());
    }
}

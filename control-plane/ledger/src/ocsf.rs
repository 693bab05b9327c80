//! Entries as events of the Open Cybersecurity Schema Framework (OCSF) 1.5.0, the form in which a SIEM takes them.
//!
//! | entry | class |
//! |---|---|
//! | a node announces itself under its certificate | 3002 Authentication |
//! | a refusal because data may not lie there | 2004 Detection Finding |
//! | every other command | 6003 API Activity |
//!
//! Each event carries the ledger's own numbers (`metadata.uid`, `metadata.sequence`, `unmapped`), so that a receiver
//! drops what it gets twice and can go back to the entry.

use serde_json::{Map, Value, json};

use crate::encoding;
use crate::entry::{Entry, Verdict};

/// Version of the schema that events follow.
pub const OCSF_VERSION: &str = "1.5.0";
/// Refusals whose code begins so say where data may not lie.
const LAW: [&str; 2] = ["outside-", "law-"];

/// Who sends: stands in every event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source<'a> {
    /// Id of the world.
    pub world: &'a str,
    /// Version of the build.
    pub version: &'a str,
}

/// The numbers of a class that events differ in.
struct Class {
    category: u64,
    class: u64,
    activity: u64,
    severity: u64,
}

const FINDING_CREATED: u64 = 1;
const LOGON: u64 = 1;
const OTHER: u64 = 99;
const INFORMATIONAL: u64 = 1;
const LOW: u64 = 2;
const HIGH: u64 = 4;
const SUCCESS: u64 = 1;
const FAILURE: u64 = 2;

/// The event of an entry.
pub fn event(entry: &Entry, source: &Source<'_>) -> Value {
    let class = class(entry);
    let mut event = common(entry, source, &class);
    let own = match class.class {
        2004 => finding(entry, source),
        3002 => authentication(entry),
        _ => api_activity(entry),
    };
    event.extend(own);
    Value::Object(event)
}

fn class(entry: &Entry) -> Class {
    let record = &entry.record;
    let severity = match &record.verdict {
        Verdict::Accepted { .. } => INFORMATIONAL,
        Verdict::Refused { .. } => LOW,
    };
    if of_law(&record.verdict) {
        return Class {
            category: 2,
            class: 2004,
            activity: FINDING_CREATED,
            severity: HIGH,
        };
    }
    if record.command == "register-node" {
        return Class {
            category: 3,
            class: 3002,
            activity: LOGON,
            severity,
        };
    }
    Class {
        category: 6,
        class: 6003,
        activity: api_activity_id(&record.command),
        severity,
    }
}

fn of_law(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Accepted { .. } => false,
        Verdict::Refused { code, .. } => LAW.iter().any(|start| code.starts_with(start)),
    }
}

/// Create, read, update, delete; other.
fn api_activity_id(command: &str) -> u64 {
    match command.split_once('-').map_or(command, |(verb, _)| verb) {
        "init" | "create" | "publish" | "issue" | "add" => 1,
        "set" | "place" | "activate" | "approve" | "raise" | "pin" => 3,
        "remove" | "retire" | "erase" | "revoke" | "unpin" => 4,
        _ => OTHER,
    }
}

fn common(entry: &Entry, source: &Source<'_>, class: &Class) -> Map<String, Value> {
    let record = &entry.record;
    let canonical = encoding::encode(entry);
    let metadata = json!({
        "version": OCSF_VERSION,
        "product": { "name": "Meridian", "vendor_name": "Meridian", "version": source.version },
        "log_name": "ledger",
        "uid": uid(entry, source),
        "sequence": entry.sequence,
        "tenant_uid": source.world,
    });
    let ledger = json!({
        "hash": encoding::hash(&canonical).to_string(),
        "previous": entry.previous.to_string(),
        "command_digest": record.command_digest.to_string(),
        "inputs_digest": record.inputs_digest.to_string(),
        "reason": record.reason,
        "repeats": record.repeats,
    });
    object(json!({
        "category_uid": class.category,
        "class_uid": class.class,
        "activity_id": class.activity,
        "type_uid": class.class * 100 + class.activity,
        "severity_id": class.severity,
        "time": record.time_ms,
        "count": record.count,
        "message": format!("{} {}: {}", record.command, record.subject, record.verdict),
        "metadata": metadata,
        "unmapped": { "ledger": ledger },
    }))
}

fn api_activity(entry: &Entry) -> Map<String, Value> {
    let record = &entry.record;
    let mut own = object(json!({
        "actor": { "user": user(&record.actor) },
        "api": { "operation": record.command, "service": { "name": "meridian.wire.v1" } },
        "resources": [{ "uid": record.subject }],
        "src_endpoint": { "uid": record.actor },
    }));
    own.extend(status(&record.verdict));
    own
}

fn authentication(entry: &Entry) -> Map<String, Value> {
    let record = &entry.record;
    let mut own = object(json!({
        "user": user(&record.actor),
        "service": { "name": "controld" },
        "auth_protocol_id": OTHER,
        "auth_protocol": "mTLS with SPIFFE id",
        "src_endpoint": { "uid": record.actor },
    }));
    own.extend(status(&record.verdict));
    own
}

fn finding(entry: &Entry, source: &Source<'_>) -> Map<String, Value> {
    let record = &entry.record;
    let title = format!("{} refused: {}", record.command, record.verdict.word());
    object(json!({
        "finding_info": {
            "uid": uid(entry, source),
            "title": title,
            "desc": record.verdict.to_string(),
            "types": ["data residency"],
            "created_time": record.time_ms,
        },
        "status_id": 1,
        "resources": [{ "uid": record.subject }],
        "evidences": [{ "actor": { "user": user(&record.actor) }, "api": { "operation": record.command } }],
    }))
}

fn status(verdict: &Verdict) -> Map<String, Value> {
    match verdict {
        Verdict::Accepted { .. } => object(json!({ "status_id": SUCCESS })),
        Verdict::Refused { code, .. } => object(json!({
            "status_id": FAILURE,
            "status_code": code,
            "status_detail": verdict.to_string(),
        })),
    }
}

/// An opaque id; `type_id` 1 is a person's account, 3 a system's.
fn user(actor: &str) -> Value {
    let type_id = if actor.contains("/operator/") { 1 } else { 3 };
    json!({ "uid": actor, "type_id": type_id })
}

fn uid(entry: &Entry, source: &Source<'_>) -> String {
    format!("{}-{}", source.world, entry.sequence)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
#[path = "ocsf_tests.rs"]
mod tests;

//! What a file is, by its path in a world's folder.

/// The process whose file it is, and what lies in it. A file of no process belongs to the world.
pub fn of(path: &str) -> (&str, &'static str) {
    let (first, rest) = path.split_once('/').unwrap_or(("", path));
    let starts = |prefix: &str| rest.starts_with(prefix);
    let is_process = ["celld-", "controld-", "routerd-"]
        .iter()
        .any(|kind| first.starts_with(kind));
    if !is_process {
        let kind = match first {
            "authority" | "operator" | "people" => "certificate",
            "secrets" => "secret",
            "backups" => "backup",
            _ => "file",
        };
        return ("-", kind);
    }
    let kind = if starts("log") {
        "log"
    } else if starts("data/store/") {
        match path.rsplit_once('.') {
            Some((_, "jnl")) => "journal",
            _ => "store",
        }
    } else if starts("data/cut-off") {
        "cut off"
    } else if starts("data/ledger") {
        "ledger"
    } else if starts("data/raft") {
        "raft"
    } else if starts("data/") {
        "data"
    } else if starts("secrets") {
        "secret"
    } else if starts("identity") || starts("public") || starts("issuer") {
        "certificate"
    } else {
        "file"
    };
    (first, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_world_are_told_apart() {
        for (path, process, kind) in [
            ("celld-eu-west-1/log", "celld-eu-west-1", "log"),
            (
                "celld-eu-west-1/data/store/fjall/0.jnl",
                "celld-eu-west-1",
                "journal",
            ),
            (
                "celld-eu-west-1/data/store/fjall/keyspaces/1/tables/7",
                "celld-eu-west-1",
                "store",
            ),
            ("controld-2/data/ledger/000001", "controld-2", "ledger"),
            ("routerd-1/data/table.json", "routerd-1", "data"),
            ("celld-eu-west-1/secrets/lookup.key", "celld-eu-west-1", "secret"),
            ("backups/eu-central/x/part-000001", "-", "backup"),
            ("siem.jsonl", "-", "file"),
        ] {
            assert_eq!(of(path), (process, kind), "{path}");
        }
    }
}

//! What a number was measured on.

use std::fs;

use serde_json::{Value, json};

/// Cores this process may use, memory, kernel, architecture and processor; what cannot be read is `null`.
pub fn machine() -> Value {
    let cores = std::thread::available_parallelism().ok().map(usize::from);
    json!({
        "cores": cores,
        "memory_mib": first_word("/proc/meminfo", "MemTotal:").and_then(|kib| kib.parse::<u64>().ok()).map(|kib| kib / 1024),
        "processor": processor(),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned()),
        "arch": std::env::consts::ARCH,
    })
}

fn first_word(path: &str, label: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next().map(str::to_owned)
}

fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_names_its_cores_and_architecture() {
        let machine = machine();
        assert!(machine["cores"].as_u64().is_some_and(|cores| cores > 0));
        assert_eq!(machine["arch"], std::env::consts::ARCH);
    }
}

//! What a process is told when it starts, and who its peers say they are.

use std::io::Write;

use platform_runtime::config::{self, HumanDuration, HumanSize};
use platform_runtime::telemetry::TraceContext;
use platform_runtime::tls::SpiffeId;

use crate::texts;
use crate::words::{one_form, reads_again};

pub fn spiffe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    one_form::<SpiffeId>(text);
}

pub fn spiffe_seeds() -> Vec<Vec<u8>> {
    let world = "spiffe://0123456789abcdef/region/eu-central";
    [
        "cell/eu-central-1/node/0",
        "router/r1",
        "controller/1",
        "operator/sre/dev",
    ]
    .iter()
    .map(|kind| format!("{world}/{kind}").into_bytes())
    .collect()
}

pub fn trace(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(read) = text.parse::<TraceContext>() {
        let written = read.to_header();
        assert_eq!(written.parse(), Ok(read));
        // A later version may say more; its flags may mean more than we know.
        assert!(
            !text.starts_with("00") || written[..53] == text[..53],
            "{text} became {written}"
        );
    }
    let begun = TraceContext::continue_or_new(Some(text));
    assert_ne!(begun.trace_id(), "0".repeat(32));
}

pub fn trace_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more",
    ])
}

pub fn quantities(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    reads_again::<HumanDuration>(text);
    reads_again::<HumanSize>(text);
}

pub fn quantity_seeds() -> Vec<Vec<u8>> {
    texts(&[
        "5m",
        "250ms",
        "1.5s",
        "64MiB",
        "32KiB",
        "0s",
        "18446744073709551615B",
    ])
}

/// The three servers' files. What is taken is printed in a form that is taken again, and means the same.
pub fn config(bytes: &[u8]) {
    let Ok(mut file) = tempfile::NamedTempFile::new() else {
        return;
    };
    if file.write_all(bytes).is_err() {
        return;
    }
    // No variable begins so.
    const PREFIX: &str = "NOBODYS";
    macro_rules! of {
        ($config:ty) => {
            if let Ok(read) = config::load::<$config>(Some(file.path()), PREFIX, &[]) {
                let mut again = tempfile::NamedTempFile::new().expect("there was room for one");
                again
                    .write_all(config::print(&read).as_bytes())
                    .expect("there was room");
                let printed = config::load::<$config>(Some(again.path()), PREFIX, &[]);
                let printed = printed.map(|printed| config::print(&printed)).ok();
                assert_eq!(printed, Some(config::print(&read)));
                let _ = read.check();
            }
        };
    }
    of!(router_gateway::Config);
    of!(cell_node::Config);
    of!(control_plane_server::Config);
}

pub fn config_seeds() -> Vec<Vec<u8>> {
    texts(&[
        include_str!("../../../router/gateway/src/default.toml"),
        include_str!("../../../cell/node/src/default.toml"),
        include_str!("../../../control-plane/server/src/default.toml"),
    ])
}

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Probe {
    listen: String,
    port: u16,
    nodes: Vec<String>,
    ports: Vec<u16>,
    cache: Option<PathBuf>,
    limits: Limits,
    labels: BTreeMap<String, String>,
    log: crate::telemetry::LogFormat,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Limits {
    body: HumanSize,
    wait: HumanDuration,
    strict: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: HumanSize(64 << 10),
            wait: HumanDuration(Duration::from_secs(30)),
            strict: false,
        }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            port: 1,
            nodes: vec!["a".into()],
            ports: vec![],
            cache: None,
            limits: Limits::default(),
            labels: BTreeMap::new(),
            log: crate::telemetry::LogFormat::Json,
        }
    }
}

fn with(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Probe, ConfigError> {
    let file = (PathBuf::from("celld.toml"), file.parse().expect("TOML"));
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let flags: Vec<_> = flags
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    assemble(Some(file), environment, "CELLD", &flags)
}

#[test]
fn each_layer_wins_over_those_below() {
    let file = "port = 2\nlisten = 'file'\n[limits]\nbody = '1MiB'\nwait = '5m'\n[labels]\na = '1'";
    let environment = [
        ("CELLD_PORT", "3"),
        ("CELLD_LIMITS__WAIT", "250ms"),
        ("CELLD_LIMITS__STRICT", "true"),
        ("CELLD_CACHE", "/var/cache"),
        ("CELLDX_PORT", "9"),
        ("OTHER", "x"),
    ];
    let flags = [
        ("port", "4"),
        ("nodes", "b, c"),
        ("ports", "80,443"),
        ("labels.b", "2"),
        ("log", "human"),
    ];
    let probe = with(file, &environment, &flags).expect("good");
    assert_eq!((probe.port, probe.listen.as_str()), (4, "file"));
    assert_eq!(probe.nodes, ["b", "c"]);
    assert_eq!(probe.ports, [80, 443]);
    assert_eq!(probe.cache, Some("/var/cache".into()));
    let limits = Limits {
        body: HumanSize(1 << 20),
        wait: HumanDuration(Duration::from_millis(250)),
        strict: true,
    };
    assert_eq!(probe.limits, limits);
    assert_eq!(probe.labels.len(), 2);
    assert_eq!(probe.log, crate::telemetry::LogFormat::Human);
}

#[test]
fn an_unknown_key_is_named_with_its_origin_and_its_neighbours() {
    for (result, expected) in [
        (
            with("[limits]\nbodies = 1", &[], &[]),
            "unknown key `limits.bodies` in celld.toml; known here: body, wait, strict",
        ),
        (
            with("", &[("CELLD_LIMITS__BODIES", "1")], &[]),
            "unknown key `limits.bodies` in the environment variable CELLD_LIMITS__BODIES; known here: body, wait, strict",
        ),
        (
            with("", &[], &[("limits.bodies", "1")]),
            "unknown key `limits.bodies` in the setting limits.bodies of the command line; known here: body, wait, strict",
        ),
    ] {
        assert_eq!(result.expect_err("unknown").to_string(), expected);
    }
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_place() {
    let error = with("[limits]\nwait = 'soon'", &[], &[])
        .expect_err("no duration")
        .to_string();
    let expected = "`limits.wait` in celld.toml: `soon` is not a duration, such as `250ms`, `30s` or `5m`";
    assert_eq!(error, expected);
    let error = with("port = '80'", &[], &[])
        .expect_err("a text in a file stays a text")
        .to_string();
    assert!(
        error.starts_with("`port` in celld.toml: invalid type: string"),
        "{error}"
    );
    let error = with("", &[("CELLD_PORT", "70000")], &[])
        .expect_err("no port")
        .to_string();
    assert!(
        error.starts_with("`port` in the environment variable CELLD_PORT: `70000`"),
        "{error}"
    );
    let error = with("nodes = ['a', 1]", &[], &[])
        .expect_err("no text")
        .to_string();
    assert!(error.starts_with("`nodes.1` in celld.toml"), "{error}");
}

#[test]
fn what_is_printed_reads_back() {
    let text = print(&Probe::default());
    assert!(
        text.contains("wait = \"30s\"") && text.contains("body = \"64KiB\""),
        "{text}"
    );
    assert_eq!(with(&text, &[], &[]).expect("its own text"), Probe::default());
}

#[test]
fn a_missing_or_broken_file_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("none.toml");
    assert!(matches!(
        load::<Probe>(Some(&path), "NO_SUCH", &[]),
        Err(ConfigError::File { .. })
    ));
    fs::write(&path, "port = ").expect("written");
    assert!(matches!(
        load::<Probe>(Some(&path), "NO_SUCH", &[]),
        Err(ConfigError::Syntax { .. })
    ));
    assert_eq!(
        load::<Probe>(None, "NO_SUCH", &[]).expect("defaults"),
        Probe::default()
    );
}

#[test]
fn quantities_have_one_number_and_one_unit() {
    for text in ["0s", "1us", "250ms", "90s", "2h", "7d"] {
        assert_eq!(
            text.parse::<HumanDuration>().expect("a duration").to_string(),
            text
        );
    }
    assert_eq!(
        "60s".parse::<HumanDuration>().expect("a duration").to_string(),
        "1m"
    );
    assert_eq!("64 KiB".parse::<HumanSize>().expect("a size"), HumanSize(65_536));
    for text in [
        "",
        "5",
        "s",
        "-1s",
        "1.5s",
        "1h30m",
        "1S",
        "99999999999999999999s",
    ] {
        assert!(text.parse::<HumanDuration>().is_err(), "{text}");
    }
    for text in ["1KB", "1k", "KiB", "18446744073709551615TiB"] {
        assert!(text.parse::<HumanSize>().is_err(), "{text}");
    }
}

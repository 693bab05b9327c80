//! What differs from world to world, by name: ports, times, hashes, ages, ids, and the numbers of decisions and tables.

/// A line as every world prints it. `world`: the id of the world, once it has one; `dir`: its folder; `root`: the
/// folder of the test.
pub fn normal(line: &str, dir: &str, root: &str, world: Option<&str>) -> String {
    let mut line = line.replace(dir, "DIR").replace(root, "TMP");
    if let Some(world) = world {
        line = line.replace(world, "<world>").replace(&world[..16], "<world>");
    }
    let mut named = String::new();
    let mut rest = line.as_str();
    while !rest.is_empty() {
        let token = rest.split(|c: char| !is_part(c)).next().unwrap_or_default();
        if token.is_empty() {
            let other = rest.chars().next().unwrap_or_default();
            named.push(other);
            rest = &rest[other.len_utf8()..];
        } else {
            named.push_str(&name(token));
            rest = &rest[token.len()..];
        }
    }
    numbers(&named)
}

/// What ports, times and hashes are made of.
fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-')
}

fn name(token: &str) -> String {
    let is_hex = token
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let has_both = token.bytes().any(|b| b.is_ascii_digit()) && token.bytes().any(|b| b.is_ascii_lowercase());
    if is_hex && has_both && token.len() >= 12 {
        return "<hash>".to_owned();
    }
    for host in ["127.0.0.1:", "meridian.localhost:"] {
        if let Some(rest) = token.strip_prefix(host) {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            return format!("{host}<port>{}", &rest[digits..]);
        }
    }
    let shape: String = token
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    match shape.as_str() {
        "0000-00-00T00:00:00.000Z" => "<time>".to_owned(),
        _ => token.to_owned(),
    }
}

/// Numbers before and behind certain words: `12ms ago`, `"report_age_ms": 12`, `decision 7`, `26 kept heads`.
fn numbers(line: &str) -> String {
    const BEHIND: [&str; 5] = ["MiB", "ms", "days", "kept", "heads"];
    const FIELDS: [&str; 9] = [
        "_ms\":",
        "_ms:",
        "\"pid\":",
        "\"memory_mib\":",
        "\"sequence\":",
        "\"decision\":",
        "decision:",
        "\"table\":",
        "table:",
    ];
    const WORDS: [&str; 5] = ["(decision", "(process", "show", "running", "table"];
    let words: Vec<&str> = line.split(' ').collect();
    let behind = |at: usize| {
        words[at + 1..]
            .iter()
            .copied()
            .find(|word| !word.is_empty())
            .unwrap_or_default()
    };
    let before = |at: usize| {
        words[..at]
            .iter()
            .rev()
            .copied()
            .find(|word| !word.is_empty())
            .unwrap_or_default()
    };
    let told = |at: usize| {
        let word = words[at];
        let bare = word.trim_end_matches([',', ')', '.']);
        let tail = &word[bare.len()..];
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let is_age = bare.strip_suffix("ms").is_some_and(is_number) && behind(at).starts_with("ago");
        if is_age {
            return format!("<n>ms{tail}");
        }
        if let Some(digits) = bare.strip_prefix('g')
            && is_number(digits)
            && before(at) != "(record"
        {
            return format!("g<n>{tail}");
        }
        let is_named = BEHIND.iter().any(|unit| behind(at).starts_with(unit))
            || FIELDS.iter().any(|field| before(at).ends_with(field))
            || WORDS.contains(&before(at));
        if is_number(bare) && is_named {
            return format!("<n>{tail}");
        }
        word.to_owned()
    };
    (0..words.len()).map(told).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_differs_is_named_and_the_rest_is_left_alone() {
    let world = "0123456789abcdef".repeat(4);
    let line = |text: &str| normal(text, "/tmp/x/w", "/tmp/x", Some(&world));
    assert_eq!(
        line(&format!("world {world}  table g7")),
        "world <world>  table g<n>"
    );
    assert_eq!(
        line("  1  127.0.0.1:20817  leader"),
        "  1  127.0.0.1:<port>  leader"
    );
    assert_eq!(
        line("https://meridian.localhost:8443"),
        "https://meridian.localhost:<port>"
    );
    assert_eq!(line("2026-11-25T21:40:49.012Z x"), "<time> x");
    assert_eq!(line("end 0a1b2c3d4e5f x"), "end <hash> x");
    assert_eq!(line("eu/eu-west/003  12ms ago"), "eu/eu-west/003  <n>ms ago");
    assert_eq!(line(r#"  "report_age_ms": 12,"#), r#"  "report_age_ms": <n>,"#);
    assert_eq!(
        line("made in /tmp/x/w, not in /tmp/x/y"),
        "made in DIR, not in TMP/y"
    );
    assert_eq!(
        line("is cordoned (decision 12, table g9)"),
        "is cordoned (decision <n>, table g<n>)"
    );
    assert_eq!(
        line("open -> cordoned (record g1)"),
        "open -> cordoned (record g1)"
    );
    assert_eq!(
        line("26 kept heads of the ledger"),
        "<n> kept heads of the ledger"
    );
    assert_eq!(
        line("all 31 shards are served, 8 of 8"),
        "all 31 shards are served, 8 of 8"
    );
}

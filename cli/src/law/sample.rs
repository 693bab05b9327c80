//! Laws for tests: the shipped example, and what is changed in it.

use control_plane_residency::{Bundle, Ready, example, ready};
use platform_model::matrix::LawVersion;
use platform_model::{Generation, LawInForce};
use platform_wire::law::{LawRecord, LawView};

/// Lets people of the EEA be served from a region abroad, too.
pub const WIDER: &str = r#"
@id("eu-seen-abroad")
@article("GDPR Art. 45")
@reason("A test.")
@owner("nobody@example.org")
permit (
  principal == Jurisdiction::"eu",
  action == Action::"process",
  resource == Region::"us-east"
) when { context.class == DataClass::"health" && context.purpose == Purpose::"analytics" };
"#;

/// Forbids what people of the US have in their own region: strands them if there is no other.
pub const NARROWER: &str = r#"
@id("eu-not-in-the-west")
@article("an order of a court")
@reason("A test.")
@owner("nobody@example.org")
forbid (
  principal == Jurisdiction::"eu",
  action in [Action::"store-primary", Action::"store-standby", Action::"store-backup"],
  resource == Region::"eu-west"
);
"#;

/// The example with more rules, which no case is about, and without the cases that say otherwise.
pub fn bundle(version: u64, more: &str) -> Bundle {
    let files = example::FILES.iter().map(|(name, text)| {
        let text = match *name {
            "law.toml" => text.replacen("version = 1", &format!("version = {version}"), 1),
            name if name.ends_with("cases.toml") && !more.is_empty() => String::new(),
            _ => (*text).to_owned(),
        };
        ((*name).to_owned(), text)
    });
    let case = "[[cases]]\nname = \"a case\"\njurisdiction = \"us\"\naction = \"store-primary\"\n\
                region = \"us-east\"\nclass = \"contact\"\nexpect = \"permit\"\n";
    let extra = [("zz.cedar", more.to_owned()), ("zz.cases.toml", case.to_owned())];
    let extra = extra.into_iter().map(|(name, text)| (name.to_owned(), text));
    Bundle::from_files(files.chain(extra)).expect("files of a law")
}

pub fn law(version: u64, more: &str) -> Ready {
    ready(&bundle(version, more)).unwrap_or_else(|error| panic!("{error}"))
}

/// As the controllers keep it.
pub fn record(version: u64, more: &str) -> LawRecord {
    let ready = law(version, more);
    LawRecord {
        version: LawVersion(version),
        text: ready.law.bundle().text(),
        digest: ready.digest.0,
        matrix: ready.compiled.matrix,
        author: "spiffe://w/region/eu-central/operator/compliance/ann".to_owned(),
        proposed_ms: 1_795_600_000_000,
        approved: None,
    }
}

/// What the controllers say of the law.
pub fn view(
    in_force: Option<&LawRecord>,
    approved: Option<&LawRecord>,
    proposed: Option<&LawRecord>,
) -> LawView {
    LawView {
        generation: Generation(3),
        in_force: in_force.map(|law| LawInForce {
            revision: 1,
            matrix: law.matrix.clone().into(),
            matrix_age_max_ms: 300_000,
        }),
        in_force_since_ms: 1_795_600_100_000,
        approved: approved.cloned(),
        proposed: proposed.cloned(),
        history: Vec::new(),
        matrix_age_max_ms: 300_000,
        time_ms: 1_795_700_000_000,
    }
}

/// A text without the digests in it: those of the shipped example are another after each change of it.
pub fn without_digests(text: &str) -> String {
    let is_digest = |word: &str| {
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        matches!(word.len(), 16 | 64) && word.bytes().all(hex)
    };
    let mut shown = String::new();
    for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let kept = if is_digest(word) { "<digest>" } else { word };
        shown.extend([kept, &part[word.len()..]]);
    }
    shown
}

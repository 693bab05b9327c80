//! The law of a world as its controllers tell it, with the newest approved text compiled here: an answer is explained
//! from a text only if that text compiles to what was approved.

use anyhow::Result;
use control_plane_residency::{Bundle, Digest, Ready, ready};
use platform_model::LawInForce;
use platform_model::matrix::{LawVersion, Matrix};
use platform_wire::law::{LawRecord, LawView};

use super::source::unfit;
use crate::exit::Hinted;

/// Shows which texts there are.
const HISTORY: &str = "cellctl policy history";

/// What holds, and the text that explains it.
#[derive(Debug)]
pub struct Standing {
    pub in_force: LawInForce,
    pub since_ms: u64,
    /// The newest approved law; none if it was taken back before its day.
    pub text: Option<Approved>,
}

/// The newest approved law, compiled here.
#[derive(Debug)]
pub struct Approved {
    pub ready: Ready,
    /// When all of it holds.
    pub holds_from_ms: u64,
}

impl Standing {
    /// # Errors
    /// When no law is in force; when the approved text does not compile here to what was approved.
    pub fn of(view: &LawView) -> Result<Self> {
        let in_force = view.in_force.clone().ok_or_else(|| none_in_force(view))?;
        let text = match &view.approved {
            Some(record) => Some(Approved {
                ready: compiled_here(record)?,
                holds_from_ms: record
                    .approved
                    .as_ref()
                    .map_or(0, |approved| approved.holds_from_ms),
            }),
            None => None,
        };
        Ok(Self {
            in_force,
            since_ms: view.in_force_since_ms,
            text,
        })
    }

    /// Whether what holds is the approved text and nothing less: else it is what two versions both permit.
    pub fn is_whole(&self) -> bool {
        let matrix = self.in_force.matrix.as_ref();
        self.text
            .as_ref()
            .is_some_and(|text| text.ready.compiled.matrix == *matrix)
    }
}

/// A record's text, compiled by this program to what the record says.
///
/// # Errors
/// When it is not: nothing of it may be believed or signed.
pub fn compiled_here(record: &LawRecord) -> Result<Ready> {
    let bundle = Bundle::from_text(&record.text).map_err(|error| {
        let message = format!("the text of law {} is damaged: {error}", record.version);
        Hinted::new(message, &[HISTORY])
    })?;
    let ready = ready(&bundle).map_err(|why| unfit(&why, "cellctl policy show --proposed --text"))?;
    let (here, there) = (ready.digest, Digest(record.digest));
    let kept = Digest::of(&record.matrix.to_bytes());
    if here != there || kept != there {
        let message = format!(
            "law {} does not compile here to what its author proposed: {here} here, {there} there",
            record.version
        );
        let hints = [
            "do not approve it; compare the text with its author: cellctl policy show --proposed --text",
            "cellctl --version   must be that of the author",
        ];
        return Err(Hinted::new(message, &hints).into());
    }
    Ok(ready)
}

/// The matrix of a version that the controllers still have.
///
/// # Errors
/// Names the versions that there are.
pub fn matrix_of(view: &LawView, version: LawVersion) -> Result<Matrix> {
    let records = [&view.approved, &view.proposed].into_iter().flatten();
    let mut known: Vec<(LawVersion, &Matrix)> =
        records.map(|record| (record.version, &record.matrix)).collect();
    // What holds in part bears the stamp of the version that waits, which is found before it.
    let in_force = view.in_force.as_ref().map(|law| law.matrix.as_ref());
    known.extend(in_force.map(|matrix| (matrix.stamp().version, matrix)));
    if let Some((_, matrix)) = known.iter().find(|(have, _)| *have == version) {
        return Ok((*matrix).clone());
    }
    let mut names: Vec<String> = known.iter().map(|(have, _)| have.to_string()).collect();
    names.dedup();
    let hint = match names.as_slice() {
        [] => "cellctl policy apply DIR --reason '...'   proposes the first".to_owned(),
        names => format!("{HISTORY}   texts are kept of: {}", names.join(", ")),
    };
    Err(Hinted::new(format!("the controllers keep no text of law {version}"), &[&hint]).into())
}

fn none_in_force(view: &LawView) -> anyhow::Error {
    let hint = match (&view.approved, &view.proposed) {
        (Some(law), _) => format!(
            "cellctl policy show --approved   law {} waits for its day",
            law.version
        ),
        (None, Some(law)) => format!(
            "cellctl policy show --proposed   law {} waits for approval",
            law.version
        ),
        (None, None) => "cellctl policy example DIR   writes a law to start from".to_owned(),
    };
    Hinted::new("no law is in force in this world", &[&hint]).into()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_text_that_compiles_to_something_else_is_not_believed() {
        let mut record = sample::record(1, "");
        compiled_here(&record).expect("as proposed");
        let other = sample::record(1, "// another comment\n");
        record.text = other.text;
        let error = compiled_here(&record).expect_err("another text");
        let text = crate::exit::text(&error, "");
        assert!(
            text.contains("does not compile here to what its author proposed"),
            "{text}"
        );
        assert_eq!(crate::exit::number(&Err(error)), 1);
    }

    #[test]
    fn a_digest_that_is_not_of_the_matrix_is_not_believed() {
        let mut record = sample::record(1, "");
        record.digest = [7; 32];
        assert!(compiled_here(&record).is_err());
    }

    #[test]
    fn a_law_that_holds_in_part_is_told_from_one_that_holds_wholly() {
        let (first, wider) = (sample::record(1, ""), sample::record(2, sample::WIDER));
        let whole = Standing::of(&sample::view(Some(&first), Some(&first), None)).expect("in force");
        assert!(whole.is_whole());
        let mut view = sample::view(Some(&first), Some(&wider), None);
        let meet = first.matrix.meet(&wider.matrix).expect("meets");
        view.in_force.as_mut().expect("in force").matrix = meet.into();
        assert!(!Standing::of(&view).expect("in force").is_whole());
    }

    #[test]
    fn a_world_without_a_law_says_what_is_next() {
        let proposed = sample::record(1, "");
        for (proposed, hint) in [
            (None, "policy example DIR"),
            (Some(&proposed), "law v1 waits for approval"),
        ] {
            let error = Standing::of(&sample::view(None, None, proposed)).expect_err("none");
            assert!(crate::exit::text(&error, "").contains(hint));
        }
    }

    #[test]
    fn an_unknown_version_is_told_which_there_are() {
        let first = sample::record(1, "");
        let view = sample::view(Some(&first), Some(&first), None);
        assert_eq!(matrix_of(&view, LawVersion(1)).expect("kept"), first.matrix);
        let error = matrix_of(&view, LawVersion(9)).expect_err("unknown");
        assert!(crate::exit::text(&error, "").ends_with("texts are kept of: v1"));
    }
}

//! The names that stand in rules: each must stand for something that the law knows.

use cedar_policy::{EntityUid, Policy};
use platform_model::DataClass;
use platform_model::matrix::{Action, Purpose};

use super::schema::STORE;
use crate::document::{Document, Mechanism, nearest};
use crate::fault::FaultKind;

/// A fault for each name that stands for nothing.
pub(crate) fn unknown(document: &Document, rule: &str, policy: &Policy) -> Vec<FaultKind> {
    let mut literals = policy.entity_literals();
    literals.sort_by_key(ToString::to_string);
    literals.dedup();
    literals
        .iter()
        .filter_map(|uid| fault(document, rule, uid))
        .collect()
}

fn fault(document: &Document, rule: &str, uid: &EntityUid) -> Option<FaultKind> {
    let name: &str = uid.id().as_ref();
    let kind = uid.type_name().to_string();
    let (word, known): (&str, Vec<String>) = match kind.as_str() {
        "Jurisdiction" => (
            "jurisdiction",
            document.jurisdictions.keys().map(ToString::to_string).collect(),
        ),
        "Country" => (
            "country",
            document.countries().iter().map(ToString::to_string).collect(),
        ),
        "Region" => (
            "region",
            document.regions.keys().map(ToString::to_string).collect(),
        ),
        "DataClass" => ("data class", DataClass::ALL.map(|word| word.to_string()).to_vec()),
        "Purpose" => ("purpose", Purpose::ALL.map(|word| word.to_string()).to_vec()),
        "Mechanism" => ("mechanism", Mechanism::ALL.map(|word| word.to_string()).to_vec()),
        "Action" => {
            let actions = Action::ALL.iter().map(ToString::to_string);
            ("action", actions.chain([STORE.to_owned()]).collect())
        }
        // The validator says what is wrong with another kind.
        _ => return None,
    };
    if known.iter().any(|known| known == name) {
        return None;
    }
    let nearest = nearest(name, known.iter().map(String::as_str));
    Some(FaultKind::Unknown {
        what: format!("rule {rule}"),
        name: format!("{word} {name}"),
        nearest,
    })
}

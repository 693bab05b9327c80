//! What Cedar's validator knows of the words of the law.

use std::fmt::Write;

use cedar_policy::Schema;
use platform_model::DataClass;
use platform_model::matrix::{Action, Purpose};

use crate::document::Mechanism;

/// The group of the three actions that store a copy.
pub(crate) const STORE: &str = "store";

/// The schema as text; also what `cellctl` shows to an author.
pub fn text() -> String {
    let mut text = String::from(
        "// Whose data it is: the jurisdiction of the person.\n\
         entity Jurisdiction;\n\
         entity Country in [Jurisdiction];\n\
         // Where it would happen.\n\
         entity Region in [Country] { attested: Bool };\n",
    );
    let lists = [
        ("DataClass", DataClass::ALL.map(DataClass::as_str).to_vec()),
        ("Purpose", Purpose::ALL.map(Purpose::as_str).to_vec()),
        ("Mechanism", Mechanism::ALL.map(Mechanism::as_str).to_vec()),
    ];
    for (name, words) in lists {
        let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
        writeln!(text, "entity {name} enum [{}];", words.join(", ")).expect("a string takes all text");
    }
    text.push_str(
        "type Question = {\n  class: DataClass,\n  purpose: Purpose,\n  mechanisms: Set<Mechanism>,\n  consent: Bool\n};\n",
    );
    writeln!(text, "action {STORE:?};").expect("a string takes all text");
    for action in Action::ALL {
        let group = if is_store(action) {
            format!(" in [{STORE:?}]")
        } else {
            String::new()
        };
        let applies = "{ principal: Jurisdiction, resource: Region, context: Question }";
        writeln!(text, "action {:?}{group} appliesTo {applies};", action.as_str())
            .expect("a string takes all text");
    }
    text
}

fn is_store(action: Action) -> bool {
    matches!(
        action,
        Action::StorePrimary | Action::StoreStandby | Action::StoreBackup
    )
}

pub(crate) fn schema() -> Schema {
    let (schema, _warnings) =
        Schema::from_cedarschema_str(&text()).expect("the words of the law are a schema");
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_action_and_their_group() {
        let schema = schema();
        let actions = schema.actions().count();
        assert_eq!(actions, Action::ALL.len() + 1);
        let groups: Vec<String> = schema.action_groups().map(ToString::to_string).collect();
        assert_eq!(groups, [r#"Action::"store""#]);
    }
}

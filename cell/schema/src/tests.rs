//! Schemas that build, and every way in which one does not.

use std::path::Path;

use crate::{SchemaError, Violation, compile_to};

const HEAD: &str = "syntax = \"proto3\";\npackage training;\nimport \"meridian/options.proto\";\n";

/// Compiles `body` as `training.proto`; answers the generated code.
fn compile(body: &str) -> Result<String, SchemaError> {
    let dir = tempfile::tempdir().expect("a directory");
    let proto = dir.path().join("training.proto");
    std::fs::write(&proto, format!("{HEAD}{body}")).expect("written");
    let files = compile_to(&[proto.as_path()], &[dir.path()], dir.path())?;
    assert_eq!(files, [dir.path().join("training.rs")]);
    Ok(std::fs::read_to_string(&files[0]).expect("generated"))
}

fn violations(body: &str) -> Vec<Violation> {
    match compile(body) {
        Err(SchemaError::Violations(violations)) => violations,
        other => panic!("not refused: {other:?}"),
    }
}

/// A table `lap` around what is given.
fn table(options: &str, fields: &str) -> String {
    format!("message Lap {{\n option (meridian.table) = {{ name: \"lap\" {options} }};\n {fields}\n}}\n")
}

const ID: &str = "bytes id = 1 [(meridian.data_class) = OPERATIONAL];";

#[test]
fn a_field_without_a_class_does_not_build_and_the_message_says_what_to_write() {
    let error = compile("message Activity {\n double distance_m = 1;\n}\n").expect_err("no class");
    let said = format!("{error:?}");
    assert_eq!(said, error.to_string(), "cargo prints Debug");
    assert!(
        said.contains("training.proto: training.Activity.distance_m has no data class"),
        "{said}"
    );
    assert!(
        said.contains("write `[(meridian.data_class) = HEALTH]` after it"),
        "{said}"
    );
    assert!(
        said.contains("OPERATIONAL if it says nothing about a person"),
        "{said}"
    );
}

#[test]
fn nested_messages_oneofs_maps_and_unspecified_need_a_class_too() {
    let body = "message Activity {
        message Lap { double distance_m = 1; message Split { uint32 seconds = 1; } }
        oneof body { string note = 2; uint32 weight = 3 [(meridian.data_class) = HEALTH]; }
        map<string, Gear> gear = 4;
        string title = 5 [(meridian.data_class) = DATA_CLASS_UNSPECIFIED];
    }
    message Gear { string name = 1; }";
    let fields: Vec<String> = violations(body)
        .into_iter()
        .map(|violation| match violation {
            Violation::NoDataClass { message, field, .. } => format!("{message}.{field}"),
            other => panic!("{other}"),
        })
        .collect();
    let expected = [
        "training.Activity.note",
        "training.Activity.gear",
        "training.Activity.title",
        "training.Activity.Lap.distance_m",
        "training.Activity.Lap.Split.seconds",
        "training.Gear.name",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn an_imported_file_is_checked_with_the_one_that_imports_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    };
    write(
        "gear.proto",
        "syntax = \"proto3\"; package gear; message Gear { string name = 1; }",
    );
    let main = write(
        "training.proto",
        &format!(
            "{HEAD}import \"gear.proto\"; message A {{ gear.Gear gear = 1 [(meridian.data_class) = HEALTH]; }}"
        ),
    );
    let error = compile_to(&[main.as_path()], &[dir.path()], dir.path()).expect_err("no class");
    assert!(
        error
            .to_string()
            .contains("gear.proto: gear.Gear.name has no data class"),
        "{error}"
    );
}

#[test]
fn a_key_names_fields_that_exist() {
    let found = violations(&table(
        "primary_key: [\"uid\"] index: [{ name: \"by_x\", fields: [\"x\"] }]",
        ID,
    ));
    assert!(
        matches!(&found[0], Violation::UnknownField { what, field, known, .. }
        if what == "the primary key" && field == "uid" && known == "id")
    );
    assert!(matches!(&found[1], Violation::UnknownField { what, .. } if what == "index `by_x`"));
    assert_eq!(found.len(), 2);
}

#[test]
fn a_personal_field_stands_in_no_key() {
    let fields = "string email = 1 [(meridian.data_class) = CONTACT];";
    let found = violations(&table("primary_key: [\"email\"]", fields));
    assert!(
        matches!(&found[..], [Violation::PersonalPrimaryKey { field, class: "CONTACT", .. }] if field == "email")
    );

    let fields = format!("{ID} string email = 2 [(meridian.data_class) = CONTACT];");
    let clear = "primary_key: [\"id\"] index: [{ name: \"email\", fields: [\"email\"], clear: true }]";
    assert!(matches!(
        &violations(&table(clear, &fields))[..],
        [Violation::PersonalClearIndex { .. }]
    ));
    compile(&table(
        "primary_key: [\"id\"] index: [{ name: \"email\", fields: [\"email\"] }]",
        &fields,
    ))
    .expect("a digest is no personal value");
}

#[test]
fn a_key_is_made_of_single_values() {
    let fields = "repeated string id = 1 [(meridian.data_class) = OPERATIONAL];";
    assert!(matches!(
        &violations(&table("primary_key: [\"id\"]", fields))[..],
        [Violation::NotAKey { .. }]
    ));
    let fields = "optional string id = 1 [(meridian.data_class) = OPERATIONAL];";
    assert!(matches!(
        &violations(&table("primary_key: [\"id\"]", fields))[..],
        [Violation::NotAKey { .. }]
    ));
    let fields = "double id = 1 [(meridian.data_class) = OPERATIONAL];";
    assert!(matches!(
        &violations(&table("primary_key: [\"id\"]", fields))[..],
        [Violation::NotAKey { .. }]
    ));
    let fields = "oneof x { string id = 1 [(meridian.data_class) = OPERATIONAL]; }";
    assert!(matches!(
        &violations(&table("primary_key: [\"id\"]", fields))[..],
        [Violation::NotAKey { .. }]
    ));
    assert!(matches!(
        &violations(&table("", ID))[..],
        [Violation::NoFields { .. }]
    ));
}

#[test]
fn names_are_unique() {
    let one = table("primary_key: [\"id\"]", ID);
    let two = one.replace("message Lap", "message Split");
    let found = violations(&format!("{one}{two}"));
    assert!(
        matches!(&found[..], [Violation::DuplicateTable { table, message, other, .. }]
        if table == "lap" && message == "training.Split" && other == "training.Lap")
    );
    let index = "{ name: \"a\", fields: [\"id\"] }";
    let found = violations(&table(
        &format!("primary_key: [\"id\"] unique: [{index}] index: [{index}]"),
        ID,
    ));
    assert!(matches!(&found[..], [Violation::DuplicateIndex { .. }]));
}

#[test]
fn a_version_names_its_migration() {
    assert!(matches!(
        &violations(&table("primary_key: [\"id\"] version: 3", ID))[..],
        [Violation::NoMigration {
            version: 3,
            before: 2,
            ..
        }]
    ));
    assert!(matches!(
        &violations(&table(
            "primary_key: [\"id\"] version: 70000 migrate: \"crate::x\"",
            ID
        ))[..],
        [Violation::BadVersion { .. }]
    ));
    let code = compile(&table(
        "primary_key: [\"id\"] version: 2 migrate: \"crate::migrate::lap\"",
        ID,
    ))
    .expect("builds");
    assert!(code.contains("const VERSION: u16 = 2;") && code.contains("crate::migrate::lap(stored)"));
}

#[test]
fn names_that_would_be_bent_are_refused() {
    let found = violations("message GPSPoint { string Bad = 1 [(meridian.data_class) = HEALTH]; }");
    assert!(
        matches!(&found[..], [Violation::Name { name, .. }, Violation::Name { name: field, .. }]
        if name == "GPSPoint" && field == "Bad")
    );
    let nested = format!("message Outer {{ {} }}", table("primary_key: [\"id\"]", ID));
    assert!(matches!(
        &violations(&nested)[..],
        [Violation::NestedTable { .. }]
    ));
}

#[test]
fn what_is_no_schema_is_shown_with_its_place() {
    let said = compile("message Activity { strin name = 1; }")
        .expect_err("no such type")
        .to_string();
    assert!(said.contains("training.proto:4:20"), "{said}");
    let said = compile_to(
        &[Path::new("/nowhere/x.proto")],
        &[Path::new("/nowhere")],
        Path::new("/tmp"),
    );
    assert!(matches!(said, Err(SchemaError::Syntax(_))));
}

#[test]
fn fields_are_listed_with_their_class_and_a_message_in_itself_once() {
    let fields = format!(
        "{ID} repeated Lap inner = 2 [(meridian.data_class) = HEALTH]; Gear gear = 3 [(meridian.data_class) = BEHAVIOUR];"
    );
    let gear = "message Gear { string name = 1 [(meridian.data_class) = SOCIAL]; }";
    let code = compile(&format!("{}{gear}", table("primary_key: [\"id\"]", &fields))).expect("builds");
    let listed: Vec<&str> = code
        .lines()
        .filter(|line| line.contains("FieldInfo {"))
        .map(str::trim)
        .collect();
    let expected = [
        ("id", "Operational"),
        ("inner", "Health"),
        ("gear", "Behaviour"),
        ("gear.name", "Social"),
    ]
    .map(|(name, class)| {
        format!("::cell_layers::FieldInfo {{ name: \"{name}\", class: ::cell_layers::DataClass::{class} }},")
    });
    assert_eq!(listed, expected);
}

#[test]
fn an_event_is_generated_with_the_class_of_each_field_and_holds_no_message() {
    let event = |fields: &str| {
        format!("message Shared {{\n option (meridian.event) = {{ name: \"shared\" }};\n {fields}\n}}\n")
    };
    let code = compile(&event(&format!(
        "{ID} optional double distance_m = 4 [(meridian.data_class) = SOCIAL];"
    )))
    .expect("builds");
    for part in [
        "impl ::cell_layers::EventRecord for Shared",
        "const NAME: &'static str = \"shared\";",
        "const VERSION: u32 = 1;",
        "EventField { tag: 4, name: \"distance_m\", class: ::cell_layers::DataClass::Social }",
        "pub const EVENTS",
    ] {
        assert!(code.contains(part), "{part}\n{code}");
    }
    let nested = format!(
        "{}message Figures {{ {ID} }}",
        event("Figures figures = 1 [(meridian.data_class) = HEALTH];")
    );
    assert!(
        matches!(violations(&nested)[..], [Violation::NestedEvent { .. }]),
        "{:?}",
        violations(&nested)
    );
}

//! Messages with `(meridian.event)`: checked, and `impl cell_layers::EventRecord` and the list `EVENTS` of each package.

use std::fmt::Write as _;

use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::error::Violation;
use crate::options::{Class, Options, RawEvent};

/// An event, checked.
#[derive(Debug)]
pub(crate) struct Event {
    /// Package of the message; decides the generated file.
    pub package: String,
    /// Rust name, at the top of its module.
    rust: String,
    name: String,
    version: u32,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Field {
    tag: u32,
    name: String,
    class: Class,
}

/// The event that a message is, and what is wrong with it. A field without a class is told elsewhere.
pub(crate) fn of(options: &Options, message: &MessageDescriptor, raw: &RawEvent) -> (Event, Vec<Violation>) {
    let nested = message
        .fields()
        .filter(|field| field.kind().as_message().is_some());
    let nested = nested.map(|field| Violation::NestedEvent {
        file: message.parent_file().name().to_owned(),
        message: message.full_name().to_owned(),
        field: field.name().to_owned(),
    });
    let field = |field: FieldDescriptor| {
        Some(Field {
            tag: field.number(),
            name: field.name().to_owned(),
            class: options.class(&field)?,
        })
    };
    let event = Event {
        package: message.package_name().to_owned(),
        rust: message.name().to_owned(),
        name: raw.name.clone(),
        version: raw.version.max(1),
        fields: message.fields().filter_map(field).collect(),
    };
    (event, nested.collect())
}

/// Appends to the code of one package what its events need beside prost's own.
pub(crate) fn append<'a>(code: &mut String, events: impl Iterator<Item = &'a Event>) {
    let mut infos = String::new();
    for event in events {
        code.push_str(&record(event));
        let _ = writeln!(infos, "    ::cell_layers::EventInfo::of::<{}>(),", event.rust);
    }
    if !infos.is_empty() {
        let _ = writeln!(
            code,
            "/// Every event of the package.\npub const EVENTS: &[::cell_layers::EventInfo] = &[\n{infos}];"
        );
    }
}

fn record(event: &Event) -> String {
    let Event {
        rust, name, version, ..
    } = event;
    let line = |field: &Field| {
        let (tag, name, class) = (field.tag, &field.name, field.class.rust);
        format!(
            "        ::cell_layers::EventField {{ tag: {tag}, name: \"{name}\", class: ::cell_layers::DataClass::{class} }},\n"
        )
    };
    format!(
        "impl ::cell_layers::EventRecord for {rust} {{\n\
         \x20   const NAME: &'static str = \"{name}\";\n\
         \x20   const VERSION: u32 = {version};\n\
         \x20   const FIELDS: &'static [::cell_layers::EventField] = &[\n{fields}    ];\n\
         }}\n",
        fields = event.fields.iter().map(line).collect::<String>(),
    )
}

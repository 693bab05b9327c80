//! Checks a compiled schema, and collects everything that is wrong with it, not only the first thing.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{DescriptorPool, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};

use crate::error::Violation;
use crate::event::{self, Event};
use crate::names::{LOWER_SNAKE, UPPER_CAMEL, is_lower_snake, is_upper_camel, member};
use crate::options::{self, Options, RawIndex, RawTable};
use crate::table::{Column, ColumnKind, Field, Index, Table};

/// Every table and every event of the schema, or every rule that it breaks.
pub(crate) fn check(pool: &DescriptorPool) -> Result<(Vec<Table>, Vec<Event>), Vec<Violation>> {
    let mut checker = Checker {
        options: Options::of(pool),
        violations: Vec::new(),
        tables: Vec::new(),
        events: Vec::new(),
    };
    for file in pool.files().filter(is_ours) {
        for message in file.messages() {
            checker.message(&message);
        }
    }
    checker.duplicate_tables();
    if checker.violations.is_empty() {
        Ok((checker.tables, checker.events))
    } else {
        Err(checker.violations)
    }
}

/// Whether the file is a domain's: not Google's, not the options.
pub(crate) fn is_ours(file: &FileDescriptor) -> bool {
    !file.name().starts_with("google/protobuf/") && file.name() != options::FILE
}

struct Checker {
    options: Options,
    violations: Vec<Violation>,
    tables: Vec<Table>,
    events: Vec<Event>,
}

impl Checker {
    fn message(&mut self, message: &MessageDescriptor) {
        if message.is_map_entry() {
            return;
        }
        self.name(message, "message", message.name(), UPPER_CAMEL, is_upper_camel);
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            self.name(message, "oneof", oneof.name(), LOWER_SNAKE, is_lower_snake);
        }
        for field in message.fields() {
            self.field(message, &field);
        }
        if let Some(raw) = self.options.table(message) {
            self.table(message, raw);
        }
        if let Some(raw) = self.options.event(message) {
            self.name(message, "event", &raw.name, LOWER_SNAKE, is_lower_snake);
            let (event, nested) = event::of(&self.options, message, &raw);
            self.violations.extend(nested);
            self.events.push(event);
        }
        for child in message.child_messages() {
            self.message(&child);
        }
    }

    fn field(&mut self, message: &MessageDescriptor, field: &FieldDescriptor) {
        self.name(message, "field", field.name(), LOWER_SNAKE, is_lower_snake);
        if self.options.class(field).is_none() {
            self.violations.push(Violation::NoDataClass {
                file: file_of(message),
                message: message.full_name().to_owned(),
                field: field.name().to_owned(),
            });
        }
    }

    fn name(
        &mut self,
        message: &MessageDescriptor,
        what: &str,
        name: &str,
        rule: &'static str,
        ok: impl Fn(&str) -> bool,
    ) {
        if !ok(name) {
            let what = format!("{what} in {}", message.full_name());
            self.violations.push(Violation::Name {
                file: file_of(message),
                what,
                name: name.to_owned(),
                rule,
            });
        }
    }

    fn table(&mut self, message: &MessageDescriptor, raw: RawTable) {
        if message.parent_message().is_some() {
            let (file, message) = (file_of(message), message.full_name().to_owned());
            return self.violations.push(Violation::NestedTable { file, message });
        }
        self.name(message, "table", &raw.name, LOWER_SNAKE, is_lower_snake);
        let version = self.version(message, &raw);
        let primary_key = self.primary_key(message, &raw.primary_key);
        let indexes = self.indexes(message, raw.indexes);
        let mut fields = Vec::new();
        self.fields(
            message,
            "",
            &mut vec![message.full_name().to_owned()],
            &mut fields,
        );
        self.tables.push(Table {
            file: file_of(message),
            package: message.package_name().to_owned(),
            message: message.full_name().to_owned(),
            rust: message.name().to_owned(),
            name: raw.name,
            version,
            migrate: (!raw.migrate.is_empty()).then_some(raw.migrate),
            primary_key,
            indexes,
            fields,
        });
    }

    fn version(&mut self, message: &MessageDescriptor, raw: &RawTable) -> u16 {
        let version = raw.version.max(1);
        let (file, message) = (file_of(message), message.full_name().to_owned());
        let table = raw.name.clone();
        if version > 1 && raw.migrate.is_empty() {
            let before = version - 1;
            self.violations.push(Violation::NoMigration {
                file,
                message,
                table,
                version,
                before,
            });
        } else if u16::try_from(version).is_err() || (version == 1 && !raw.migrate.is_empty()) {
            self.violations.push(Violation::BadVersion {
                file,
                message,
                version,
            });
        }
        u16::try_from(version).unwrap_or(1)
    }

    fn primary_key(&mut self, message: &MessageDescriptor, names: &[String]) -> Vec<Column> {
        let fields = self.find(message, "the primary key", names);
        let mut columns = Vec::new();
        for field in fields {
            if let Some(class) = self.options.class(&field).filter(|class| class.is_personal()) {
                self.violations.push(Violation::PersonalPrimaryKey {
                    file: file_of(message),
                    message: message.full_name().to_owned(),
                    field: field.name().to_owned(),
                    class: class.proto,
                });
            }
            match self.column(message, "the primary key", &field) {
                Some(column) if column.optional => {
                    let hint = "a part of a primary key is always set: remove `optional`";
                    self.not_a_key(message, "the primary key", &field, "optional".to_owned(), hint);
                }
                Some(column) => columns.push(column),
                None => {}
            }
        }
        columns
    }

    fn indexes(&mut self, message: &MessageDescriptor, raw: Vec<RawIndex>) -> Vec<Index> {
        let mut names = BTreeSet::new();
        let mut indexes = Vec::new();
        for index in raw {
            self.name(message, "index", &index.name, LOWER_SNAKE, is_lower_snake);
            if !names.insert(index.name.clone()) {
                let (file, message) = (file_of(message), message.full_name().to_owned());
                self.violations.push(Violation::DuplicateIndex {
                    file,
                    message,
                    index: index.name.clone(),
                });
            }
            let what = format!("index `{}`", index.name);
            let fields = self.find(message, &what, &index.fields);
            let mut columns = Vec::new();
            for field in &fields {
                self.clear_means_operational(message, &index, field);
                columns.extend(self.column(message, &what, field));
            }
            indexes.push(Index {
                name: index.name,
                unique: index.unique,
                clear: index.clear,
                columns,
            });
        }
        indexes
    }

    fn clear_means_operational(
        &mut self,
        message: &MessageDescriptor,
        index: &RawIndex,
        field: &FieldDescriptor,
    ) {
        let class = self
            .options
            .class(field)
            .filter(|class| class.is_personal() && index.clear);
        if let Some(class) = class {
            self.violations.push(Violation::PersonalClearIndex {
                file: file_of(message),
                message: message.full_name().to_owned(),
                field: field.name().to_owned(),
                class: class.proto,
                index: index.name.clone(),
            });
        }
    }

    fn find(&mut self, message: &MessageDescriptor, what: &str, names: &[String]) -> Vec<FieldDescriptor> {
        let (file, full_name) = (file_of(message), message.full_name().to_owned());
        if names.is_empty() {
            self.violations.push(Violation::NoFields {
                file,
                message: full_name,
                what: what.to_owned(),
            });
            return Vec::new();
        }
        let mut found = Vec::new();
        for name in names {
            match message.get_field_by_name(name) {
                Some(field) => found.push(field),
                None => self.violations.push(Violation::UnknownField {
                    file: file.clone(),
                    message: full_name.clone(),
                    what: what.to_owned(),
                    field: name.clone(),
                    known: message
                        .fields()
                        .map(|f| f.name().to_owned())
                        .collect::<Vec<_>>()
                        .join(", "),
                }),
            }
        }
        found
    }

    fn column(&mut self, message: &MessageDescriptor, what: &str, field: &FieldDescriptor) -> Option<Column> {
        let hint = "keys are made of single strings, bytes, integers, bools and enums";
        if field.is_list() || field.is_map() {
            self.not_a_key(message, what, field, "repeated".to_owned(), hint);
            return None;
        }
        if field
            .containing_oneof()
            .is_some_and(|oneof| !oneof.is_synthetic())
        {
            self.not_a_key(message, what, field, "part of a oneof".to_owned(), hint);
            return None;
        }
        let Some(kind) = column_kind(&field.kind()) else {
            self.not_a_key(message, what, field, format!("{:?}", field.kind()), hint);
            return None;
        };
        Some(Column {
            member: member(field.name()),
            kind,
            optional: field.supports_presence(),
        })
    }

    fn not_a_key(
        &mut self,
        message: &MessageDescriptor,
        what: &str,
        field: &FieldDescriptor,
        kind: String,
        hint: &'static str,
    ) {
        self.violations.push(Violation::NotAKey {
            file: file_of(message),
            message: message.full_name().to_owned(),
            field: field.name().to_owned(),
            what: what.to_owned(),
            kind,
            hint,
        });
    }

    /// All fields under `message`, each once along a path: a message inside itself is not followed again.
    fn fields(
        &self,
        message: &MessageDescriptor,
        prefix: &str,
        path: &mut Vec<String>,
        into: &mut Vec<Field>,
    ) {
        for field in message.fields() {
            let name = format!("{prefix}{}", field.name());
            if let Some(class) = self.options.class(&field) {
                into.push(Field {
                    path: name.clone(),
                    class,
                });
            }
            let Some(inner) = stored_message(&field) else {
                continue;
            };
            if !path.iter().any(|outer| outer == inner.full_name()) {
                path.push(inner.full_name().to_owned());
                self.fields(&inner, &format!("{name}."), path, into);
                path.pop();
            }
        }
    }

    fn duplicate_tables(&mut self) {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for table in &self.tables {
            if let Some(other) = seen.insert(&table.name, &table.message) {
                self.violations.push(Violation::DuplicateTable {
                    file: table.file.clone(),
                    message: table.message.clone(),
                    table: table.name.clone(),
                    other: other.to_owned(),
                });
            }
        }
    }
}

/// The message that the field holds, one or many, as itself or as the values of a map.
fn stored_message(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let message = field.kind().as_message()?.clone();
    let message = if message.is_map_entry() {
        message.map_entry_value_field().kind().as_message()?.clone()
    } else {
        message
    };
    is_ours(&message.parent_file()).then_some(message)
}

fn column_kind(kind: &Kind) -> Option<ColumnKind> {
    match kind {
        Kind::String => Some(ColumnKind::Text),
        Kind::Bytes => Some(ColumnKind::Bytes),
        Kind::Bool | Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => {
            Some(ColumnKind::Unsigned)
        }
        Kind::Int32 | Kind::Int64 | Kind::Sint32 | Kind::Sint64 | Kind::Sfixed32 | Kind::Sfixed64 => {
            Some(ColumnKind::Signed)
        }
        Kind::Enum(_) => Some(ColumnKind::Signed),
        Kind::Double | Kind::Float | Kind::Message(_) => None,
    }
}

fn file_of(message: &MessageDescriptor) -> String {
    message.parent_file().name().to_owned()
}

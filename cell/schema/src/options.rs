//! Reads `meridian/options.proto` from compiled descriptors. Needs the reflection pool: `prost-types` drops extensions.

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, MessageDescriptor, Value,
};

/// Name of the options file on the include path, and its text.
pub(crate) const FILE: &str = "meridian/options.proto";
pub(crate) const SOURCE: &str = include_str!("../proto/meridian/options.proto");

/// A data class as it stands in a schema. `platform_model::DataClass` is the same by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    /// As in the schema.
    pub proto: &'static str,
    /// As in Rust.
    pub rust: &'static str,
}

/// By number, from 1.
const CLASSES: [Class; 9] = [
    Class {
        proto: "PUBLIC_PROFILE",
        rust: "PublicProfile",
    },
    Class {
        proto: "CONTACT",
        rust: "Contact",
    },
    Class {
        proto: "CREDENTIAL",
        rust: "Credential",
    },
    Class {
        proto: "HEALTH",
        rust: "Health",
    },
    Class {
        proto: "LOCATION",
        rust: "Location",
    },
    Class {
        proto: "PAYMENT",
        rust: "Payment",
    },
    Class {
        proto: "SOCIAL",
        rust: "Social",
    },
    Class {
        proto: "BEHAVIOUR",
        rust: "Behaviour",
    },
    Class {
        proto: "OPERATIONAL",
        rust: "Operational",
    },
];

impl Class {
    fn from_number(number: i32) -> Option<Self> {
        CLASSES
            .get(usize::try_from(number).ok()?.checked_sub(1)?)
            .copied()
    }

    pub(crate) fn is_personal(self) -> bool {
        self.proto != "OPERATIONAL"
    }
}

/// The table option as written, unchecked.
#[derive(Debug, Default)]
pub(crate) struct RawTable {
    pub name: String,
    pub primary_key: Vec<String>,
    pub indexes: Vec<RawIndex>,
    pub version: u32,
    pub migrate: String,
}

#[derive(Debug)]
pub(crate) struct RawIndex {
    pub name: String,
    pub fields: Vec<String>,
    pub unique: bool,
    pub clear: bool,
}

/// The event option as written, unchecked.
#[derive(Debug)]
pub(crate) struct RawEvent {
    pub name: String,
    pub version: u32,
}

/// The extensions, found once.
pub(crate) struct Options {
    data_class: ExtensionDescriptor,
    table: ExtensionDescriptor,
    event: ExtensionDescriptor,
}

impl Options {
    pub(crate) fn of(pool: &DescriptorPool) -> Self {
        let find = |name| {
            pool.get_extension_by_name(name)
                .expect("the options file is always compiled in")
        };
        Self {
            data_class: find("meridian.data_class"),
            table: find("meridian.table"),
            event: find("meridian.event"),
        }
    }

    pub(crate) fn class(&self, field: &FieldDescriptor) -> Option<Class> {
        Class::from_number(field.options().get_extension(&self.data_class).as_enum_number()?)
    }

    pub(crate) fn event(&self, message: &MessageDescriptor) -> Option<RawEvent> {
        let options = message.options();
        if !options.has_extension(&self.event) {
            return None;
        }
        let value = options.get_extension(&self.event);
        let event = value.as_message()?;
        let version = event.get_field_by_name("version").and_then(|v| v.as_u32());
        Some(RawEvent {
            name: text(event, "name"),
            version: version.unwrap_or(0),
        })
    }

    pub(crate) fn table(&self, message: &MessageDescriptor) -> Option<RawTable> {
        let options = message.options();
        if !options.has_extension(&self.table) {
            return None;
        }
        let value = options.get_extension(&self.table);
        let table = value.as_message()?;
        let mut indexes = self::indexes(table, "unique", true);
        indexes.extend(self::indexes(table, "index", false));
        Some(RawTable {
            name: text(table, "name"),
            primary_key: texts(table, "primary_key"),
            indexes,
            version: table
                .get_field_by_name("version")
                .and_then(|v| v.as_u32())
                .unwrap_or(0),
            migrate: text(table, "migrate"),
        })
    }
}

fn indexes(table: &DynamicMessage, field: &str, unique: bool) -> Vec<RawIndex> {
    let read = |value: &Value| {
        let index = value.as_message()?;
        let clear = index
            .get_field_by_name("clear")
            .and_then(|v| v.as_bool())
            .unwrap_or(false);
        Some(RawIndex {
            name: text(index, "name"),
            fields: texts(index, "fields"),
            unique,
            clear,
        })
    };
    let value = table.get_field_by_name(field);
    value
        .as_deref()
        .and_then(Value::as_list)
        .unwrap_or_default()
        .iter()
        .filter_map(read)
        .collect()
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn texts(message: &DynamicMessage, field: &str) -> Vec<String> {
    let value = message.get_field_by_name(field);
    let list = value.as_deref().and_then(Value::as_list).unwrap_or_default();
    list.iter()
        .filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}

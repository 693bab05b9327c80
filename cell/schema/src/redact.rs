//! Writes `Debug` for every message so that a log line never holds what a person told us: operational fields are
//! printed, others are named with their class. prost's own `Debug` prints all.

use std::fmt::Write as _;

use prost_reflect::{FileDescriptor, MessageDescriptor, OneofDescriptor};

use crate::names::{lower_snake, member, modules_of, upper_camel};
use crate::options::Options;

pub(crate) fn append_debug(code: &mut String, file: &FileDescriptor, options: &Options) {
    for message in file.messages() {
        append_message(code, &message, options);
    }
}

fn append_message(code: &mut String, message: &MessageDescriptor, options: &Options) {
    if message.is_map_entry() {
        return;
    }
    let mut lines = String::new();
    for field in message.fields() {
        let in_oneof = field
            .containing_oneof()
            .is_some_and(|oneof| !oneof.is_synthetic());
        let Some(class) = options.class(&field).filter(|_| !in_oneof) else {
            continue;
        };
        let (name, member) = (field.name(), member(field.name()));
        let line = if class.is_personal() {
            format!(
                "        out.field(\"{name}\", &::core::format_args!(\"<{}>\"));\n",
                class.proto.to_lowercase()
            )
        } else {
            format!("        out.field(\"{name}\", &self.{member});\n")
        };
        lines.push_str(&line);
    }
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        append_oneof(code, message, &oneof);
        let (name, member) = (oneof.name(), member(oneof.name()));
        let _ = writeln!(lines, "        out.field(\"{name}\", &self.{member});");
    }
    let path = format!("{}{}", modules_of(message), message.name());
    code.push_str(&implementation(&path, message.name(), &lines));
    for child in message.child_messages() {
        append_message(code, &child, options);
    }
}

/// Of a oneof only its name is printed.
fn append_oneof(code: &mut String, message: &MessageDescriptor, oneof: &OneofDescriptor) {
    let module = format!("{}{}", modules_of(message), member(&lower_snake(message.name())));
    let path = format!("{module}::{}", upper_camel(oneof.name()));
    code.push_str(&implementation(&path, &upper_camel(oneof.name()), ""));
}

fn implementation(path: &str, name: &str, lines: &str) -> String {
    let binding = if lines.is_empty() { "" } else { "let mut out = " };
    let end = if lines.is_empty() {
        ".finish_non_exhaustive()\n"
    } else {
        ";\n"
    };
    let finish = if lines.is_empty() {
        ""
    } else {
        "        out.finish()\n"
    };
    format!(
        "impl ::core::fmt::Debug for {path} {{\n\
         \x20   fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n\
         \x20       {binding}f.debug_struct(\"{name}\"){end}{lines}{finish}    }}\n}}\n"
    )
}

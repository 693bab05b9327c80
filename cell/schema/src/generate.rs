//! The Rust of checked tables: `impl cell_layers::Record` and the list `TABLES` of each package.

use std::fmt::Write as _;

use crate::table::{Column, ColumnKind, Index, Table};

/// Appends to the code of one package what its tables need beside prost's own.
pub(crate) fn append_tables<'a>(code: &mut String, tables: impl Iterator<Item = &'a Table>) {
    let mut infos = String::new();
    for table in tables {
        code.push_str(&record(table));
        let _ = writeln!(infos, "    ::cell_layers::TableInfo::of::<{}>(),", table.rust);
    }
    if !infos.is_empty() {
        let _ = writeln!(
            code,
            "/// Every table of the package.\npub const TABLES: &[::cell_layers::TableInfo] = &[\n{infos}];"
        );
    }
}

fn record(table: &Table) -> String {
    let Table {
        rust, name, version, ..
    } = table;
    format!(
        "#[allow(clippy::useless_conversion)]\nimpl ::cell_layers::Record for {rust} {{\n\
         \x20   const TABLE: &'static str = \"{name}\";\n\
         \x20   const VERSION: u16 = {version};\n\
         \x20   const FIELDS: &'static [::cell_layers::FieldInfo] = &[\n{fields}    ];\n\
         \x20   const INDEXES: &'static [::cell_layers::IndexInfo] = &[\n{indexes}    ];\n\
         \x20   fn primary_key(&self) -> ::std::vec::Vec<::cell_layers::KeyPart> {{\n\
         \x20       ::std::vec![{key}]\n\
         \x20   }}\n{parts}{migrate}}}\n",
        fields = fields(table),
        indexes = table.indexes.iter().map(index_info).collect::<String>(),
        key = parts(&table.primary_key),
        parts = index_parts(&table.indexes),
        migrate = table.migrate.as_deref().map(migrate).unwrap_or_default(),
    )
}

fn fields(table: &Table) -> String {
    let line = |path: &str, class: &str| {
        format!(
            "        ::cell_layers::FieldInfo {{ name: \"{path}\", class: ::cell_layers::DataClass::{class} }},\n"
        )
    };
    table
        .fields
        .iter()
        .map(|field| line(&field.path, field.class.rust))
        .collect()
}

fn index_info(index: &Index) -> String {
    let Index {
        name, unique, clear, ..
    } = index;
    format!("        ::cell_layers::IndexInfo {{ name: \"{name}\", unique: {unique}, clear: {clear} }},\n")
}

fn index_parts(indexes: &[Index]) -> String {
    let head = "    fn index_parts(&self, index: usize) -> ::core::option::Option<::std::vec::Vec<::cell_layers::KeyPart>> {\n";
    if indexes.is_empty() {
        let unused = head.replace("index: usize", "_index: usize");
        return format!("{unused}        ::core::option::Option::None\n    }}\n");
    }
    let arms: String = indexes.iter().enumerate().map(index_arm).collect();
    format!(
        "{head}        match index {{\n{arms}            _ => ::core::option::Option::None,\n        }}\n    }}\n"
    )
}

fn index_arm((at, index): (usize, &Index)) -> String {
    format!(
        "            {at} => ::core::option::Option::Some(::std::vec![{}]),\n",
        parts(&index.columns)
    )
}

fn parts(columns: &[Column]) -> String {
    columns.iter().map(part).collect::<Vec<_>>().join(", ")
}

fn part(column: &Column) -> String {
    let member = &column.member;
    let (variant, single, optional) = match column.kind {
        ColumnKind::Text => (
            "Text",
            format!("self.{member}.clone()"),
            format!("self.{member}.clone()?"),
        ),
        ColumnKind::Bytes => (
            "Bytes",
            format!("self.{member}.clone()"),
            format!("self.{member}.clone()?"),
        ),
        ColumnKind::Unsigned => (
            "U64",
            format!("u64::from(self.{member})"),
            format!("u64::from(self.{member}?)"),
        ),
        ColumnKind::Signed => (
            "I64",
            format!("i64::from(self.{member})"),
            format!("i64::from(self.{member}?)"),
        ),
    };
    format!(
        "::cell_layers::KeyPart::{variant}({})",
        if column.optional { optional } else { single }
    )
}

fn migrate(path: &str) -> String {
    format!(
        "    fn migrate(stored: &[u8]) -> ::core::result::Result<Self, ::cell_layers::MigrateError> {{\n\
         \x20       {path}(stored)\n\
         \x20   }}\n"
    )
}

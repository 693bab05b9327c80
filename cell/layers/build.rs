//! Generates what the layers store, and the records of the tests.

fn main() -> Result<(), cell_schema::SchemaError> {
    cell_schema::compile(&["proto/layers.proto", "proto/sample.proto"], &["proto"])
}

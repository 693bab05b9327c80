//! Generates the stored records, and refuses a field without a data class.

fn main() -> Result<(), cell_schema::SchemaError> {
    cell_schema::compile(&["proto/identity.proto"], &["proto"])
}

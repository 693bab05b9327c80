//! What people type, checked once where it comes in. None of it is printed by `Debug`.

mod address;
mod display_name;
mod password;

pub use address::Address;
pub use display_name::DisplayName;
pub use password::Password;

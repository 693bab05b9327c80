//! Who is told what goes on: whoever has a terminal decides how it looks there.

/// Hears the steps of long work.
pub trait Progress: Send + Sync {
    fn progress(&self, text: &str);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn progress(&self, _text: &str) {}
}

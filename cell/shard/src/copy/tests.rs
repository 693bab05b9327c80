//! Copies in one process: see each file.

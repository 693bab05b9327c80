//! Tests of the node's parts together; whole worlds are tested in `tests/`.

mod door;
mod ending;
pub(crate) mod hosted;
pub(crate) mod leader;
pub(crate) mod sample;
pub(crate) mod until;
mod waiting;

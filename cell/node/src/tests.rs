//! Tests of the node's parts together; whole worlds are tested in `tests/`.

mod door;
mod hosted;
mod leader;
mod sample;
mod waiting;

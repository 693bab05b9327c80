//! Where data is, as the controllers intend it and the nodes see it: reports that are signed, judged here, and kept.
//! Never touches the terminal.
//!
//! | module | what it is |
//! |---|---|
//! | [`report`] | a report whose signature is proved; the file in which it is kept |
//! | [`finding`] | every difference between what is intended, what is seen and what the law permits |
//! | [`past`] | who held a shard at a time, and which law held then |
//! | [`loss`] | what would be lost with a cell, a node or a region |
//! | [`class`] | each class of data, where copies of it are, and by which rule |
//! | [`user`] | a person, and the shards that hold what is his |
//! | [`moment`] | times as people write them |

pub mod class;
pub mod copy;
pub mod finding;
pub mod loss;
pub mod moment;
pub mod past;
pub mod report;
pub mod user;

#[cfg(test)]
pub mod sample;

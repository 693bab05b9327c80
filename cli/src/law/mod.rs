//! What the commands about the law share. Never touches the terminal.
//!
//! | module | what it is |
//! |---|---|
//! | [`source`] | a law in a folder: its files, read, compiled, linted and tested |
//! | [`standing`] | the law of a world, its text compiled here and compared with what holds |
//! | [`question`] | what is asked of a law: a point, a shard in a cell, a person in a region |
//! | [`answer`] | what a law says to a question, and why |
//! | [`plan`], [`effect`] | what a new law would change: answers, copies, homes, countries |
//! | [`proof`] | who approved a law, by his own signature |
//! | [`views`] | all of it as people's JSON |

pub mod answer;
pub mod effect;
pub mod plan;
pub mod proof;
pub mod question;
pub mod source;
pub mod standing;
pub mod views;

#[cfg(test)]
pub mod sample;

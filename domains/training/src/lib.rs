//! The domain `training`: workouts come in as files and go out as figures, laps, streams and the very bytes that came.
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | a workout: records as columns, timer spans, laps, the device's own figures |
//! | [`import`] | from the bytes of a FIT, GPX or TCX file (or their gzip) to that model |
//! | [`numbers`] | distance, times, climb, heart rate, computed from the records |
//! | [`streams`], [`columns`] | records as they are stored and as they are asked for |
//! | [`stored`], [`storage`] | rows (`proto/training.proto`), samples, the file, the order of the list |
//! | [`routes`], [`view`], [`gate`] | HTTP, JSON, and the bound of files that are read at once |
//! | [`summary`](mod@summary) | what someone who helps a person sees |
//! | [`export`] | what a person takes along |
//! | [`domain`] | all of it, for a node |
//!
//! Import, model, numbers and streams are pure. Never here: the store, keys, another domain, the node, the control plane.

pub mod columns;
pub mod domain;
pub mod export;
pub mod gate;
pub mod import;
pub mod model;
pub mod numbers;
pub mod routes;
pub mod storage;
pub mod stored;
pub mod streams;
pub mod summary;
pub mod view;

pub use domain::Training;
pub use summary::summary;

#[cfg(test)]
mod fixtures;

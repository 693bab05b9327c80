//! The generated messages and services of `proto/meridian/wire/v1`. Nothing here is written by hand.

#![allow(missing_docs, clippy::all, clippy::too_many_lines, reason = "generated code")]

tonic::include_proto!("meridian.wire.v1");

//! The generated messages and service of `proto/meridian/raft/v1`; read by control-plane/raft alone.

#![allow(missing_docs, clippy::all, clippy::too_many_lines, reason = "generated code")]

tonic::include_proto!("meridian.raft.v1");

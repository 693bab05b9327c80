//! Reads a node's `421 moved`: which shard, since which epoch, at which node.

use bytes::Bytes;
use http::response::Parts;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use platform_model::{Code, Epoch, Problem};
use router_table::Moved;
use serde::Deserialize;

/// Longest document of a `421`.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024;

/// What an answer turned out to be.
pub enum Verdict {
    /// Untouched.
    Other(Response<Incoming>),
    /// A `421` for another reason.
    NotMoved(Parts, Bytes),
    /// `None`: the node does not serve the shard and does not say who does.
    Moved(Option<Moved>),
}

#[derive(Deserialize)]
struct Document {
    code: String,
    shard: Option<String>,
    epoch: Option<u64>,
    node: Option<String>,
}

/// Reads the body only of a `421` with a problem document.
pub async fn read(answer: Response<Incoming>) -> Verdict {
    let is_problem =
        |value: &http::HeaderValue| value.as_bytes().starts_with(Problem::CONTENT_TYPE.as_bytes());
    if answer.status() != StatusCode::MISDIRECTED_REQUEST
        || !answer.headers().get(header::CONTENT_TYPE).is_some_and(is_problem)
    {
        return Verdict::Other(answer);
    }
    let (parts, body) = answer.into_parts();
    let bytes = match Limited::new(body, DOCUMENT_BYTES_MAX).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(_) => Bytes::new(),
    };
    match serde_json::from_slice::<Document>(&bytes) {
        Ok(document) if document.code == Code::Moved.as_str() => Verdict::Moved(document.place()),
        _ => Verdict::NotMoved(parts, bytes),
    }
}

impl Document {
    fn place(self) -> Option<Moved> {
        Some(Moved {
            shard: self.shard?.parse().ok()?,
            epoch: Epoch(self.epoch?),
            node: self.node?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(problem: &Problem) -> Option<Moved> {
        serde_json::from_str::<Document>(&problem.to_json())
            .expect("a document")
            .place()
    }

    #[test]
    fn only_a_whole_moved_names_a_place() {
        let moved = Problem::new(Code::Moved)
            .with("shard", "eu/eu-west/003")
            .with("epoch", 7);
        assert_eq!(place(&moved), None, "no node");
        let read = place(&moved.clone().with("node", "eu-west-1/0")).expect("whole");
        assert_eq!(
            (read.epoch, read.node.to_string().as_str()),
            (Epoch(7), "eu-west-1/0")
        );
        assert_eq!(place(&moved.with("node", "Nowhere")), None);
    }
}

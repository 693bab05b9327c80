//! Reads what a node's door says of a shard: `421 moved` (since which epoch, at which node), `503 moving` (wait).
//! Both promise that nothing of the request was executed.

use bytes::Bytes;
use http::response::Parts;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use platform_model::{Code, Epoch, Problem};
use router_table::Moved;
use serde::Deserialize;

/// Longest document of either.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024;

/// What an answer turned out to be.
pub enum Verdict {
    /// Untouched.
    Other(Response<Incoming>),
    /// A problem for another reason, read.
    Whole(Parts, Bytes),
    /// `None`: the node does not serve the shard and does not say who does.
    Moved(Option<Moved>),
    /// The node may serve the shard in a moment.
    Moving,
}

#[derive(Deserialize)]
struct Document {
    code: String,
    shard: Option<String>,
    epoch: Option<u64>,
    node: Option<String>,
}

/// Reads the body only of a `421` or `503` with a problem document.
pub async fn read(answer: Response<Incoming>) -> Verdict {
    let is_problem =
        |value: &http::HeaderValue| value.as_bytes().starts_with(Problem::CONTENT_TYPE.as_bytes());
    let may_be = [StatusCode::MISDIRECTED_REQUEST, StatusCode::SERVICE_UNAVAILABLE];
    if !may_be.contains(&answer.status())
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
        Ok(document) if document.code == Code::Moving.as_str() => Verdict::Moving,
        _ => Verdict::Whole(parts, bytes),
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

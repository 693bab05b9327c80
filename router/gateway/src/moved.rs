//! Reads what a node says of a shard or a person: `421 moved` (since which epoch, at which node), `421 home-moved` (the person
//! lives in another home), `503 moving` (wait). All promise that nothing of the request was executed.

use bytes::Bytes;
use http::response::Parts;
use http::{Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use platform_model::{Code, Epoch, HomeId, Problem};
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
    /// The person lives in that home, since that user epoch. `None`: the node does not say where.
    HomeMoved(Option<(HomeId, u64)>),
    /// The node may serve the shard, or the person, in a moment.
    Moving,
}

#[derive(Deserialize)]
struct Document {
    code: String,
    shard: Option<String>,
    epoch: Option<u64>,
    node: Option<String>,
    home: Option<String>,
    user_epoch: Option<u64>,
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
        Ok(document) if document.code == Code::HomeMoved.as_str() => Verdict::HomeMoved(document.home()),
        Ok(document) if document.code == Code::Moving.as_str() => Verdict::Moving,
        _ => Verdict::Whole(parts, bytes),
    }
}

impl Document {
    fn home(self) -> Option<(HomeId, u64)> {
        Some((self.home?.parse().ok()?, self.user_epoch?))
    }

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
    fn only_a_whole_home_moved_names_a_home() {
        let home = |problem: &Problem| {
            serde_json::from_str::<Document>(&problem.to_json())
                .expect("a document")
                .home()
        };
        let moved = Problem::new(Code::HomeMoved).with("home", "us/us-east");
        assert_eq!(home(&moved), None, "no epoch");
        let read = home(&moved.clone().with("user_epoch", 2)).expect("whole");
        assert_eq!((read.0.to_string().as_str(), read.1), ("us/us-east", 2));
        assert_eq!(home(&moved.with("home", "nowhere").with("user_epoch", 2)), None);
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

//! Which protocol an operator's client speaks: it says so with every request, in two headers, and a server that needs
//! a later one refuses it by name instead of misreading it.
//!
//! A client that says nothing is one from before this and speaks protocol 0. Controllers, nodes and routers are upgraded
//! with the servers, and are not asked.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::refusal::{Refusal, RefusalCode};

/// The protocol of this build's client. Grows when a request gets a meaning that an older server must not miss.
pub const PROTOCOL: u32 = 1;

const PROTOCOL_HEADER: &str = "meridian-client-protocol";
const VERSION_HEADER: &str = "meridian-client-version";
/// Longest version that is repeated in a refusal.
const VERSION_BYTES_MAX: usize = 40;

/// Adds the headers.
#[derive(Debug, Clone, Copy)]
pub struct Speaks;

impl Interceptor for Speaks {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let headers = request.metadata_mut();
        headers.insert(PROTOCOL_HEADER, MetadataValue::from(PROTOCOL));
        headers.insert(
            VERSION_HEADER,
            MetadataValue::from_static(env!("CARGO_PKG_VERSION")),
        );
        Ok(request)
    }
}

/// Whether an operator's client is new enough.
///
/// # Errors
/// `client-too-old`, with both versions.
pub fn check(headers: &MetadataMap, least: u32) -> Result<(), Refusal> {
    let spoken = text(headers, PROTOCOL_HEADER)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    if spoken >= least {
        return Ok(());
    }
    let version = text(headers, VERSION_HEADER).filter(|version| version.len() <= VERSION_BYTES_MAX);
    let client = version.map_or_else(
        || "this cellctl".to_owned(),
        |version| format!("cellctl {version}"),
    );
    let message = format!("{client} speaks protocol {spoken}; these controllers take {least} and later");
    let hint = format!(
        "install the cellctl of the controllers, {}",
        env!("CARGO_PKG_VERSION")
    );
    Err(Refusal::new(RefusalCode::ClientTooOld, message).hint(hint))
}

fn text<'a>(headers: &'a MetadataMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_this_build_is_taken_and_one_from_before_only_where_nothing_newer_is_needed() {
        let ours = Speaks.call(Request::new(())).expect("adds headers");
        assert!(check(ours.metadata(), PROTOCOL).is_ok());
        let older = MetadataMap::new();
        assert!(check(&older, 0).is_ok());
        let refusal = check(&older, 1).expect_err("too old");
        assert_eq!(refusal.code, RefusalCode::ClientTooOld);
        assert!(
            refusal.message.contains("this cellctl speaks protocol 0"),
            "{refusal}"
        );
        let refusal = check(ours.metadata(), PROTOCOL + 1).expect_err("too old");
        assert!(
            refusal
                .message
                .contains("speaks protocol 1; these controllers take 2"),
            "{refusal}"
        );
        assert!(refusal.hint.starts_with("install the cellctl"));
    }

    #[test]
    fn headers_that_are_nonsense_are_protocol_0() {
        let mut headers = MetadataMap::new();
        headers.insert(PROTOCOL_HEADER, MetadataValue::from_static("-1"));
        assert!(check(&headers, 0).is_ok());
        assert!(check(&headers, 1).is_err());
    }
}

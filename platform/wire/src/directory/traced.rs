//! The trace of a request goes on to the node that it makes this one ask: `traceparent` in the metadata of the call.

use platform_runtime::telemetry::TraceContext;
use tonic::Request;
use tonic::metadata::MetadataValue;

/// A call as a further step of the caller's trace. Where the caller works for none, the callee begins one.
pub(super) fn traced<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(current) = TraceContext::current() {
        let text = MetadataValue::try_from(current.child().to_header()).expect("hex digits and hyphens");
        let _ = request
            .metadata_mut()
            .insert(platform_model::header::TRACEPARENT, text);
    }
    request
}

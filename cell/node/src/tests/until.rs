//! For what must happen in the end.

use std::time::Duration;

/// Very wide, for machines that do much else.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Looks until it is so.
pub(crate) async fn until(what: &str, so: impl AsyncFn() -> bool) {
    let looks = async {
        while !so().await {
            tokio::time::sleep(PAUSE).await;
        }
    };
    let came = tokio::time::timeout(WITHIN, looks).await;
    assert!(came.is_ok(), "waited in vain until {what}");
}

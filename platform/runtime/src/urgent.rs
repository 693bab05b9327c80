//! Threads that run first: those of whose few words others wait, such as the promise that keeps a lease. On a machine whose
//! processors are all wanted, a thread like any other may wait for longer than a lease lasts.

use std::sync::Once;

use rustix::process::setpriority_process;
use rustix::thread::gettid;

/// What such a thread is given, as `nice(2)` counts: about nine times the share of one like any other.
const NICE: i32 = -10;

/// Lets the calling thread run before the others of this machine, where the operating system allows that: to root, or by
/// `CAP_SYS_NICE` or `RLIMIT_NICE` (systemd's `LimitNICE=-10`). Elsewhere it stays as it is, which is said once. On Linux a
/// thread has a priority of its own, `setpriority(2)`.
pub fn this_thread() -> bool {
    let raised = setpriority_process(Some(gettid()), NICE);
    static TOLD: Once = Once::new();
    TOLD.call_once(|| match raised {
        Ok(()) => tracing::info!(nice = NICE, "threads that others wait for run first"),
        Err(error) => tracing::info!(
            %error,
            "threads that others wait for run like any other: leases may lapse on a machine whose processors are all wanted; \
             allow it with LimitNICE=-10"
        ),
    });
    raised.is_ok()
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn one_thread_is_raised_where_that_is_allowed_and_no_other() {
        let before = getpriority_process(None).expect("it tells");
        let thread = std::thread::spawn(|| {
            let raised = this_thread();
            (raised, getpriority_process(Some(gettid())).expect("it tells"))
        });
        let (raised, own) = thread.join().expect("it ends");
        assert_eq!(own, if raised { NICE } else { before });
        let here = getpriority_process(Some(gettid())).expect("it tells");
        assert_eq!(here, before, "the thread that asked for nothing");
    }
}

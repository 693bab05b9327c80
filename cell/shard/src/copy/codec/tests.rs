//! What is sent comes back; what is not what was sent is refused.

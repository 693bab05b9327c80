//! At most one node may answer reads of a shard at any moment, paused or suspended ones included.

pub const NAME: &str = "one-server-of-reads";

/// `servers` are the nodes whose replica would answer a read now, by their own clocks.
pub fn check(servers: &[usize]) -> Result<(), String> {
    match servers {
        [] | [_] => Ok(()),
        more => Err(format!("nodes {more:?} answer reads at the same time")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_are_too_many() {
        assert!(super::check(&[]).is_ok() && super::check(&[3]).is_ok());
        assert!(super::check(&[0, 2]).is_err());
    }
}

//! The directory's entry of a person: `{home, user epoch, operation}`. It decides where he lives, and only it. Start,
//! commit and cancel are compare-and-sets of it: `{A, n, none} -> {A, n, op} -> {B, n+1, none}` or `-> {A, n, none}`.

use thiserror::Error;

/// One attempt to relocate one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(pub u64);

/// `S` names a home's shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry<S> {
    pub home: S,
    /// Grows with each relocation. Of two answers the higher one wins.
    pub user_epoch: u64,
    pub operation: Option<OperationId>,
    /// The newest operation that was ever started. A cancel brings the entry back to what it was, so without this a start
    /// that comes twice would start it again, onto a copy that was made before the cancel.
    pub newest: OperationId,
}

/// Why an entry stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum EntryRefusal {
    #[error("another relocation of this person is under way")]
    UnderWay,
    #[error("that relocation is not under way")]
    NotUnderWay,
    #[error("he lives there")]
    AtHome,
    #[error("that relocation was started before")]
    Late,
}

impl<S: Clone + PartialEq> Entry<S> {
    pub fn new(home: S) -> Self {
        Self {
            home,
            user_epoch: 1,
            operation: None,
            newest: OperationId(0),
        }
    }

    /// # Errors
    /// See [`EntryRefusal`].
    pub fn start(&mut self, operation: OperationId, to: S) -> Result<(), EntryRefusal> {
        if self.operation.is_some() {
            return Err(EntryRefusal::UnderWay);
        }
        if operation <= self.newest {
            return Err(EntryRefusal::Late);
        }
        if self.home == to {
            return Err(EntryRefusal::AtHome);
        }
        self.newest = operation;
        self.operation = Some(operation);
        Ok(())
    }

    /// The person lives at `to` from now on.
    ///
    /// # Errors
    /// The operation was cancelled, or is done.
    pub fn commit(&mut self, operation: OperationId, to: S) -> Result<(), EntryRefusal> {
        self.ends(operation)?;
        self.home = to;
        self.user_epoch += 1;
        self.operation = None;
        Ok(())
    }

    /// # Errors
    /// The operation is done, or was cancelled.
    pub fn cancel(&mut self, operation: OperationId) -> Result<(), EntryRefusal> {
        self.ends(operation)?;
        self.operation = None;
        Ok(())
    }

    fn ends(&self, operation: OperationId) -> Result<(), EntryRefusal> {
        if self.operation == Some(operation) {
            Ok(())
        } else {
            Err(EntryRefusal::NotUnderWay)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relocation_ends_once_and_only_while_it_is_under_way() {
        let (first, second) = (OperationId(1), OperationId(2));
        let mut entry = Entry::new('a');
        assert_eq!(entry.start(first, 'a'), Err(EntryRefusal::AtHome));
        assert_eq!(entry.start(first, 'b'), Ok(()));
        assert_eq!(entry.start(second, 'c'), Err(EntryRefusal::UnderWay));
        assert_eq!(entry.commit(second, 'c'), Err(EntryRefusal::NotUnderWay));
        assert_eq!(entry.cancel(first), Ok(()));
        assert_eq!(entry.commit(first, 'b'), Err(EntryRefusal::NotUnderWay));
        assert_eq!(entry.start(first, 'b'), Err(EntryRefusal::Late), "it comes twice");
        assert_eq!(entry.start(second, 'b'), Ok(()));
        assert_eq!(entry.commit(second, 'b'), Ok(()));
        assert_eq!((entry.home, entry.user_epoch), ('b', 2));
    }
}

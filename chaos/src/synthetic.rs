//! Made-up histories whose answer is known: as a correct store would answer, by seed. For tests of the checkers, and to
//! measure how long they take.

mod random;
mod registers;
mod transactions;

pub use random::Random;
pub use registers::registers;
pub use transactions::transactions;

//! The line of one held shard: who waits, in order, and how many may go at once. Pure: no clock, no task, no socket.
//!
//! Closed, nobody goes. Opened, one goes; then as many more as were answered, as TCP begins slowly (RFC 5681), so that
//! a primary that serves again is not met by everyone at once. The next goes only when the one before it has been put
//! on the connection, so that they arrive in order.

use std::collections::VecDeque;

/// Waiting `T`s, oldest first.
#[derive(Debug)]
pub struct Line<T> {
    waiting: VecDeque<(u64, T)>,
    joined: u64,
    stage: Stage,
    /// How often it was opened: who went before the last opening no longer counts.
    opening: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    Open {
        window: usize,
        under_way: usize,
        /// One was let go and is not on the connection yet.
        sending: bool,
    },
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            joined: 0,
            stage: Stage::Closed,
            opening: 0,
        }
    }
}

impl<T> Line<T> {
    /// Takes the last place; the number is for [`Self::leave`].
    pub fn join(&mut self, who: T) -> u64 {
        self.joined += 1;
        self.waiting.push_back((self.joined, who));
        self.joined
    }

    /// Gives a place up; `None` if its holder was let go already.
    pub fn leave(&mut self, number: u64) -> Option<T> {
        let at = self.waiting.binary_search_by_key(&number, |(number, _)| *number);
        self.waiting.remove(at.ok()?).map(|(_, who)| who)
    }

    /// The shard is served: the first may go. Nothing if it is open already.
    pub fn open(&mut self) {
        if self.stage == Stage::Closed {
            self.opening += 1;
            self.stage = Stage::Open {
                window: 1,
                under_way: 0,
                sending: false,
            };
        }
    }

    /// The shard is not served after all, says who went in `opening`.
    pub fn close(&mut self, opening: u64) {
        if opening == self.opening {
            self.stage = Stage::Closed;
        }
    }

    /// Who goes next, if someone may, and in which opening.
    pub fn let_go(&mut self) -> Option<(T, u64)> {
        let Stage::Open {
            window,
            under_way,
            sending,
        } = &mut self.stage
        else {
            return None;
        };
        if *sending || under_way >= window {
            return None;
        }
        let (_, who) = self.waiting.pop_front()?;
        *under_way += 1;
        *sending = true;
        Some((who, self.opening))
    }

    /// Who went last is on the connection, or will never be.
    pub fn sent(&mut self, of: u64) {
        if let Some((_, _, sending)) = self.opened(of) {
            *sending = false;
        }
    }

    /// One that went has an answer (`good`), or went away without one.
    pub fn over(&mut self, of: u64, good: bool) {
        if let Some((window, under_way, _)) = self.opened(of) {
            *under_way = under_way.saturating_sub(1);
            *window = window.saturating_add(usize::from(good));
        }
    }

    /// Twice as many may go: those that went are slow and hold up nobody.
    pub fn widen(&mut self) {
        if let Some((window, ..)) = self.opened(self.opening) {
            *window = window.saturating_mul(2);
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    fn opened(&mut self, of: u64) -> Option<(&mut usize, &mut usize, &mut bool)> {
        match &mut self.stage {
            Stage::Open {
                window,
                under_way,
                sending,
            } if of == self.opening => Some((window, under_way, sending)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(of: usize) -> Line<usize> {
        let mut line = Line::default();
        for who in 0..of {
            line.join(who);
        }
        line
    }

    /// Everyone who may go now, each put on the connection at once.
    fn go(line: &mut Line<usize>) -> Vec<usize> {
        let mut gone = Vec::new();
        while let Some((who, opening)) = line.let_go() {
            line.sent(opening);
            gone.push(who);
        }
        gone
    }

    #[test]
    fn nobody_goes_while_it_is_closed_then_one_then_twice_as_many() {
        let mut line = line(20);
        assert!(go(&mut line).is_empty());
        line.open();
        assert_eq!(go(&mut line), [0]);
        line.over(1, true);
        assert_eq!(go(&mut line), [1, 2]);
        line.over(1, true);
        line.over(1, true);
        assert_eq!(go(&mut line), [3, 4, 5, 6]);
        line.widen();
        assert_eq!(go(&mut line), [7, 8, 9, 10], "slow ones hold up nobody");
    }

    #[test]
    fn the_next_goes_once_the_one_before_is_on_the_connection() {
        let mut line = line(3);
        line.open();
        line.widen();
        assert_eq!(line.let_go(), Some((0, 1)));
        assert_eq!(line.let_go(), None);
        line.sent(1);
        assert_eq!(line.let_go(), Some((1, 1)));
    }

    #[test]
    fn a_line_that_is_closed_again_forgets_who_went_before() {
        let mut line = line(9);
        line.open();
        line.widen();
        assert_eq!(go(&mut line), [0, 1]);
        line.close(1);
        assert!(go(&mut line).is_empty());
        line.open();
        line.over(1, true);
        assert_eq!(go(&mut line), [2], "an answer of before widens nothing");
        line.close(1);
        assert!(!line.is_closed(), "a refusal of before closes nothing");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Join,
        Leave(u64),
        Open,
        Close,
        Go,
        Over(bool),
        Widen,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Join),
            1 => (1..20u64).prop_map(Step::Leave),
            1 => Just(Step::Open),
            1 => Just(Step::Close),
            4 => Just(Step::Go),
            2 => any::<bool>().prop_map(Step::Over),
            1 => Just(Step::Widen),
        ]
    }

    proptest! {
        #[test]
        fn everyone_goes_at_most_once_and_in_order(steps in prop::collection::vec(step(), 0..80)) {
            let (mut line, mut last, mut left, mut gone) = (Line::default(), 0, 0, 0);
            let mut number = 0;
            for step in steps {
                match step {
                    Step::Join => { number += 1; prop_assert_eq!(line.join(number), number); }
                    Step::Leave(who) => left += usize::from(line.leave(who).is_some()),
                    Step::Open => line.open(),
                    Step::Close => line.close(line.opening),
                    Step::Go => if let Some((who, opening)) = line.let_go() {
                        prop_assert!(who > last, "{who} after {last}");
                        last = who;
                        gone += 1;
                        line.sent(opening);
                    },
                    Step::Over(good) => line.over(line.opening, good),
                    Step::Widen => line.widen(),
                }
                prop_assert_eq!(line.len() + left + gone, number as usize);
            }
        }
    }
}

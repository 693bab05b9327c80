//! How long the timer ran between two times.

use crate::model::Span;

/// Spans in order, with the time run before each.
#[derive(Debug)]
pub struct Timer<'a> {
    spans: &'a [Span],
    before_ms: Vec<i64>,
}

impl<'a> Timer<'a> {
    /// `spans` in order and without overlap, as a [`crate::model::Workout`] has them.
    pub fn new(spans: &'a [Span]) -> Self {
        let mut run = 0;
        let before_ms = spans
            .iter()
            .map(|span| {
                let before = run;
                run += span.end_ms - span.start_ms;
                before
            })
            .collect();
        Self { spans, before_ms }
    }

    /// Seconds that the timer ran from one time to a later one; logarithmic in the spans.
    pub fn between_s(&self, from_ms: i64, to_ms: i64) -> f64 {
        (self.run_until(to_ms) - self.run_until(from_ms)).max(0) as f64 / 1_000.0
    }

    fn run_until(&self, time_ms: i64) -> i64 {
        let begun = self.spans.partition_point(|span| span.start_ms <= time_ms);
        let Some(last) = begun.checked_sub(1) else {
            return 0;
        };
        let span = self.spans[last];
        self.before_ms[last] + time_ms.min(span.end_ms) - span.start_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_do_not_count() {
        let spans = [
            Span {
                start_ms: 0,
                end_ms: 10_000,
            },
            Span {
                start_ms: 60_000,
                end_ms: 65_000,
            },
        ];
        let timer = Timer::new(&spans);
        assert!((timer.between_s(0, 65_000) - 15.0).abs() < 1e-9);
        assert!((timer.between_s(5_000, 61_000) - 6.0).abs() < 1e-9);
        assert!((timer.between_s(-5, 0) - 0.0).abs() < 1e-9);
        assert!((timer.between_s(20_000, 50_000) - 0.0).abs() < 1e-9);
    }
}

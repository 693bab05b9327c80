//! What is said of many measurements of one thing: the median and how far the others lie.

use std::time::Duration;

use serde_json::{Value, json};

/// Order statistics of a sample; all `NaN` for an empty one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub least: f64,
    pub lower_quartile: f64,
    pub median: f64,
    pub upper_quartile: f64,
    pub most: f64,
}

impl Spread {
    /// Quartiles by linear interpolation between the neighbours in order (type 7 of Hyndman and Fan, 1996).
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |share| quantile(&values, share);
        Self {
            least: at(0.0),
            lower_quartile: at(0.25),
            median: at(0.5),
            upper_quartile: at(0.75),
            most: at(1.0),
        }
    }

    /// Any other quantile of a sample, in the same way.
    pub fn quantile(values: &[f64], share: f64) -> f64 {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        quantile(&values, share)
    }

    /// A row of a table of spreads.
    pub fn row(self, of: &str) -> Value {
        json!({
            "figure": of,
            "least": self.least,
            "lower-quartile": self.lower_quartile,
            "median": self.median,
            "upper-quartile": self.upper_quartile,
            "most": self.most,
        })
    }
}

fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = share * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// `whole / parts`, `NaN` where there is no part.
pub fn per(whole: f64, parts: f64) -> f64 {
    if parts > 0.0 { whole / parts } else { f64::NAN }
}

pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Whether run number `pair` begins with ours: ours, peer, peer, ours, and so on, so that a drift of the machine
/// falls on both alike.
pub fn ours_first(pair: usize) -> bool {
    pair.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_their_neighbours() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]);
        assert_eq!(
            spread,
            Spread {
                least: 1.0,
                lower_quartile: 1.75,
                median: 2.5,
                upper_quartile: 3.25,
                most: 4.0,
            }
        );
        assert_eq!(Spread::of([9.0, 1.0, 5.0]).median, 5.0);
        assert_eq!(Spread::of([7.0]).upper_quartile, 7.0);
    }

    #[test]
    fn one_wild_run_does_not_move_the_median() {
        let calm = Spread::of((0..9).map(f64::from));
        let wild = Spread::of((0..8).map(f64::from).chain([1e9]));
        assert_eq!(calm.median, wild.median);
        assert_eq!(wild.most, 1e9);
    }

    #[test]
    fn nothing_measured_is_no_number() {
        assert!(Spread::of([]).median.is_nan());
        assert!(per(1.0, 0.0).is_nan());
        assert_eq!(per(1.0, 4.0), 0.25);
    }

    #[test]
    fn pairs_run_in_turn() {
        let order: String = (0..4)
            .map(|pair| if ours_first(pair) { "op" } else { "po" })
            .collect();
        assert_eq!(order, "oppooppo");
    }
}

//! The figures of a workout or a lap: the same set whether we computed it or the device says it.

/// What is known; `None` is unknown, never zero. Metres, seconds, metres a second, beats a minute, watts, kilocalories.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    pub distance_m: Option<f64>,
    /// From first to last, pauses included.
    pub elapsed_s: Option<f64>,
    /// While the timer ran.
    pub timer_s: Option<f64>,
    /// While the person moved, by the gate of the sport.
    pub moving_s: Option<f64>,
    pub ascent_m: Option<f64>,
    pub descent_m: Option<f64>,
    pub heart_rate_avg: Option<f64>,
    pub heart_rate_max: Option<f64>,
    pub speed_avg: Option<f64>,
    pub speed_max: Option<f64>,
    pub cadence_avg: Option<f64>,
    pub power_avg: Option<f64>,
    pub power_max: Option<f64>,
    pub energy_kcal: Option<f64>,
}

/// Above this no figure of a device is believed (a year of seconds, the way around the earth in metres).
const FIGURE_MAX: f64 = 40_100_000.0;

impl Figures {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The figures without what cannot be real: negative, not finite, absurd.
    #[must_use]
    pub fn believed(mut self) -> Self {
        for slot in self.slots() {
            *slot = slot.filter(|value| (0.0..=FIGURE_MAX).contains(value));
        }
        self
    }

    /// Two parts, one after the other: sums add, averages weigh by timer time, maxima are maxima.
    #[must_use]
    pub fn then(self, other: Self) -> Self {
        let weights = (self.timer_s.unwrap_or(0.0), other.timer_s.unwrap_or(0.0));
        let mean = |a: Option<f64>, b: Option<f64>| weighted(a, b, weights);
        let distance_m = sum(self.distance_m, other.distance_m);
        Self {
            distance_m,
            elapsed_s: sum(self.elapsed_s, other.elapsed_s),
            timer_s: sum(self.timer_s, other.timer_s),
            moving_s: sum(self.moving_s, other.moving_s),
            ascent_m: sum(self.ascent_m, other.ascent_m),
            descent_m: sum(self.descent_m, other.descent_m),
            heart_rate_avg: mean(self.heart_rate_avg, other.heart_rate_avg),
            heart_rate_max: largest(self.heart_rate_max, other.heart_rate_max),
            speed_avg: mean(self.speed_avg, other.speed_avg),
            speed_max: largest(self.speed_max, other.speed_max),
            cadence_avg: mean(self.cadence_avg, other.cadence_avg),
            power_avg: mean(self.power_avg, other.power_avg),
            power_max: largest(self.power_max, other.power_max),
            energy_kcal: sum(self.energy_kcal, other.energy_kcal),
        }
    }

    fn slots(&mut self) -> [&mut Option<f64>; 14] {
        [
            &mut self.distance_m,
            &mut self.elapsed_s,
            &mut self.timer_s,
            &mut self.moving_s,
            &mut self.ascent_m,
            &mut self.descent_m,
            &mut self.heart_rate_avg,
            &mut self.heart_rate_max,
            &mut self.speed_avg,
            &mut self.speed_max,
            &mut self.cadence_avg,
            &mut self.power_avg,
            &mut self.power_max,
            &mut self.energy_kcal,
        ]
    }
}

fn sum(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (one, other) => one.or(other),
    }
}

fn largest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (one, other) => one.or(other),
    }
}

fn weighted(a: Option<f64>, b: Option<f64>, (weight_a, weight_b): (f64, f64)) -> Option<f64> {
    match (a, b) {
        (Some(a), Some(b)) if weight_a + weight_b > 0.0 => {
            Some((a * weight_a + b * weight_b) / (weight_a + weight_b))
        }
        (Some(a), Some(b)) => Some(f64::midpoint(a, b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_weigh_by_timer_time() {
        let a = Figures {
            timer_s: Some(300.0),
            heart_rate_avg: Some(100.0),
            ..Figures::default()
        };
        let b = Figures {
            timer_s: Some(100.0),
            heart_rate_avg: Some(140.0),
            ..Figures::default()
        };
        let both = a.then(b);
        assert_eq!(both.heart_rate_avg, Some(110.0));
        assert_eq!(both.timer_s, Some(400.0));
    }

    #[test]
    fn absurd_figures_are_unknown() {
        let told = Figures {
            distance_m: Some(f64::NAN),
            ascent_m: Some(-4.0),
            ..Figures::default()
        };
        assert!(told.believed().is_empty());
    }
}

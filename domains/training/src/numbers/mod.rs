//! The numbers of a workout, computed from its records; what the device says of itself stands beside them, never in them.
//!
//! Pure. Distances are the device's own column where it has one, else great circles between positions.

pub mod climb;
pub mod mean;
pub mod progress;
pub mod timer;

use crate::model::{Channel, Figures, Span, Workout};
use progress::Progress;
use timer::Timer;

pub use progress::DistanceSource;

/// What [`compute`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    pub figures: Figures,
    pub distance_source: DistanceSource,
    /// At least one: a file without laps is one lap.
    pub laps: Vec<Lap>,
}

/// One lap: ours and the device's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lap {
    pub span: Span,
    pub figures: Figures,
    pub device: Figures,
}

/// Computes everything; time and memory linear in records plus laps times records of each lap.
pub fn compute(workout: &Workout) -> Numbers {
    let timer = Timer::new(&workout.timer);
    let progress = Progress::of(&workout.records);
    let over = |span| figures(workout, &timer, &progress, span);
    let whole = over(workout.span);
    let mut laps: Vec<Lap> = workout
        .laps
        .iter()
        .map(|mark| Lap {
            span: mark.span,
            figures: over(mark.span),
            device: mark.device,
        })
        .collect();
    if laps.is_empty() {
        laps.push(Lap {
            span: workout.span,
            figures: whole,
            device: workout.device,
        });
    }
    Numbers {
        figures: whole,
        distance_source: progress.source(),
        laps,
    }
}

fn figures(workout: &Workout, timer: &Timer, progress: &Progress, span: Span) -> Figures {
    let timer_s = timer.between_s(span.start_ms, span.end_ms);
    let distance_m = progress.between_m(span);
    let average = |channel| mean::over(&workout.records, timer, channel, span);
    let highest = |channel| mean::highest(&workout.records, channel, span);
    let climb = climb::over(&workout.records, span);
    Figures {
        distance_m,
        elapsed_s: Some(span.length_s()),
        timer_s: Some(timer_s),
        moving_s: progress.moving_s(timer, span, workout.sport.moving_gate()),
        ascent_m: climb.map(|climb| climb.up_m),
        descent_m: climb.map(|climb| climb.down_m),
        heart_rate_avg: average(Channel::HeartRate),
        heart_rate_max: highest(Channel::HeartRate),
        speed_avg: distance_m
            .filter(|_| timer_s > 0.0)
            .map(|metres| metres / timer_s),
        speed_max: highest(Channel::Speed).or_else(|| progress.fastest(timer, span)),
        cadence_avg: average(Channel::Cadence),
        power_avg: average(Channel::Power),
        power_max: highest(Channel::Power),
        energy_kcal: None,
    }
}

#[cfg(test)]
mod tests;

//! The documents that the app reads, as far as it looks at them.

use platform_model::{HomeId, UserId};
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
pub struct Tokens {
    pub user: UserId,
    pub home: HomeId,
    pub host: String,
    pub access_token: String,
    pub refresh_token: String,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Place {
    pub home: HomeId,
    pub host: String,
}

#[derive(Debug, Deserialize)]
pub struct Profile {
    pub country: String,
    pub email: String,
    pub display_name: Option<String>,
    /// Raised by one with each change.
    pub version: u64,
}

#[derive(Debug, Deserialize)]
pub struct Activity {
    pub id: Uuid,
    pub name: Option<String>,
    pub sport: String,
    pub truncated: bool,
    pub figures: Figures,
    pub device_figures: Figures,
    pub original: Original,
}

/// Metres, seconds, beats a minute; what is unknown is left out.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Figures {
    pub distance_m: Option<f64>,
    pub elapsed_s: Option<f64>,
    pub timer_s: Option<f64>,
    pub ascent_m: Option<f64>,
    pub heart_rate_avg: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub struct Original {
    pub format: String,
    pub size_bytes: usize,
}

#[derive(Debug, Deserialize)]
pub struct Page {
    pub items: Vec<Activity>,
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document that the training domain pins as its own.
    #[test]
    fn an_activity_is_read_as_training_writes_it() {
        let text = include_str!("../../../../domains/training/src/view.activity.json");
        let activity: Activity = serde_json::from_str(text).expect("an activity");
        assert_eq!(
            (activity.sport.as_str(), activity.original.format.as_str()),
            ("cycling", "fit")
        );
        assert_eq!(activity.figures.distance_m, Some(6_873.6));
        assert_eq!(activity.device_figures.heart_rate_avg, Some(156.0));
        assert_eq!(activity.figures.ascent_m, None);
    }
}

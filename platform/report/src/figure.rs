//! One measured number and what was promised of it.

use serde::Serialize;

/// One measured number. `goal` reads `>= 1000` or `<= 60`; none: the figure is for information.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Kebab-case, as in the document that asked for it.
    pub name: String,
    /// `NaN` (JSON `null`) where nothing could be measured: such a figure meets no goal.
    pub value: f64,
    /// `ns`, `1/s`, `times`; never empty.
    pub unit: String,
    pub goal: Option<String>,
    pub met: Option<bool>,
}

impl Figure {
    /// A number without a goal.
    pub fn info(name: impl Into<String>, value: f64, unit: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value,
            unit: unit.into(),
            goal: None,
            met: None,
        }
    }

    /// A number that must not be below `least`.
    pub fn at_least(name: impl Into<String>, value: f64, unit: impl Into<String>, least: f64) -> Self {
        Self {
            goal: Some(format!(">= {least}")),
            met: Some(value >= least),
            ..Self::info(name, value, unit)
        }
    }

    /// A number that must not be above `most`.
    pub fn at_most(name: impl Into<String>, value: f64, unit: impl Into<String>, most: f64) -> Self {
        Self {
            goal: Some(format!("<= {most}")),
            met: Some(value <= most),
            ..Self::info(name, value, unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_itself_meets_the_goal() {
        assert_eq!(Figure::at_least("a", 8.0, "times", 8.0).met, Some(true));
        assert_eq!(Figure::at_least("a", 7.99, "times", 8.0).met, Some(false));
        assert_eq!(Figure::at_most("a", 200.0, "ns", 200.0).met, Some(true));
        assert_eq!(Figure::at_most("a", 200.1, "ns", 200.0).met, Some(false));
        assert_eq!(Figure::info("a", 1.0, "ns").met, None);
    }

    #[test]
    fn what_could_not_be_measured_meets_no_goal() {
        assert_eq!(Figure::at_most("a", f64::NAN, "ns", 1.0).met, Some(false));
        assert_eq!(Figure::at_least("a", f64::NAN, "ns", 1.0).met, Some(false));
    }
}

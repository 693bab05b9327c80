//! The sports that the platform tells apart, and how each file format spells them.

/// A kind of workout. The number is part of the stored format and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Sport {
    #[default]
    Other = 0,
    Running = 1,
    Cycling = 2,
    Swimming = 3,
    Walking = 4,
    Hiking = 5,
    Rowing = 6,
    Skiing = 7,
    Skating = 8,
    Fitness = 9,
    Multisport = 10,
}

impl Sport {
    pub const ALL: [Self; 11] = [
        Self::Other,
        Self::Running,
        Self::Cycling,
        Self::Swimming,
        Self::Walking,
        Self::Hiking,
        Self::Rowing,
        Self::Skiing,
        Self::Skating,
        Self::Fitness,
        Self::Multisport,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::Running => "running",
            Self::Cycling => "cycling",
            Self::Swimming => "swimming",
            Self::Walking => "walking",
            Self::Hiking => "hiking",
            Self::Rowing => "rowing",
            Self::Skiing => "skiing",
            Self::Skating => "skating",
            Self::Fitness => "fitness",
            Self::Multisport => "multisport",
        }
    }

    pub fn from_number(number: u32) -> Self {
        Self::ALL
            .into_iter()
            .find(|sport| *sport as u32 == number)
            .unwrap_or_default()
    }

    /// From the `sport` field of FIT (profile 21).
    pub fn from_fit(number: u64) -> Self {
        match number {
            1 => Self::Running,
            2 | 21 => Self::Cycling,
            5 => Self::Swimming,
            11 => Self::Walking,
            16 | 17 => Self::Hiking,
            15 => Self::Rowing,
            12..=14 => Self::Skiing,
            30 | 33 => Self::Skating,
            4 | 10 => Self::Fitness,
            3 | 18 => Self::Multisport,
            _ => Self::Other,
        }
    }

    /// From the words of GPX `<type>` and TCX `Sport="…"`, in any case.
    pub fn from_text(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        match text.as_str() {
            "1" => Self::Cycling,
            "9" => Self::Running,
            "4" => Self::Hiking,
            _ if has(&["run"]) => Self::Running,
            _ if has(&["bik", "cycl", "ride"]) => Self::Cycling,
            _ if has(&["swim"]) => Self::Swimming,
            _ if has(&["walk", "stroll"]) => Self::Walking,
            _ if has(&["hik", "trek", "alpine", "mountaineer"]) => Self::Hiking,
            _ if has(&["row"]) => Self::Rowing,
            _ if has(&["skat"]) => Self::Skating,
            _ if has(&["ski", "snowboard"]) => Self::Skiing,
            _ if has(&["yoga", "strength", "fitness", "training"]) => Self::Fitness,
            _ => Self::Other,
        }
    }

    /// Metres a second from which a person counts as moving.
    pub fn moving_gate(self) -> f64 {
        match self {
            Self::Cycling | Self::Skiing | Self::Skating => 1.0,
            Self::Running | Self::Rowing => 0.6,
            Self::Swimming => 0.15,
            _ => 0.3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_spells_its_sports_its_own_way() {
        assert_eq!(Sport::from_text("Biking"), Sport::Cycling);
        assert_eq!(Sport::from_text("trail_running"), Sport::Running);
        assert_eq!(Sport::from_text("?"), Sport::Other);
        assert_eq!(Sport::from_fit(2), Sport::Cycling);
        for sport in Sport::ALL {
            assert_eq!(Sport::from_number(sport as u32), sport);
        }
    }
}

//! What a refresh token is worth, given its session's row. Pure.
//!
//! A session is one family of refresh tokens. Only the newest is good; using it makes the next. A retry of the same
//! refresh (the answer was lost, or two of them ran at once) shows the token before the newest, shortly after: it gets
//! the same successor, which can be made again because its secret follows from the person's key ([`crate::tokens`]). That
//! the successor was not used yet needs no mark: using it makes it the token before the newest.
//!
//! Any other token that was once ours and comes again was stolen, from the app or by it: the session ends, and no other
//! one. A token that never was ours ends nothing, else whoever knows a session's id could end it.

use platform_token::RefreshToken;

use crate::settings::{Settings, ms};
use crate::stored::Session;

/// What is to be done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The newest: make the next one.
    Rotate,
    /// A retry: give its successor again, the newest.
    Repeat,
    /// It came a second time: end the session.
    Reused,
    /// It was good once, its session is over: end what is left of it.
    Ended,
    /// It never was one of ours.
    Forged,
}

/// Judges `token` at `now_ms` of log time. `made` says whether its secret is the one that this person's key makes for
/// its session and generation.
pub fn judge(
    row: Option<&Session>,
    token: &RefreshToken,
    made: bool,
    now_ms: u64,
    settings: &Settings,
) -> Judgement {
    let Some(row) = row else {
        return if made { Judgement::Ended } else { Judgement::Forged };
    };
    let behind = row.generation.checked_sub(token.generation);
    let digest = token.secret_digest();
    let ours = match behind {
        None => false,
        Some(0) => digest[..] == row.secret_digest,
        Some(1) => digest[..] == row.previous_digest,
        Some(_) => made,
    };
    if !ours {
        return Judgement::Forged;
    }
    if !row.is_alive(now_ms, ms(settings.session_idle)) {
        return Judgement::Ended;
    }
    let shortly = now_ms.saturating_sub(row.refreshed_ms) <= ms(settings.refresh_window);
    match behind {
        Some(0) => Judgement::Rotate,
        Some(1) if shortly => Judgement::Repeat,
        _ => Judgement::Reused,
    }
}

#[cfg(test)]
mod tests {
    use platform_model::UserId;
    use uuid::Uuid;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const WINDOW: u64 = 30_000;
    const IDLE: u64 = 60 * 24 * 3_600 * 1_000;

    fn token(generation: u32) -> RefreshToken {
        RefreshToken {
            home: "eu/eu-central".parse().expect("a home"),
            user: UserId::from_uuid(Uuid::from_u128(1)),
            session: Uuid::from_u128(2),
            generation,
            secret: [generation as u8; 32],
        }
    }

    /// A session in generation 5, refreshed at `NOW`.
    fn row() -> Session {
        Session {
            generation: 5,
            secret_digest: token(5).secret_digest().to_vec(),
            previous_digest: token(4).secret_digest().to_vec(),
            refreshed_ms: NOW,
            ..Session::default()
        }
    }

    fn judged(generation: u32, after_ms: u64) -> Judgement {
        judge(
            Some(&row()),
            &token(generation),
            true,
            NOW + after_ms,
            &Settings::default(),
        )
    }

    #[test]
    fn every_generation_at_every_time() {
        use Judgement::{Ended, Forged, Repeat, Reused, Rotate};
        for (generation, soon, late, too_late) in [
            (6, Forged, Forged, Forged),
            (5, Rotate, Rotate, Ended),
            (4, Repeat, Reused, Ended),
            (3, Reused, Reused, Ended),
            (0, Reused, Reused, Ended),
        ] {
            assert_eq!(judged(generation, 0), soon, "{generation}");
            assert_eq!(judged(generation, WINDOW), soon, "{generation}");
            assert_eq!(judged(generation, WINDOW + 1), late, "{generation}");
            assert_eq!(judged(generation, IDLE), too_late, "{generation}");
        }
    }

    #[test]
    fn a_secret_that_never_was_ours_ends_nothing() {
        for generation in 0..=6 {
            let forged = RefreshToken {
                secret: [99; 32],
                ..token(generation)
            };
            let judged = judge(Some(&row()), &forged, false, NOW, &Settings::default());
            assert_eq!(judged, Judgement::Forged, "{generation}");
        }
    }

    #[test]
    fn without_a_row_a_token_of_ours_is_told_from_a_forged_one() {
        let judge = |made| judge(None, &token(3), made, NOW, &Settings::default());
        assert_eq!((judge(true), judge(false)), (Judgement::Ended, Judgement::Forged));
    }

    #[test]
    fn the_first_token_of_a_session_has_none_before_it() {
        let row = Session {
            generation: 1,
            previous_digest: Vec::new(),
            ..row()
        };
        let judged = judge(Some(&row), &token(0), true, NOW, &Settings::default());
        assert_eq!(judged, Judgement::Forged, "an empty digest is nobody's");
    }
}

//! The JSON that apps see. Times as RFC 3339 in UTC.

use cell_sdk::{DomainError, ExportItem, RelocationState};
use platform_model::{Code, HomeId, Problem, UserId};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::stored::{Account, Followed, Follower, Profile, Session};

/// What registration, log-in and refresh answer. No `Debug`: it holds tokens.
#[derive(Serialize)]
pub struct TokensView {
    pub user: UserId,
    pub home: HomeId,
    /// The home's own host name: the app goes on there.
    pub host: String,
    pub access_token: String,
    pub token_type: &'static str,
    pub expires_in_s: u64,
    pub refresh_token: String,
}

#[derive(Serialize)]
pub struct PlaceView {
    pub home: HomeId,
    pub host: String,
}

#[derive(Serialize)]
pub struct ProfileView {
    pub user: UserId,
    pub home: HomeId,
    pub country: String,
    pub email: String,
    pub display_name: Option<String>,
    pub created_at: String,
    pub version: u64,
}

#[derive(Serialize)]
pub struct SessionView {
    pub id: Uuid,
    pub created_at: String,
    pub last_refreshed_at: String,
    /// The one whose token asks.
    pub current: bool,
}

/// All of them: there are never more than one page.
#[derive(Serialize)]
pub struct SessionListView {
    pub items: Vec<SessionView>,
    pub next_cursor: Option<String>,
}

#[derive(Serialize)]
pub struct FollowerView {
    pub user: Uuid,
    pub home: String,
    pub since: String,
}

/// All of them: there are never more than one page.
#[derive(Serialize)]
pub struct FollowerListView {
    pub items: Vec<FollowerView>,
    pub next_cursor: Option<String>,
}

#[derive(Serialize)]
pub struct FollowedView {
    pub user: Uuid,
    pub home: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Of his profile.
    pub version: u64,
}

/// All of them: there are never more than one page.
#[derive(Serialize)]
pub struct FollowedListView {
    pub items: Vec<FollowedView>,
    pub next_cursor: Option<String>,
}

/// A page of what is held of a person, of all domains.
#[derive(Debug, Serialize)]
pub struct ExportView {
    pub items: Vec<ExportItem>,
    pub next_cursor: Option<String>,
}

/// A person is erased.
#[derive(Debug, Serialize)]
pub struct ErasureView {
    /// Number of the decision in the ledger; none: it was on record already.
    pub certificate: Option<u64>,
}

/// How a person's relocation stands.
#[derive(Debug, Serialize)]
pub struct RelocationView {
    pub phase: String,
    /// The other home.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    pub since_ms: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub outcome: String,
}

impl From<RelocationState> for RelocationView {
    fn from(state: RelocationState) -> Self {
        Self {
            phase: state.phase,
            home: state.other,
            since_ms: state.since_ms,
            outcome: state.outcome,
        }
    }
}

impl FollowerListView {
    pub fn new(rows: &[Follower]) -> Self {
        let item = |row: &Follower| {
            Some(FollowerView {
                user: Uuid::from_slice(&row.user).ok()?,
                home: row.home.clone(),
                since: rfc3339(row.since_ms),
            })
        };
        Self {
            items: rows.iter().filter_map(item).collect(),
            next_cursor: None,
        }
    }
}

impl FollowedListView {
    pub fn new(rows: &[Followed]) -> Self {
        let item = |row: &Followed| {
            Some(FollowedView {
                user: Uuid::from_slice(&row.user).ok()?,
                home: row.home.clone(),
                display_name: row.display_name.clone(),
                version: row.version,
            })
        };
        Self {
            items: rows.iter().filter_map(item).collect(),
            next_cursor: None,
        }
    }
}

impl ProfileView {
    pub fn new(user: UserId, home: HomeId, account: Account, profile: Profile) -> Self {
        Self {
            user,
            home,
            country: account.country,
            email: profile.email,
            display_name: profile.display_name,
            created_at: rfc3339(account.created_ms),
            version: profile.version,
        }
    }
}

impl SessionListView {
    pub fn new(rows: &[Session], current: Uuid) -> Self {
        let item = |row: &Session| {
            let id = row.uuid()?;
            Some(SessionView {
                id,
                created_at: rfc3339(row.created_ms),
                last_refreshed_at: rfc3339(row.refreshed_ms),
                current: id == current,
            })
        };
        Self {
            items: rows.iter().filter_map(item).collect(),
            next_cursor: None,
        }
    }
}

/// A view as a JSON value.
///
/// # Errors
/// `internal`; views have only text keys, so never.
pub fn value(view: &impl Serialize) -> Result<Value, DomainError> {
    let unwritable = |_| Problem::new(Code::Internal).detail("the answer cannot be written");
    Ok(serde_json::to_value(view).map_err(unwritable)?)
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub fn rfc3339(unix_ms: u64) -> String {
    let (days, ms) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        ms % 1_000
    )
}

/// Days since 1970-01-01 as a date (Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`).
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        for (unix_ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_800_000_000_000, "2027-01-15T08:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(unix_ms), text);
        }
    }
}

//! What a path says about who must answer: the few doors that need no token, and the class of everything else.
//!
//! Paths are compared as sent. Nothing is decoded or normalised: an escaped spelling of a public door is not that
//! door, so it needs a token like any other path.

use platform_model::{Code, Problem};

/// The kind of a request, for metrics and logs: a closed list, so that no id of a person becomes a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RouteClass {
    Register,
    Locate,
    Login,
    Refresh,
    Sessions,
    Profile,
    Activities,
    Other,
}

impl RouteClass {
    pub const ALL: [Self; 8] = [
        Self::Register,
        Self::Locate,
        Self::Login,
        Self::Refresh,
        Self::Sessions,
        Self::Profile,
        Self::Activities,
        Self::Other,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Locate => "locate",
            Self::Login => "login",
            Self::Refresh => "refresh",
            Self::Sessions => "sessions",
            Self::Profile => "profile",
            Self::Activities => "activities",
            Self::Other => "other",
        }
    }

    /// Whether requests of this class show an access token, which the router checks.
    pub fn needs_access_token(self) -> bool {
        !matches!(self, Self::Register | Self::Locate | Self::Login | Self::Refresh)
    }
}

/// What a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door<'a> {
    /// `POST /v1/register/{country}`: a person without a home.
    Register { country: &'a str },
    /// `POST /v1/locate`: a person who does not know his home.
    Locate,
    /// `POST /v1/homes/{jurisdiction~region}/login`.
    Login { home: &'a str },
    /// `POST /v1/sessions/refresh`: the refresh token names the user.
    Refresh,
    /// Anything else of the API: belongs to the caller's own shard.
    Homed(RouteClass),
}

impl<'a> Door<'a> {
    /// Reads method and path (no query).
    ///
    /// # Errors
    /// `not-found` outside `/v1/`, `method-not-allowed` for a public door that takes only `POST` and for
    /// `CONNECT` and `TRACE`, which no path takes.
    pub fn of(method: &str, path: &'a str) -> Result<Self, Box<Problem>> {
        if matches!(method, "CONNECT" | "TRACE") {
            return Err(not_allowed());
        }
        let Some(rest) = path.strip_prefix("/v1/") else {
            return Err(Box::new(
                Problem::new(Code::NotFound).detail("the API begins at /v1/"),
            ));
        };
        let mut segments = rest.split('/');
        let first = segments.next().unwrap_or_default();
        let door = match (first, segments.next(), segments.next(), segments.next()) {
            ("register", Some(country), None, None) => Self::Register { country },
            ("locate", None, None, None) => Self::Locate,
            ("homes", Some(home), Some("login"), None) => Self::Login { home },
            ("sessions", Some("refresh"), None, None) => Self::Refresh,
            _ => return Ok(Self::Homed(homed_class(first))),
        };
        if method == "POST" {
            Ok(door)
        } else {
            Err(not_allowed())
        }
    }

    pub fn class(self) -> RouteClass {
        match self {
            Self::Register { .. } => RouteClass::Register,
            Self::Locate => RouteClass::Locate,
            Self::Login { .. } => RouteClass::Login,
            Self::Refresh => RouteClass::Refresh,
            Self::Homed(class) => class,
        }
    }
}

fn homed_class(first: &str) -> RouteClass {
    match first {
        "sessions" => RouteClass::Sessions,
        "profile" => RouteClass::Profile,
        "activities" => RouteClass::Activities,
        _ => RouteClass::Other,
    }
}

fn not_allowed() -> Box<Problem> {
    Box::new(Problem::new(Code::MethodNotAllowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_doors_are_known_by_their_exact_path() {
        let door = |path| Door::of("POST", path).expect("a door");
        assert_eq!(door("/v1/register/DE"), Door::Register { country: "DE" });
        assert_eq!(door("/v1/locate"), Door::Locate);
        assert_eq!(
            door("/v1/homes/eu~eu-west/login"),
            Door::Login { home: "eu~eu-west" }
        );
        assert_eq!(door("/v1/sessions/refresh"), Door::Refresh);
        assert_eq!(door("/v1/sessions/current"), Door::Homed(RouteClass::Sessions));
        for path in [
            "/v1/register",
            "/v1/register/DE/",
            "/v1//locate",
            "/v1/%6cocate",
            "/v1/homes/x/login/y",
        ] {
            assert!(matches!(door(path), Door::Homed(_)), "{path}");
        }
    }

    #[test]
    fn what_no_path_takes_is_refused() {
        assert_eq!(
            Door::of("GET", "/v1/locate").expect_err("POST only").code,
            Code::MethodNotAllowed
        );
        assert_eq!(
            Door::of("TRACE", "/v1/profile").expect_err("never").code,
            Code::MethodNotAllowed
        );
        assert_eq!(
            Door::of("GET", "/admin").expect_err("not ours").code,
            Code::NotFound
        );
    }
}

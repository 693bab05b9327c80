//! From a session to the tokens that an app gets.
//!
//! The secret of a refresh token is HMAC-SHA-256 of session and generation under the person's own key: rows hold only
//! its SHA-256, and yet the node can make the same token again for a retry whose answer was lost. Who has a copy of the
//! rows cannot make one; who has the person's key could read everything of the person anyway.

use cell_layers::keys::UserKey;
use cell_sdk::{RootCtx, Services};
use platform_model::{Code, Problem};
use platform_token::{Claims, RefreshToken};
use uuid::Uuid;

use crate::settings::Settings;
use crate::view::TokensView;

const LABEL: &str = "identity/refresh";

/// The secret of one generation of a session.
pub fn secret(key: &UserKey, session: Uuid, generation: u32) -> [u8; 32] {
    key.digest(
        LABEL,
        &[&session.as_bytes()[..], &generation.to_be_bytes()].concat(),
    )
}

/// The refresh token of one generation of a session of this root.
pub fn refresh_token(root: &RootCtx, session: Uuid, generation: u32) -> RefreshToken {
    RefreshToken {
        home: root.home.clone(),
        user: root.user,
        session,
        generation,
        secret: secret(&root.open.key, session, generation),
    }
}

/// Whether the secret of a token of this root is one that the root's key made. Digests are compared, so that the time
/// that it takes says nothing.
pub fn is_made_here(key: &UserKey, token: &RefreshToken) -> bool {
    let made = RefreshToken {
        secret: secret(key, token.session, token.generation),
        ..token.clone()
    };
    made.secret_digest() == token.secret_digest()
}

/// Signs an access token for a session and writes its refresh token beside it.
///
/// # Errors
/// `unknown-home` when the table has lost the home, or as [`Services::sign_token`].
pub async fn issue(
    services: &dyn Services,
    settings: &Settings,
    root: &RootCtx,
    (session, generation): (Uuid, u32),
) -> Result<TokensView, Problem> {
    let table = services.table();
    let home = table.homes.get(&root.home).ok_or(Code::UnknownHome)?;
    let issued_s = services.clock().unix_s();
    let expires_in_s = settings.access_life.as_secs();
    let claims = Claims {
        user: root.user,
        home: root.home.clone(),
        host: home.host.clone(),
        session,
        issued_s,
        expires_s: issued_s.saturating_add(expires_in_s),
    };
    Ok(TokensView {
        access_token: services.sign_token(&claims).await?,
        refresh_token: refresh_token(root, session, generation).to_string(),
        token_type: "Bearer",
        expires_in_s,
        user: claims.user,
        home: claims.home,
        host: claims.host,
    })
}

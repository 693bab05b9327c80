//! The domain `identity`: people come in by registration and log-in, and go on with short-lived access tokens and
//! rotating refresh tokens.
//!
//! | module | what it is |
//! |---|---|
//! | [`input`] | what people type: address, password, display name, with their rules |
//! | [`hashing`], [`gate`] | Argon2id, a few at a time, off the executor |
//! | [`tokens`] | from a session to the tokens that an app gets |
//! | [`refresh`], [`backoff`] | the rules of rotation and of failed log-ins, pure |
//! | [`registration`] | the steps by which a person comes in |
//! | [`erase`] | what a person who is erased gives back |
//! | [`export`] | what a person takes along |
//! | [`sign_in`], [`check`] | a password proved; a session looked at for the node |
//! | [`stored`], [`storage`] | rows (`proto/identity.proto`) and the transactions over them |
//! | [`routes`], [`view`] | HTTP and JSON |
//! | [`settings`], [`domain`] | all of it, for a node |
//!
//! A registration is a short saga, because an address is unique far beyond one shard: the person's shard writes the
//! claim as pending, the directory takes it or not, and one transaction of the person's shard makes it active together
//! with account, credential, profile and first session, or writes it as dropped. Each step is safe to repeat, so a
//! crash between any two is healed by the client's retry with the same key ([`registration`]).
//!
//! Never here: the store, keys' bytes, another domain, the node, the control plane; a password, token or address in a
//! log line, a problem's detail or a `Debug`.
//!
//! A claim that a client left pending is decided when the directory asks ([`check`]).
//!
//! Not here yet: verification of addresses, change of password or address, OAuth and OpenID Connect, passkeys and second
//! factors, consent; an erasure that the person asks for.

pub mod backoff;
pub mod check;
pub mod domain;
pub mod erase;
pub mod export;
pub mod gate;
pub mod hashing;
pub mod input;
pub mod refresh;
pub mod registration;
pub mod routes;
pub mod settings;
pub mod sign_in;
pub mod storage;
pub mod stored;
pub mod tokens;
pub mod view;

pub use check::{check_session, decide_claim, held_claims, is_registered};
pub use domain::Identity;
pub use settings::{InvalidCost, PasswordCost, Settings};

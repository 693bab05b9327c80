//! What a placement driver says of its stores over HTTP, on the port that the client speaks to: version, state, room.
//! tikv-client does not ask for that. Bytes of the answer are bounded; what cannot be read is not told, and that is
//! no failure of the cluster.

use std::time::Duration;

use serde::Deserialize;

use crate::{Settings, Tls};

/// For one placement driver to answer.
const WITHIN: Duration = Duration::from_secs(3);
/// Longest answer: some 2 kB a store.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// Stores that are told of.
const STORES_MAX: usize = 1_000;

/// How one store is, as the placement driver knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreHealth {
    /// Where clients reach it.
    pub address: String,
    /// As it says itself.
    pub version: String,
    /// Whether it serves, as far as the placement driver knows.
    pub is_up: bool,
    /// Room in bytes, all and free; none where the store has not told it.
    pub room: Option<Room>,
}

/// Room on a store's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// All of it.
    pub capacity_bytes: u64,
    /// What is free.
    pub available_bytes: u64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    stores: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    store: Store,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Store {
    #[serde(default)]
    address: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    state_name: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    capacity: String,
    #[serde(default)]
    available: String,
}

/// Every store that the first placement driver that answers knows.
///
/// # Errors
/// Why nothing was told, for people.
pub async fn stores(settings: &Settings) -> Result<Vec<StoreHealth>, String> {
    let client = client(&settings.tls)?;
    let scheme = match settings.tls {
        Tls::Plaintext => "http",
        Tls::Files { .. } => "https",
    };
    let mut last = String::new();
    for address in &settings.pd {
        let url = format!("{scheme}://{address}/pd/api/v1/stores");
        match tokio::time::timeout(WITHIN, fetch(&client, &url)).await {
            Ok(Ok(bytes)) => return read(&bytes),
            Ok(Err(error)) => last = format!("{address}: {error}"),
            Err(_) => last = format!("{address}: no answer in time"),
        }
    }
    Err(last)
}

fn client(tls: &Tls) -> Result<reqwest::Client, String> {
    // The builder asks for the process's cryptography, also where nothing is encrypted.
    platform_runtime::tls::install_ring();
    let builder = reqwest::Client::builder().no_proxy();
    let builder = match tls {
        Tls::Plaintext => builder,
        Tls::Files { ca, cert, key } => {
            let file = |path| std::fs::read(path).map_err(|error: std::io::Error| error.to_string());
            let own = [file(cert)?, file(key)?].concat();
            let failed = |error: reqwest::Error| error.to_string();
            let authorities = reqwest::Certificate::from_pem_bundle(&file(ca)?).map_err(failed)?;
            builder
                .tls_certs_only(authorities)
                .identity(reqwest::Identity::from_pem(&own).map_err(failed)?)
        }
    };
    builder.build().map_err(|error| error.to_string())
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<Vec<u8>, String> {
    let failed = |error: reqwest::Error| error.without_url().to_string();
    let mut answer = client.get(url).send().await.map_err(failed)?;
    if !answer.status().is_success() {
        return Err(format!("it answered {}", answer.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(format!("an answer of more than {ANSWER_BYTES_MAX} bytes"));
        }
    }
    Ok(bytes)
}

fn read(bytes: &[u8]) -> Result<Vec<StoreHealth>, String> {
    let answer: Answer = serde_json::from_slice(bytes)
        .map_err(|_| "its answer is not that of a placement driver".to_owned())?;
    let stores = answer.stores.into_iter().take(STORES_MAX);
    Ok(stores
        .map(|Entry { store, status }| StoreHealth {
            room: room(&status),
            is_up: store.state_name == "Up",
            address: store.address,
            version: store.version,
        })
        .collect())
}

/// None where the store has said nothing yet: of nothing, nothing is free.
fn room(status: &Status) -> Option<Room> {
    let room = Room {
        capacity_bytes: size(&status.capacity)?,
        available_bytes: size(&status.available)?,
    };
    (room.capacity_bytes > 0).then_some(room)
}

/// As the placement driver writes sizes: `251.9GiB`.
fn size(text: &str) -> Option<u64> {
    const UNITS: [(&str, f64); 6] = [
        ("PiB", 1_125_899_906_842_624.0),
        ("TiB", 1_099_511_627_776.0),
        ("GiB", 1_073_741_824.0),
        ("MiB", 1_048_576.0),
        ("KiB", 1_024.0),
        ("B", 1.0),
    ];
    let (number, factor) = UNITS
        .into_iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let bytes = number.trim().parse::<f64>().ok()? * factor;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: finite, not negative, below 2^63"
    )]
    (bytes.is_finite() && (0.0..9e18).contains(&bytes)).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_a_placement_driver_is_read() {
        let answer = br#"{"count":2,"stores":[
            {"store":{"id":1,"address":"tikv-0:20160","version":"7.5.1","state_name":"Up"},
             "status":{"capacity":"1.5TiB","available":"512GiB","leader_count":3}},
            {"store":{"id":2,"address":"tikv-1:20160","version":"7.5.1","state_name":"Disconnected"},
             "status":{"capacity":"0B","available":"0B"}}]}"#;
        let stores = read(answer).expect("one");
        assert_eq!(stores.len(), 2);
        let room = Room {
            capacity_bytes: 3 << 39,
            available_bytes: 1 << 39,
        };
        assert_eq!(stores[0].room, Some(room));
        assert!(stores[0].is_up && !stores[1].is_up);
        assert_eq!(stores[1].room, None, "a store that has told nothing is not full");
    }

    #[test]
    fn what_is_no_answer_is_not_told() {
        for other in [&b""[..], b"<html>", br#"{"stores":[{"store":7}]}"#, b"\xff"] {
            assert!(read(other).is_err(), "{other:?}");
        }
        assert_eq!(read(br#"{"count":0}"#), Ok(Vec::new()));
        for other in ["", "GiB", "-1GiB", "NaNGiB", "1e400GiB", "7", "many"] {
            assert_eq!(size(other), None, "{other}");
        }
        assert_eq!(size("0B"), Some(0));
    }
}

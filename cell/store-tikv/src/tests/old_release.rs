//! A placement driver whose stores are too old: refused at once, before a store is asked for anything. It is a listener
//! that answers the one question of which release they are, and closes whatever else is asked.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::cluster::{Cluster, new_cell, world};
use crate::{OpenError, Settings, Tls};

/// More than the beginning of a request.
const REQUEST_BYTES: usize = 4_096;

async fn answer(stream: &mut TcpStream, stores: &str) -> std::io::Result<()> {
    let mut request = [0; REQUEST_BYTES];
    let read = stream.read(&mut request).await?;
    if !request[..read].starts_with(b"GET /pd/api/v1/stores ") {
        return Ok(());
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        stores.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(stores.as_bytes()).await?;
    stream.shutdown().await
}

/// What an open says of a cluster whose stores are told so.
async fn opened(stores: &str) -> OpenError {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let serves = async {
        loop {
            if let Ok((mut stream, _)) = listener.accept().await {
                // Whoever hangs up has his answer.
                let _ = answer(&mut stream, stores).await;
            }
        }
    };
    let mut settings = Settings::new(vec![address], Tls::Plaintext, world(), new_cell());
    settings.ready_within = Duration::from_millis(1);
    let cluster = Cluster::nowhere();
    tokio::select! {
        opened = cluster.open(settings) => opened.expect_err("nobody stores anything there"),
        () = serves => unreachable!("it goes on"),
    }
}

fn stores(version: &str) -> String {
    format!(
        r#"{{"count":1,"stores":[{{"store":{{"id":1,"address":"tikv-0:20160","version":"{version}","state_name":"Up"}},
            "status":{{"capacity":"1GiB","available":"1GiB"}}}}]}}"#
    )
}

#[tokio::test]
async fn a_cluster_of_an_old_release_is_refused_with_its_release() {
    let old = opened(&stores("5.4.3")).await;
    assert!(matches!(old, OpenError::OldApi { .. }), "{old}");
    assert!(old.to_string().contains("tikv-0:20160 is TiKV 5.4.3"), "{old}");
    assert!(old.hint().contains("6.5"), "{}", old.hint());
    // It is the release that was refused: this one goes on, and finds that nobody is there.
    let new = opened(&stores("6.5.0")).await;
    assert!(matches!(new, OpenError::NotAnswering { .. }), "{new}");
}

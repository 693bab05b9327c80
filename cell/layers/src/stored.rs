//! What the layers themselves store (`proto/layers.proto`), and how it is read and written.

use bytes::Bytes;
use prost::Message;

use crate::error::LayerError;
use crate::root_tx::RootTx;

include!(concat!(env!("OUT_DIR"), "/meridian_layers.rs"));

/// Version of every stored form in `proto/layers.proto`. Raised with a migration in [`read`], never alone.
const VERSION: u16 = 1;

pub(crate) async fn get<M: Message + Default>(
    tx: &RootTx,
    layer: &'static str,
    key: &Bytes,
) -> Result<Option<M>, LayerError> {
    let Some((version, value)) = tx.get(layer, key).await? else {
        return Ok(None);
    };
    read(layer, version, &value).map(Some)
}

pub(crate) fn read<M: Message + Default>(
    layer: &'static str,
    version: u16,
    value: &[u8],
) -> Result<M, LayerError> {
    if version != VERSION {
        return Err(LayerError::Version {
            layer: layer.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    M::decode(value).map_err(|_| LayerError::Damaged {
        layer,
        what: "it is not the message that it should be",
    })
}

pub(crate) fn put<M: Message>(
    tx: &RootTx,
    layer: &'static str,
    key: Bytes,
    message: &M,
) -> Result<(), LayerError> {
    tx.put(layer, key, VERSION, &message.encode_to_vec())
}

/// Raw bytes, for parts of blobs.
pub(crate) fn put_bytes(
    tx: &RootTx,
    layer: &'static str,
    key: Bytes,
    bytes: &[u8],
) -> Result<(), LayerError> {
    tx.put(layer, key, VERSION, bytes)
}

pub(crate) fn at_most(what: &'static str, size: usize, max: usize) -> Result<(), LayerError> {
    if size <= max {
        return Ok(());
    }
    Err(LayerError::TooLarge {
        what,
        size: size as u64,
        max: max as u64,
    })
}

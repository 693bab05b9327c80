//! A file of JSON lines. It is opened for each batch, so that whoever takes it away by renaming it needs to tell nobody.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Event, FileSettings, SinkError};

pub struct FileSink {
    path: PathBuf,
    max: u64,
}

impl FileSink {
    pub fn new(settings: &FileSettings) -> Self {
        Self {
            path: settings.path.clone(),
            max: settings.max.0,
        }
    }

    pub async fn send(&mut self, events: &[Event]) -> Result<(), SinkError> {
        let lines: String = events.iter().map(|event| format!("{}\n", event.json)).collect();
        let (path, max) = (self.path.clone(), self.max);
        let written = tokio::task::spawn_blocking(move || append(&path, max, &lines)).await;
        written.map_err(|error| SinkError::File(io::Error::other(error)))?
    }
}

fn append(path: &Path, max: u64, lines: &str) -> Result<(), SinkError> {
    let mut file = OpenOptions::new()
        .create(true)
        .read(true)
        .append(true)
        .open(path)
        .map_err(SinkError::File)?;
    let length = file.metadata().map_err(SinkError::File)?.len();
    if length + lines.len() as u64 > max {
        return Err(SinkError::FileFull { max });
    }
    write(&mut file, length, lines).map_err(SinkError::File)
}

/// A crash may have left half a line: what follows begins on a line of its own.
fn write(file: &mut File, length: u64, lines: &str) -> io::Result<()> {
    if length > 0 {
        let mut last = [0];
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(lines.as_bytes())?;
    file.sync_data()
}

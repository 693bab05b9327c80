//! A NATS server of this machine, as tests and measurements start, kill and start again one. Nothing that serves people
//! uses it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::Settings;

/// Names the program; else it is looked for in `PATH`.
pub const VARIABLE: &str = "MERIDIAN_NATS_SERVER";
/// Ports are taken from here: below the range from which Linux gives ports to outgoing connections, so that none of
/// those sits on a port while its server is dead.
const PORTS: std::ops::Range<u16> = 12_000..20_000;
/// How often a server that starts is asked.
const LOOK: Duration = Duration::from_millis(20);

/// Where the program is.
///
/// # Errors
/// Why there is none, for a test that says `skipped: why`.
pub fn program() -> Result<PathBuf, String> {
    let named = std::env::var_os(VARIABLE).map(PathBuf::from);
    let found = named.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join("nats-server"))
            .find(|file| file.is_file())
    });
    match found {
        Some(file) if file.is_file() => Ok(file),
        Some(file) => Err(format!("{VARIABLE} names {}, which is no file", file.display())),
        None => Err(format!("no nats-server in PATH, and {VARIABLE} names none")),
    }
}

/// A server with its streams in a folder. Ends with this value.
pub struct NatsServer {
    program: PathBuf,
    folder: PathBuf,
    /// More settings, as they stand in its file.
    settings: String,
    port: u16,
    child: Child,
}

impl NatsServer {
    /// Starts one whose streams are synced with every message, on a free port that it keeps over restarts.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(program: &Path, folder: &Path, settings: &str) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let port = free_port()?;
        let child = spawn(program, folder, port, settings)?;
        Ok(Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            settings: settings.to_owned(),
            port,
            child,
        })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How a client comes to it: in plain text, each answer within that time. Streams begin with `test`.
    pub fn settings(&self, answer_within: Duration) -> Settings {
        Settings {
            servers: vec![self.address()],
            tls: None,
            credentials_file: None,
            prefix: "test".to_owned(),
            replicas: 1,
            keep: Duration::from_secs(3_600),
            answer_within,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and the end awaited.
    ///
    /// # Errors
    /// It cannot be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Starts it again on what lies in its folder.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn again(&mut self) -> io::Result<()> {
        self.child = spawn(&self.program, &self.folder, self.port, &self.settings)?;
        Ok(())
    }

    /// Waits until it takes connections.
    ///
    /// # Errors
    /// It ended, or does not come up within that time.
    pub async fn ready(&mut self, within: Duration) -> io::Result<()> {
        let up = async {
            loop {
                if tokio::net::TcpStream::connect(self.address()).await.is_ok() {
                    return Ok(());
                }
                if let Some(status) = self.child.try_wait()? {
                    return Err(io::Error::other(format!("nats-server ended with {status}")));
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(within, up).await.map_err(io::Error::other)?
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.kill();
    }
}

/// Free a moment ago; another process begins to look elsewhere.
fn free_port() -> io::Result<u16> {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let span = u32::from(PORTS.end - PORTS.start);
    let first = std::process::id().wrapping_mul(7_919);
    for _ in 0..span {
        let at = first.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed)) % span;
        let port = PORTS.start + u16::try_from(at).map_err(io::Error::other)?;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::other("no port is free"))
}

fn spawn(program: &Path, folder: &Path, port: u16, settings: &str) -> io::Result<Child> {
    let file = folder.join("nats.conf");
    let store = folder.join("streams");
    let text = format!(
        "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n{settings}\n",
        store.display()
    );
    std::fs::write(&file, text)?;
    let log = std::fs::File::create(folder.join("nats.log"))?;
    Command::new(program)
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
}

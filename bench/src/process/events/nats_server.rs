//! A NATS server of this machine, as a measurement starts one. Nothing that serves people uses it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Names the program; else it is looked for in `PATH`.
pub const VARIABLE: &str = "MERIDIAN_NATS_SERVER";
/// How often a server that starts is asked.
const LOOK: Duration = Duration::from_millis(20);

/// Where the program is.
///
/// # Errors
/// Why there is none, for a result that says `skipped: why`.
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
    port: u16,
    child: Child,
}

impl NatsServer {
    /// Starts one whose streams are synced with every message, on a free port.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(program: &Path, folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        // Free a moment ago: a server has no way to say which port it took that is simpler.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = folder.join("nats.conf");
        let store = folder.join("streams");
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\njetstream {{ store_dir: \"{}\", sync_interval: always }}\n",
            store.display()
        );
        std::fs::write(&file, text)?;
        let log = std::fs::File::create(folder.join("nats.log"))?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Self { port, child })
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
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
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

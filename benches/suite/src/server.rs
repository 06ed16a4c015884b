//! A server under load: one that the suite starts, or one that runs already.

use crate::http::Http;
use crate::stop::Stop;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The key of Roster's operator, which the load sends.
pub const KEY: &str = "benchmark-key.0123456789-abcdefghijklmnop";

const START: Duration = Duration::from_secs(60);
/// What answers 200 as soon as a server is ready, unless it says so elsewhere.
const READY: &str = "/readyz";

/// A server. One that was started is killed with this.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// Starts Roster as it is shipped, with the one setting that it needs.
    pub fn roster(binary: &Path, database: &str, stop: &Stop) -> Result<Self> {
        Self::start(stop, READY, |address| {
            let mut command = Command::new(binary);
            command.env_clear().env("DATABASE_URL", database).env("ROSTER_ADMIN_KEY", KEY);
            command.env("ROSTER_LISTEN", address.to_string());
            command
        })
    }

    /// Starts a peer.
    pub fn peer(binary: &Path, arguments: &[&str], stop: &Stop) -> Result<Self> {
        Self::start(stop, READY, |address| {
            let mut command = Command::new(binary);
            command.env_clear().args(["--listen", &address.to_string()]).args(arguments);
            command
        })
    }

    /// Starts scim2-server, which has no probe: what it says of itself comes first.
    pub fn scim2_server(program: &Path, stop: &Stop) -> Result<Self> {
        Self::start(stop, "/v2/ServiceProviderConfig", |address| {
            let (host, port) = (address.ip().to_string(), address.port().to_string());
            let mut command = Command::new(program);
            command.env_clear().args(["--hostname", &host, "--port", &port]);
            command
        })
    }

    /// One that runs already.
    pub fn running(url: &str) -> Result<Self> {
        let place = url.strip_prefix("http://").context("only http:// is spoken")?.trim_end_matches('/');
        let place = if place.contains(':') { place.to_owned() } else { format!("{place}:80") };
        let address = place.to_socket_addrs()?.next().with_context(|| format!("no address of {url}"))?;
        Ok(Self { address, child: None })
    }

    /// Starts a command and waits until it is ready. Its log goes where it costs the write and no more.
    fn start(stop: &Stop, ready: &str, command: impl FnOnce(SocketAddr) -> Command) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut command = command(address);
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let child = command.spawn().with_context(|| format!("{command:?}"))?;
        let mut server = Self { address, child: Some(child) };
        let began = Instant::now();
        stop.wait_for(&format!("{command:?}"), START, || server.state(ready, began).transpose())??;
        Ok(server)
    }

    /// Whether it answers: nothing while it does not, an error when it has ended.
    fn state(&mut self, ready: &str, began: Instant) -> Result<Option<()>> {
        if let Some(status) =
            self.child.as_mut().and_then(|child| child.try_wait().transpose()).transpose()?
        {
            anyhow::bail!("it ended after {:?}: {status}", began.elapsed());
        }
        let request = format!("GET {ready} HTTP/1.1\r\nHost: bench\r\n\r\n");
        let answer = Http::open(self.address).and_then(|mut http| http.send(request.as_bytes()));
        Ok(answer.is_ok_and(|answer| answer.status == 200).then_some(()))
    }

    /// Its process, when it is ours.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Asks it to stop, and waits until it has.
    pub fn end(mut self) -> Result<()> {
        if let Some(child) = &mut self.child {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.context("a process id")?, Signal::TERM)?;
            child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Either fails only when it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that nobody listens on.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

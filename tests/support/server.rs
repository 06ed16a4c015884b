//! The binary under test as a process: started on a free port, listened to, stopped by signals.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The key of role `operator` that every server here is started with.
pub(crate) const ADMIN_KEY: &str = "test-admin-key.0123456789-abcdefghijklmnop";

const BINARY: &str = env!("CARGO_BIN_EXE_roster");

/// How long a server may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(30);

const LISTENING: &str = "listening on http://";

/// A server to be started.
#[derive(Debug)]
pub(crate) struct Builder {
    command: Command,
}

impl Builder {
    fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self { command }
    }

    /// Sets an environment variable, also one that is set by default.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Leaves an environment variable out that is set by default.
    pub(crate) fn unset(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Adds a command-line argument.
    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn start(self) -> Server {
        let mut server = self.spawn();
        let line = server.wait_for_log(LISTENING, START_LIMIT);
        server.address = Some(address(&line));
        server
    }

    /// Starts the process and waits for nothing: for those that are expected to end.
    pub(crate) fn spawn(mut self) -> Server {
        let directory = tempfile::tempdir().expect("a temporary directory");
        self.command.current_dir(directory.path());
        let started = Instant::now();
        let mut child = self.command.spawn().expect("the binary under test starts");
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("stderr is piped");
        let writer = Arc::clone(&log);
        thread::spawn(move || writer.fill(stderr));
        Server { child, log, started, address: None, _directory: directory }
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Arc<Log>,
    started: Instant,
    address: Option<SocketAddr>,
    /// Its working directory, in which no `.env` is.
    _directory: TempDir,
}

impl Server {
    /// A server on `database_url`, on a free port of this machine, with an environment of its own.
    pub(crate) fn builder(database_url: &str) -> Builder {
        let mut command = Command::new(BINARY);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("DATABASE_URL", database_url)
            .env("ROSTER_LISTEN", "127.0.0.1:0")
            .env("ROSTER_ADMIN_KEY", ADMIN_KEY)
            .env("RUST_LOG", "info")
            .env("ROSTER_LOG_FORMAT", "text");
        Builder::of(command)
    }

    /// A server that is started by a line as people type it, `NAME=value… roster`, on a free port of this machine.
    pub(crate) fn by_shell(line: &str) -> Builder {
        let folder = Path::new(BINARY).parent().expect("the binary is in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        // In place of the shell, so that signals reach it.
        command
            .args(["-euc", &format!("exec env {line}")])
            .env_clear()
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("ROSTER_LISTEN", "127.0.0.1:0");
        Builder::of(command)
    }

    /// `http://address:port`.
    pub(crate) fn base(&self) -> String {
        let address = self.address.expect("the server was started with `start`");
        format!("http://{address}")
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// When the process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Resident memory, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most resident memory that it ever had, in bytes.
    pub(crate) fn most_resident(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes.unwrap_or_else(|| panic!("no {name} in {status}")) * 1024
    }

    /// What the process has written to stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().text.clone()
    }

    /// Waits for a line that contains `needle`, and gives the first such line.
    ///
    /// # Panics
    /// When `timeout` has passed or the process has closed stderr without such a line.
    pub(crate) fn wait_for_log(&self, needle: &str, timeout: Duration) -> String {
        self.log.wait_for(needle, timeout).unwrap_or_else(|| {
            panic!("no line with {needle:?} within {timeout:?} in the log:\n{}", self.log())
        })
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.expect("the kill command").success(), "SIG{name} was not sent");
    }

    /// Kills the process by SIGKILL and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("SIGKILL is sent");
        self.child.wait().expect("the process ends");
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    /// With the log, when it has not ended within `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process is a child") {
                self.log.wait_for_end(timeout);
                return status;
            }
            assert!(since.elapsed() < timeout, "still running after {timeout:?}:\n{}", self.log());
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either fails only when the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("log of the server:\n{}", tail(&self.log()));
        }
    }
}

/// The last lines of a log that may be long.
fn tail(log: &str) -> &str {
    let start = log.rmatch_indices('\n').nth(100).map_or(0, |(index, _)| index + 1);
    log.get(start..).unwrap_or(log)
}

/// The address in a line that says where the server listens, in whichever format.
fn address(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once(LISTENING).expect("a line that says where the server listens");
    let end = rest.find(|c: char| c.is_whitespace() || c == '"' || c == '/').unwrap_or(rest.len());
    rest.get(..end)
        .and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("no address in {line:?}"))
}

/// What a process writes to stderr, line by line as it comes.
#[derive(Debug, Default)]
struct Log {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Written {
    text: String,
    ended: bool,
}

impl Written {
    fn line_with(&self, needle: &str) -> Option<String> {
        self.text.lines().find(|line| line.contains(needle)).map(str::to_owned)
    }
}

impl Log {
    /// Another thread's failed assertion must not hide the log.
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, stderr: ChildStderr) {
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            self.lock().text.push_str(&String::from_utf8_lossy(&line));
            self.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn wait_for(&self, needle: &str, timeout: Duration) -> Option<String> {
        let missing = |written: &mut Written| !written.ended && written.line_with(needle).is_none();
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, missing);
        waited.unwrap_or_else(PoisonError::into_inner).0.line_with(needle)
    }

    fn wait_for_end(&self, timeout: Duration) {
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, |written| !written.ended);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

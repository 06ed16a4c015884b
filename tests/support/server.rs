//! The server under test as a process, which listens on a free port and is stopped by signals.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The admin key of every server. Its role is `operator`.
pub(crate) const ADMIN_KEY: &str = "test-admin-key.0123456789-abcdefghijklmnop";

/// The setting with which the server logs each request that begins to wait for changes.
pub(crate) const LOG_FOLLOWERS: (&str, &str) = ("RUST_LOG", "info,roster::http::followers=debug");

const BINARY: &str = env!("CARGO_BIN_EXE_roster");

/// Time limit for a server to start listening.
const START_LIMIT: Duration = Duration::from_secs(30);

const LISTENING: &str = "listening on http";

/// Builds the command that starts a server.
#[derive(Debug)]
pub(crate) struct Builder {
    command: Command,
}

impl Builder {
    fn new(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self { command }
    }

    /// Sets an environment variable, and replaces its default.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable that is set by default.
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

    /// Starts the server, and reads its log only until it listens. Returns the pipe with the rest of the log.
    pub(crate) fn start_with_unread_log(self) -> (Server, BufReader<ChildStderr>) {
        let (mut server, stderr) = self.spawn_process();
        let mut reader = BufReader::new(stderr);
        let mut line = String::new();
        while !line.contains(LISTENING) {
            line.clear();
            let length = reader.read_line(&mut line).expect("the log is UTF-8");
            assert!(length > 0, "the server ended before it listened");
        }
        server.address = Some(address(&line));
        server.log.end();
        (server, reader)
    }

    /// Starts the process without waiting, for servers that are expected to exit early.
    pub(crate) fn spawn(self) -> Server {
        let (server, stderr) = self.spawn_process();
        let log = Arc::clone(&server.log);
        thread::spawn(move || log.fill(stderr));
        server
    }

    fn spawn_process(mut self) -> (Server, ChildStderr) {
        let directory = tempfile::tempdir().expect("the temporary directory is created");
        self.command.current_dir(directory.path());
        let started = Instant::now();
        let mut child = self.command.spawn().expect("the server process starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let log = Arc::new(Log::default());
        (Server { child, log, started, address: None, _directory: directory }, stderr)
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: Arc<Log>,
    started: Instant,
    address: Option<SocketAddr>,
    /// The working directory, which contains no `.env`.
    _directory: TempDir,
}

impl Server {
    /// A server on this database and a free local port, with an environment that contains only its settings and `PATH`.
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
        Builder::new(command)
    }

    /// A server like [`Self::builder`] that is started by a shell after this command, such as `ulimit -n 128`.
    pub(crate) fn builder_after(setup: &str, database_url: &str) -> Builder {
        let Builder { command: server } = Self::builder(database_url);
        let mut command = Command::new("bash");
        command.args(["-euc", &format!("{setup}; exec {BINARY}")]).env_clear();
        command.envs(server.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Builder::new(command)
    }

    /// A server on a free local port that is started by a shell command of the form `NAME=value… roster`.
    pub(crate) fn from_shell_command(line: &str) -> Builder {
        let folder = Path::new(BINARY).parent().expect("the binary is in a directory");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("bash");
        // `exec` replaces the shell, so that signals reach the server.
        command
            .args(["-euc", &format!("exec env {line}")])
            .env_clear()
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("ROSTER_LISTEN", "127.0.0.1:0");
        Builder::new(command)
    }

    /// `http://address:port`.
    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The address on which the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("the server was started with `Builder::start`")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The time at which the process was started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_memory(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The peak of the resident memory in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// The processor time that the process has used.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("the process runs");
        // The name of the process can contain spaces. The times, in hundredths of a second, are the fields 14 and 15.
        let (_, fields) = stat.rsplit_once(") ").expect("the name is in parentheses");
        let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().expect("a number"));
        Duration::from_millis(ticks.sum::<u64>() * 10)
    }

    fn memory(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes.unwrap_or_else(|| panic!("no {name} in {status}")) * 1024
    }

    /// The output on stderr so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().text.clone()
    }

    /// Waits for a line that contains `needle`, and returns the first such line.
    ///
    /// # Panics
    /// If there is no such line after `timeout`, or when the process closes stderr.
    pub(crate) fn wait_for_log(&self, needle: &str, timeout: Duration) -> String {
        self.log.wait_for(needle, timeout).unwrap_or_else(|| {
            panic!("no line with {needle:?} within {timeout:?} in the log:\n{}", self.log())
        })
    }

    /// Waits until this many requests have begun to wait for changes since the server was started. Requires the setting
    /// [`LOG_FOLLOWERS`].
    pub(crate) fn wait_for_followers(&self, count: usize) {
        let since = Instant::now();
        while self.log().matches("a follower waits").count() < count {
            assert!(since.elapsed() < START_LIMIT, "fewer than {count} followers:\n{}", self.log());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.expect("the kill command runs").success(), "SIG{name} was not sent");
    }

    /// Kills the process with SIGKILL and waits until it has ended.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("SIGKILL is sent");
        self.child.wait().expect("the process has ended");
    }

    /// Stops the server with SIGTERM and requires the exit code 0.
    ///
    /// # Panics
    /// With the log, if it ends in another way or not within `timeout`.
    #[track_caller]
    pub(crate) fn stop(&mut self, timeout: Duration) {
        self.signal("TERM");
        assert_eq!(self.wait(timeout).code(), Some(0), "{}", self.log());
    }

    /// Waits for the process to end.
    ///
    /// # Panics
    /// With the log, if it has not ended within `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("the process is a child") {
                self.log.wait_for_end(timeout);
                return status;
            }
            assert!(
                since.elapsed() < timeout,
                "the server was still running after {timeout:?}:\n{}",
                self.log()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("server log:\n{}", tail(&self.log()));
        }
    }
}

/// The last 100 lines of a log.
fn tail(log: &str) -> &str {
    let start = log.rmatch_indices('\n').nth(100).map_or(0, |(index, _)| index + 1);
    log.get(start..).unwrap_or(log)
}

/// The address in the log line that announces it, in either log format.
fn address(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("://").expect("the line announces an address");
    let end = rest.find(|c: char| c.is_whitespace() || c == '"' || c == '/').unwrap_or(rest.len());
    rest.get(..end)
        .and_then(|address| address.parse().ok())
        .unwrap_or_else(|| panic!("no address in {line:?}"))
}

/// The output of a process on stderr, which is collected as it is written.
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
    /// Ignores poisoning, so that a failed assertion in another thread does not hide the log.
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
        self.end();
    }

    fn end(&self) {
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

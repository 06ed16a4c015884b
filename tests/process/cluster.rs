//! A separate PostgreSQL server that a test can stop and start.

use crate::support::percent_encoded;
use crate::support::sql::{Sql, wait_until};
use diesel::{Connection, PgConnection};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Prints the address of the server, then reads the commands `stop MODE` and `start`, one per line, and responds to each
/// with `done EXIT_CODE`.
const SCRIPT: &str = r#"
echo "up $PGPORT $PGUSER $PGPASSWORD"
while read -r verb mode; do
    case $verb in
        stop) pg_ctlcluster "$PGVERSION" regress stop -m "$mode" ;;
        start) pg_ctlcluster "$PGVERSION" regress start ;;
    esac >/dev/null 2>&1
    echo "done $?"
done
"#;

/// A PostgreSQL cluster. It is deleted when the input of the script ends: when this is dropped, or when the test process
/// ends in any way.
pub(crate) struct Cluster {
    child: Child,
    commands: Option<ChildStdin>,
    responses: BufReader<ChildStdout>,
    url: String,
    data: PathBuf,
}

/// Time limit for starting the server.
const START_LIMIT: Duration = Duration::from_secs(30);

impl Cluster {
    /// Creates and starts a cluster in temporary directories (`-t`), in addition to the one of the test suite.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Creates and starts a cluster with these settings, such as `max_connections=20`.
    pub(crate) fn start_with(settings: &[&str]) -> Self {
        let mut command = Command::new("pg_virtualenv");
        if let Ok(version) = env::var("PGVERSION") {
            command.args(["-v", &version]);
        }
        command.args(["-t", "-o", "fsync=off"]);
        command.args(settings.iter().flat_map(|setting| ["-o", setting]));
        command.args(["bash", "-c", SCRIPT]);
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        command.env("PGPORT", free_port().to_string());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start pg_virtualenv: {error}"));
        let commands = child.stdin.take();
        let responses = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut cluster = Self { child, commands, responses, url: String::new(), data: PathBuf::new() };
        let line = cluster.wait_for_line("up ");
        let words: Vec<_> = line.split(' ').collect();
        let (port, user, password) = (words[1], percent_encoded(words[2]), percent_encoded(words[3]));
        cluster.url = format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres");
        let data = Sql::open(&cluster.url).lines("SELECT current_setting('data_directory') AS line");
        cluster.data = data.concat().into();
        cluster
    }

    /// The URL of a database in the cluster.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops the server in a mode of `pg_ctl`: `fast` shuts down cleanly, and `immediate` acts like a crash.
    pub(crate) fn stop(&mut self, mode: &str) {
        self.run(&format!("stop {mode}"));
    }

    /// Kills the server process with SIGKILL. Its other processes notice that and end themselves.
    pub(crate) fn kill(&mut self) {
        let killed = Command::new("kill").args(["-s", "KILL", &self.pid()]).status();
        assert!(killed.expect("the kill command runs").success());
    }

    /// The id of the server process, the parent of its other processes.
    pub(crate) fn pid(&self) -> String {
        let file = fs::read_to_string(self.data.join("postmaster.pid")).expect("the server runs");
        file.lines().next().expect("the file contains the id").to_owned()
    }

    /// The directory of the server's files.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Starts the server and waits until it accepts connections. After a kill, this succeeds once all processes have ended.
    pub(crate) fn start_again(&mut self) {
        wait_until(START_LIMIT, "PostgreSQL starts", || self.try_to_run("start"));
    }

    /// Stops the server, moves its write-ahead log to another directory, and starts it again.
    pub(crate) fn move_log(&mut self, directory: &Path) {
        self.stop("fast");
        let (log, moved) = (self.data.join("pg_wal"), directory.join("pg_wal"));
        // The copy keeps the owner.
        let copied = Command::new("cp").arg("-a").args([&log, &moved]).status();
        assert!(copied.expect("the cp command runs").success());
        fs::remove_dir_all(&log).expect("the directory is deleted");
        symlink(&moved, &log).expect("the link is created");
        self.start_again();
    }

    /// Starts the server if it has ended by itself.
    pub(crate) fn start_if_ended(&mut self) {
        let url = self.url.clone();
        wait_until(START_LIMIT, "PostgreSQL accepts connections", || {
            PgConnection::establish(&url).is_ok() || self.try_to_run("start")
        });
    }

    fn run(&mut self, command: &str) {
        assert!(self.try_to_run(command), "{command}");
    }

    fn try_to_run(&mut self, command: &str) -> bool {
        let commands = self.commands.as_mut().expect("the input is open until the drop");
        writeln!(commands, "{command}").expect("the script reads its input");
        self.wait_for_line("done ") == "done 0"
    }

    /// The next line with this prefix.
    fn wait_for_line(&mut self, start: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.responses.read_line(&mut line).expect("the output is UTF-8");
            assert!(length > 0, "pg_virtualenv ended; its output contains the reason");
            if line.starts_with(start) {
                return line.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.commands.take());
        let since = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if since.elapsed() > Duration::from_secs(30) {
                eprintln!("pg_virtualenv does not end, so its cluster is not deleted");
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("the socket has an address").port()
}

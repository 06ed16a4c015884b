//! A separate PostgreSQL server that a test can stop and start.

use crate::support::percent_encoded;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
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
}

impl Cluster {
    /// Creates and starts a cluster in temporary directories (`-t`), in addition to the one of the test suite.
    pub(crate) fn start() -> Self {
        let mut command = Command::new("pg_virtualenv");
        if let Ok(version) = env::var("PGVERSION") {
            command.args(["-v", &version]);
        }
        command.args(["-t", "-o", "fsync=off", "bash", "-c", SCRIPT]);
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
        let mut cluster = Self { child, commands, responses, url: String::new() };
        let line = cluster.wait_for_line("up ");
        let words: Vec<_> = line.split(' ').collect();
        let (port, user, password) = (words[1], percent_encoded(words[2]), percent_encoded(words[3]));
        cluster.url = format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres");
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

    /// Starts the server and waits until it accepts connections.
    pub(crate) fn start_again(&mut self) {
        self.run("start");
    }

    fn run(&mut self, command: &str) {
        let commands = self.commands.as_mut().expect("the input is open until the drop");
        writeln!(commands, "{command}").expect("the script reads its input");
        assert_eq!(self.wait_for_line("done "), "done 0", "{command}");
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

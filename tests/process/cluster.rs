//! A PostgreSQL server of its own, which a test stops and starts.

use crate::support::percent_encoded;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Says where the server is, then obeys: a line is `stop MODE` or `start`, and is answered with `done CODE`.
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

/// Gone with this, and with the test, however it ends: then the script's input ends.
pub(crate) struct Cluster {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    url: String,
}

impl Cluster {
    /// Makes and starts one, in directories of its own (`-t`), beside the one that the tests run in.
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
            .unwrap_or_else(|error| panic!("pg_virtualenv does not start: {error}"));
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut cluster = Self { child, orders, answers, url: String::new() };
        let line = cluster.answer("up ");
        let words: Vec<_> = line.split(' ').collect();
        let (port, user, password) = (words[1], percent_encoded(words[2]), percent_encoded(words[3]));
        cluster.url = format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres");
        cluster
    }

    /// The URL of its database.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it, in one of the modes of `pg_ctl`: `fast` as an administrator does, `immediate` as a crash.
    pub(crate) fn stop(&mut self, mode: &str) {
        self.order(&format!("stop {mode}"));
    }

    /// Starts it again, and returns when it takes connections.
    pub(crate) fn start_again(&mut self) {
        self.order("start");
    }

    fn order(&mut self, order: &str) {
        let orders = self.orders.as_mut().expect("open until the end");
        writeln!(orders, "{order}").expect("the script reads");
        assert_eq!(self.answer("done "), "done 0", "{order}");
    }

    /// The next line that begins so.
    fn answer(&mut self, start: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.answers.read_line(&mut line).expect("the script answers");
            assert!(length > 0, "pg_virtualenv ended; it printed why");
            if line.starts_with(start) {
                return line.trim_end().to_owned();
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.orders.take());
        let since = Instant::now();
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            if since.elapsed() > Duration::from_secs(30) {
                eprintln!("pg_virtualenv does not end: its cluster is left behind");
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

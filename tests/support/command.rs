//! Commands that are expected to end by themselves, the binary under test first of all.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How a command ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// All of standard output.
    pub(crate) stdout: String,
    /// All of standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// This end, when it was a good one.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.with_code(0)
    }

    /// This end, when it came with the exit code; else a panic that shows it.
    #[track_caller]
    pub(crate) fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The only line on standard error, which must be there, with its end.
    #[track_caller]
    pub(crate) fn only_line(&self) -> &str {
        let line = self.stderr.strip_suffix('\n').filter(|line| !line.is_empty() && !line.contains('\n'));
        line.unwrap_or_else(|| panic!("not one line on stderr: {self:#?}"))
    }
}

/// The binary under test in a working directory, with an empty environment.
pub(crate) fn roster(directory: &Path) -> Command {
    in_empty_environment(env!("CARGO_BIN_EXE_roster"), directory)
}

/// Any program in a working directory, with nothing of the environment but the path to programs.
pub(crate) fn in_empty_environment(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(directory);
    command
}

/// Runs a command to its end.
///
/// # Panics
/// When it has not ended within `limit`; then it is killed.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Ended {
    let since = Instant::now();
    let streams = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = loop {
        match child.try_wait().expect("the process is a child") {
            Some(status) => break Some(status),
            None if since.elapsed() > limit => break None,
            None => thread::sleep(Duration::from_millis(1)),
        }
    };
    if status.is_none() {
        child.kill().expect("SIGKILL is sent");
        child.wait().expect("the process ends");
    }
    let text = |reader: thread::JoinHandle<String>| reader.join().expect("the output is read");
    let (stdout, stderr) = (text(stdout), text(stderr));
    let Some(status) = status else {
        panic!("{command:?} still ran after {limit:?}\nstdout: {stdout}\nstderr: {stderr}");
    };
    Ended { code: status.code(), stdout, stderr }
}

fn reader(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    let mut stream = stream.expect("the stream is piped");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the output can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

//! Commands that run to their end, such as those of the binary under test.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The exit code and the output of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    /// `None` if a signal ended the process.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandOutput {
    /// [`Self::expect_code`] for success.
    #[track_caller]
    pub(crate) fn expect_success(self) -> Self {
        self.expect_code(0)
    }

    /// Returns the output if the command ended with this exit code.
    ///
    /// # Panics
    /// With the output if it ended otherwise.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// The only line on standard error, without its line feed.
    ///
    /// # Panics
    /// If there is no line, if there are several, or if the line feed is missing.
    #[track_caller]
    pub(crate) fn error_line(&self) -> &str {
        let line = self.stderr.strip_suffix('\n').filter(|line| !line.is_empty() && !line.contains('\n'));
        line.unwrap_or_else(|| panic!("stderr is not a single line: {self:#?}"))
    }
}

/// The binary under test in a working directory, with an empty environment.
pub(crate) fn roster(directory: &Path) -> Command {
    in_empty_environment(env!("CARGO_BIN_EXE_roster"), directory)
}

/// Any program in a working directory, with an environment that contains only `PATH`.
pub(crate) fn in_empty_environment(program: &str, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(directory);
    command
}

/// Runs a command to its end.
///
/// # Panics
/// If the command has not ended within `limit`. It is killed first.
pub(crate) fn run(command: &mut Command, limit: Duration) -> CommandOutput {
    let since = Instant::now();
    let streams = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = streams.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
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
    let text = |reader: thread::JoinHandle<String>| reader.join().expect("the reader does not panic");
    let (stdout, stderr) = (text(stdout), text(stderr));
    let Some(status) = status else {
        panic!("{command:?} was still running after {limit:?}\nstdout: {stdout}\nstderr: {stderr}");
    };
    CommandOutput { code: status.code(), stdout, stderr }
}

fn reader(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    let mut stream = stream.expect("the stream is piped");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the output can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

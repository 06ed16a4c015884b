//! Where settings come from, and what is said of bad ones.

use crate::support::command::{roster, run};
use clap::CommandFactory;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A bad setting is told within this time.
const LIMIT: Duration = Duration::from_secs(5);

/// Stands in every value that may be secret.
const SECRET: &str = "s3cr3t-w0rd";

/// What a test knows of a setting.
struct Setting {
    name: &'static str,
    good: &'static str,
    bad: &'static [&'static str],
    /// What the message about a bad value says of those that are accepted.
    accepted: &'static [&'static str],
}

const DURATIONS: &[&str] = &["", "8", "soon", "-1s", "1 fortnight", "NaNs"];

const SETTINGS: [Setting; 14] = [
    Setting {
        name: "DATABASE_URL",
        good: "sqlite://good.db",
        bad: &[
            "",
            "roster.db",
            "sqlite://",
            "mysql://user:s3cr3t-w0rd@localhost/roster",
            "postgres:/user:s3cr3t-w0rd@localhost/roster",
            "http://localhost/?password=s3cr3t-w0rd",
        ],
        accepted: &["sqlite://PATH", "sqlite://:memory:", "postgres://", "postgresql://"],
    },
    Setting {
        name: "ROSTER_LISTEN",
        good: "127.0.0.1:1",
        bad: &["", "3000", "localhost:3000", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:x", "::1:3000"],
        accepted: &["an IP address and a port", "127.0.0.1:3000"],
    },
    Setting {
        name: "ROSTER_ADMIN_KEY",
        good: "0123456789abcdefghijklmnopqrstuv",
        bad: &[
            "",
            "s3cr3t-w0rd",
            "s3cr3t-w0rd-one-less-than-enoug",
            "s3cr3t-w0rd with spaces in it, long enough",
            "s3cr3t-w0rd-ünïcödé-ünïcödé-ünïcödé-ünïcödé",
            "s3cr3t-w0rd-with-a-new\nline-in-it-long-enough",
        ],
        accepted: &["at least 32 characters", "A-Z a-z 0-9 - . _ ~ + / ="],
    },
    Setting {
        name: "ROSTER_PUBLIC_URL",
        good: "https://roster.example.com/base",
        bad: &[
            "",
            "roster.example.com",
            "ftp://roster.example.com",
            "https://",
            "https://roster.example.com/?a=b",
        ],
        accepted: &["http:// or https:// URL"],
    },
    Setting {
        name: "ROSTER_MIGRATE_ON_START",
        good: "false",
        bad: &["", "maybe", "2"],
        accepted: &["true, false"],
    },
    Setting {
        name: "ROSTER_LOG_FORMAT",
        good: "text",
        bad: &["", "xml", "jsonl"],
        accepted: &["text, json"],
    },
    Setting { name: "ROSTER_SHUTDOWN_TIMEOUT", good: "1m", bad: DURATIONS, accepted: &["a duration", "8s"] },
    Setting { name: "ROSTER_DRAIN_DELAY", good: "1m", bad: DURATIONS, accepted: &["a duration", "8s"] },
    Setting {
        name: "ROSTER_DATABASE_READERS",
        good: "3",
        bad: &["", "0", "65", "-1", "two", "1.5"],
        accepted: &["a whole number from 1 to 64"],
    },
    Setting {
        name: "ROSTER_QUEUE_SIZE",
        good: "3",
        bad: &["", "0", "1000001", "-1", "many", "99999999999999999999999"],
        accepted: &["a whole number from 1 to 1000000"],
    },
    Setting {
        name: "ROSTER_BODY_LIMIT",
        good: "65536",
        bad: &["", "0", "1023", "67108865", "1MiB"],
        accepted: &["a whole number from 1024 to 67108864"],
    },
    Setting {
        name: "ROSTER_REQUEST_DEADLINE",
        good: "1m",
        bad: &["", "99ms", "601s", "8", "soon"],
        accepted: &["a duration from 100ms to 10m"],
    },
    Setting {
        name: "ROSTER_FAILED_ATTEMPTS",
        good: "0",
        bad: &["", "-1", "many", "4294967296"],
        accepted: &["a whole number from 0 to 4294967295"],
    },
    Setting { name: "ROSTER_SLOW_OPERATION", good: "1m", bad: DURATIONS, accepted: &["a duration", "8s"] },
];

/// The settings by their environment names, with their flags and defaults.
pub(crate) fn of_clap() -> BTreeMap<String, (String, Option<String>)> {
    let command = roster::cli::Cli::command();
    let text = |text: &OsStr| text.to_str().expect("UTF-8").to_owned();
    let settings = command.get_arguments().filter_map(|argument| {
        let name = text(argument.get_env()?);
        let flag = format!("--{}", argument.get_long().expect("a flag for every setting"));
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| text(value)).collect();
        assert!(defaults.len() <= 1, "{name} has several defaults");
        Some((name, (flag, defaults.into_iter().next())))
    });
    settings.collect()
}

/// A working directory, in which a command is tried that reads all settings and touches nothing else.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes `.env`, with quotes that hold anything but a quote.
    fn dotenv(&self, name: &str, value: &str) {
        fs::write(self.path().join(".env"), format!("{name}='{value}'\n")).expect(".env is written");
    }

    fn command(&self) -> Command {
        let mut command = roster(self.path());
        command.args(["migrate", "--status"]);
        command
    }
}

/// Checks the one line about a bad setting.
#[track_caller]
fn refused(setting: &Setting, value: &str, command: &mut Command) {
    let ended = run(command, LIMIT).with_code(2);
    let line = ended.only_line();
    let context = format!("{}={value:?}: {line}", setting.name);
    assert!(line.contains(setting.name), "does not name the setting: {context}");
    for words in setting.accepted {
        assert!(line.contains(words), "does not say {words:?}: {context}");
    }
    assert!(!line.contains(SECRET), "tells a secret: {context}");
    assert_eq!(ended.stdout, "", "{context}");
}

fn setting(name: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.name == name).expect("a setting that the test knows")
}

#[test]
fn the_test_knows_every_setting() {
    let mut known: Vec<_> = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
    known.sort();
    assert_eq!(known, of_clap().into_keys().collect::<Vec<_>>());
}

#[test]
fn good_values_are_taken() {
    for setting in &SETTINGS {
        let place = Place::new();
        run(place.command().env(setting.name, setting.good), LIMIT).ok();
    }
}

/// A test for each setting, so that one that fails does not hide the others.
macro_rules! bad_values {
    ($($test:ident = $name:literal;)*) => {$(
        #[test]
        fn $test() {
            let setting = setting($name);
            for value in setting.bad {
                let place = Place::new();
                refused(setting, value, place.command().env(setting.name, value));
                // Serving says the same, before it does anything.
                let mut serve = roster(place.path());
                refused(setting, value, serve.env(setting.name, value));
                let flag = format!("{}={value}", of_clap()[setting.name].0);
                refused(setting, value, place.command().arg(flag));
                place.dotenv(setting.name, value);
                refused(setting, value, &mut place.command());
            }
        }
    )*};
}

mod bad {
    use super::*;

    bad_values! {
        database_url = "DATABASE_URL";
        listen = "ROSTER_LISTEN";
        admin_key = "ROSTER_ADMIN_KEY";
        public_url = "ROSTER_PUBLIC_URL";
        migrate_on_start = "ROSTER_MIGRATE_ON_START";
        log_format = "ROSTER_LOG_FORMAT";
        shutdown_timeout = "ROSTER_SHUTDOWN_TIMEOUT";
        drain_delay = "ROSTER_DRAIN_DELAY";
        database_readers = "ROSTER_DATABASE_READERS";
        queue_size = "ROSTER_QUEUE_SIZE";
        body_limit = "ROSTER_BODY_LIMIT";
        request_deadline = "ROSTER_REQUEST_DEADLINE";
        failed_attempts = "ROSTER_FAILED_ATTEMPTS";
        slow_operation = "ROSTER_SLOW_OPERATION";
    }
}

#[test]
fn values_that_are_no_text_are_named() {
    for setting in &SETTINGS {
        let place = Place::new();
        let mut command = place.command();
        let ended =
            run(command.env(setting.name, OsStr::from_bytes(b"s3cr3t-w0rd-\xff")), LIMIT).with_code(2);
        assert!(ended.only_line().contains(setting.name), "{}: {ended:#?}", setting.name);
        assert!(!ended.stderr.contains(SECRET), "{}: {ended:#?}", setting.name);
    }
}

#[test]
fn values_with_empty_lines_are_told_in_one_line() {
    let place = Place::new();
    let value = "127.0.0.1\n\n:3000";
    refused(setting("ROSTER_LISTEN"), value, place.command().env("ROSTER_LISTEN", value));
}

#[test]
fn each_setting_is_taken_from_the_flag_then_the_environment_then_dotenv() {
    let flags = of_clap();
    for setting in &SETTINGS {
        let Setting { name, good, .. } = *setting;
        let bad = *setting.bad.last().expect("a bad value");
        let (good_flag, bad_flag) = (format!("{}={good}", flags[name].0), format!("{}={bad}", flags[name].0));
        let place = Place::new();
        let ends = |command: &mut Command, code, what| {
            let ended = run(command, LIMIT);
            assert_eq!(ended.code, Some(code), "{name}: {what}: {ended:#?}");
        };
        place.dotenv(name, bad);
        ends(&mut place.command(), 2, "bad in .env");
        ends(place.command().env(name, good), 0, "bad in .env, good in the environment");
        ends(place.command().arg(&good_flag), 0, "bad in .env, good flag");
        ends(place.command().env(name, bad).arg(&good_flag), 0, "bad elsewhere, good flag");
        place.dotenv(name, good);
        ends(&mut place.command(), 0, "good in .env");
        ends(place.command().env(name, bad), 2, "good in .env, bad in the environment");
        ends(place.command().env(name, good).arg(&bad_flag), 2, "good elsewhere, bad flag");
    }
}

/// Databases that exist in a directory.
fn databases(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
    let mut names: Vec<_> = entries.map(|entry| name(entry.expect("an entry"))).collect();
    names.retain(|name| name.ends_with(".db"));
    names.sort();
    names
}

/// The values themselves: which file is made tells which URL was used.
#[test]
fn the_nearest_value_is_used() {
    let used = |dotenv: bool, env: bool, flag: bool| {
        let place = Place::new();
        let mut command = roster(place.path());
        if dotenv {
            place.dotenv("DATABASE_URL", "sqlite://dotenv.db");
        }
        if env {
            command.env("DATABASE_URL", "sqlite://env.db");
        }
        command.arg("migrate");
        if flag {
            command.arg("--database-url=sqlite://flag.db");
        }
        run(&mut command, LIMIT).ok();
        databases(place.path())
    };
    assert_eq!(used(false, false, false), ["roster.db"]);
    assert_eq!(used(true, false, false), ["dotenv.db"]);
    assert_eq!(used(true, true, false), ["env.db"]);
    assert_eq!(used(false, true, false), ["env.db"]);
    assert_eq!(used(true, false, true), ["flag.db"]);
    assert_eq!(used(true, true, true), ["flag.db"]);
}

#[test]
fn flags_stand_before_and_behind_the_command() {
    for arguments in
        [["--database-url", "sqlite://x.db", "migrate"], ["migrate", "--database-url", "sqlite://x.db"]]
    {
        let place = Place::new();
        run(roster(place.path()).args(arguments), LIMIT).ok();
        assert_eq!(databases(place.path()), ["x.db"]);
    }
}

#[test]
fn dotenv_of_a_parent_is_not_read() {
    let place = Place::new();
    place.dotenv("DATABASE_URL", "sqlite://parent.db");
    let child = place.path().join("child");
    fs::create_dir(&child).expect("a directory");
    run(roster(&child).arg("migrate"), LIMIT).ok();
    assert_eq!(databases(&child), ["roster.db"]);
    assert_eq!(databases(place.path()), Vec::<String>::new());
}

#[test]
fn dotenv_holds_rust_log_too() {
    // A start that logs and then fails, because its port is taken.
    let lines = |filter: Option<&str>| {
        let place = Place::new();
        if let Some(filter) = filter {
            place.dotenv("RUST_LOG", filter);
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let listen = listener.local_addr().expect("an address").to_string();
        let ended = run(roster(place.path()).arg("serve").env("ROSTER_LISTEN", listen), LIMIT).with_code(1);
        ended.stderr.lines().count()
    };
    assert_eq!(lines(Some("off")), 1);
    assert!(lines(None) > 1);
}

/// What is wrong in it may be a secret.
#[test]
fn a_bad_dotenv_is_told_without_its_content() {
    for content in [
        format!("ROSTER_ADMIN_KEY='{SECRET}-unterminated"),
        format!("DATABASE_URL=postgres://u:{SECRET} more@h/d\n"),
        format!("{SECRET}\n"),
    ] {
        let place = Place::new();
        fs::write(place.path().join(".env"), &content).expect(".env is written");
        let ended = run(&mut place.command(), LIMIT).with_code(2);
        assert!(ended.only_line().contains(".env"), "{ended:#?}");
        assert!(!ended.stderr.contains(SECRET), "{content:?}: {ended:#?}");
    }
}

#[test]
fn a_dotenv_that_cannot_be_read_is_told() {
    let place = Place::new();
    fs::create_dir(place.path().join(".env")).expect("a directory");
    let ended = run(&mut place.command(), LIMIT).with_code(2);
    assert!(ended.only_line().contains(".env"), "{ended:#?}");
}

#[test]
fn version_is_the_packages() {
    for arguments in [&["--version"][..], &["-V"], &["serve", "--version"]] {
        let ended = run(roster(Path::new("/")).args(arguments), LIMIT).ok();
        let version = ended.stdout.split_whitespace().last();
        assert_eq!((version, ended.stderr.as_str()), (Some(env!("CARGO_PKG_VERSION")), ""), "{ended:#?}");
    }
}

#[test]
fn help_lists_every_setting_with_its_default() {
    for arguments in [&["--help"][..], &["serve", "--help"], &["migrate", "--help"], &["health", "--help"]] {
        let ended = run(roster(Path::new("/")).args(arguments), LIMIT).ok();
        for (name, (flag, default)) in of_clap() {
            let sections =
                ended.stdout.split("\n      --").filter(|text| text.contains(&format!("[env: {name}")));
            let [section] = sections.collect::<Vec<_>>()[..] else {
                panic!("{name} does not stand once in the help of {arguments:?}: {}", ended.stdout);
            };
            assert!(section.starts_with(flag.trim_start_matches('-')), "{section}");
            if let Some(default) = default {
                assert!(section.contains(&format!("[default: {default}]")), "{section}");
            }
        }
    }
}

#[test]
fn help_shows_no_secret() {
    for argument in ["--help", "-h"] {
        let mut command = roster(Path::new("/"));
        command.env("ROSTER_ADMIN_KEY", format!("{SECRET}-0123456789abcdefghijklmnop"));
        command.env("DATABASE_URL", format!("postgres://u:{SECRET}@localhost/roster"));
        let ended = run(command.arg(argument), LIMIT).ok();
        assert!(!ended.stdout.contains(SECRET), "{}", ended.stdout);
    }
}

#[test]
fn what_is_no_command_is_told_in_one_line() {
    for arguments in [&["bogus"][..], &["--bogus"], &["serve", "more"], &["migrate", "--status", "--check"]] {
        let ended = run(roster(Path::new("/")).args(arguments), LIMIT).with_code(2);
        assert!(ended.only_line().starts_with("roster: "), "{ended:#?}");
    }
}

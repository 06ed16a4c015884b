//! The sources of settings, and the errors for invalid values.

use crate::process::startup::check_format;
use crate::support::command::{roster, run};
use crate::support::database::Database;
use crate::support::{file_names, percent_encoded};
use clap::CommandFactory;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Time limit of each command.
const LIMIT: Duration = Duration::from_secs(5);

/// A part of every value that may be secret.
const SECRET: &str = "s3cr3t-w0rd";

/// Test values for a setting.
struct Setting {
    name: &'static str,
    valid: &'static str,
    invalid: &'static [&'static str],
    /// Parts of the error for an invalid value, which describe the accepted values.
    accepted: &'static [&'static str],
}

const DURATIONS: &[&str] = &["8", "soon", "-1s", "1 fortnight", "NaNs"];

const SETTINGS: [Setting; 28] = [
    Setting {
        name: "DATABASE_URL",
        valid: "sqlite://valid.db",
        invalid: &[
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
        valid: "192.0.2.1:1",
        invalid: &["3000", "localhost", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:x", "::1:3000"],
        accepted: &["an IP address and a port", "127.0.0.1:3000"],
    },
    Setting {
        name: "ROSTER_METRICS_LISTEN",
        valid: "192.0.2.1:1",
        invalid: &["9090", "localhost", "127.0.0.1:x"],
        accepted: &["an IP address and a port", "127.0.0.1:3000"],
    },
    Setting {
        name: "ROSTER_ADMIN_KEY",
        valid: "0123456789abcdefghijklmnopqrstuv",
        invalid: &[
            "s3cr3t-w0rd",
            "s3cr3t-w0rd-one-less-than-enoug",
            "s3cr3t-w0rd with spaces in it, long enough",
            "s3cr3t-w0rd-ünïcödé-ünïcödé-ünïcödé-ünïcödé",
            "s3cr3t-w0rd-with-a-new\nline-in-it-long-enough",
        ],
        accepted: &["at least 32 characters", "A-Z a-z 0-9 - . _ ~ + / ="],
    },
    Setting {
        name: "ROSTER_ADMIN_KEY_FILE",
        // A file with a UUID.
        valid: "/proc/sys/kernel/random/boot_id",
        invalid: &["/no/such/file", "/", "/dev/null", "/proc/self/exe"],
        accepted: &[],
    },
    Setting {
        name: "ROSTER_PUBLIC_URL",
        valid: "https://roster.example.com/base",
        invalid: &[
            "roster.example.com",
            "ftp://roster.example.com",
            "https://",
            "https://roster.example.com/?a=b",
        ],
        accepted: &["http:// or https:// URL"],
    },
    // The files are read later, so any path is valid.
    Setting { name: "ROSTER_TLS_CERT", valid: "cert.pem", invalid: &[], accepted: &["path of a file"] },
    Setting { name: "ROSTER_TLS_KEY", valid: "key.pem", invalid: &[], accepted: &["path of a file"] },
    Setting {
        name: "ROSTER_CONNECTIONS",
        valid: "100",
        invalid: &["0", "15", "1000001", "many"],
        accepted: &["a whole number from 16 to 1000000"],
    },
    Setting {
        name: "ROSTER_MIGRATE_ON_START",
        valid: "false",
        invalid: &["maybe", "2"],
        accepted: &["true, false"],
    },
    Setting {
        name: "ROSTER_INSPECTOR",
        valid: "false",
        invalid: &["maybe", "2"],
        accepted: &["true, false"],
    },
    Setting {
        name: "ROSTER_ADMIN_PAGE",
        valid: "false",
        invalid: &["maybe", "2"],
        accepted: &["true, false"],
    },
    Setting {
        name: "ROSTER_LOG_FORMAT",
        valid: "text",
        invalid: &["xml", "jsonl"],
        accepted: &["text, json"],
    },
    Setting {
        name: "ROSTER_SHUTDOWN_TIMEOUT",
        valid: "1m",
        invalid: DURATIONS,
        accepted: &["a duration", "8s"],
    },
    Setting { name: "ROSTER_DRAIN_DELAY", valid: "1m", invalid: DURATIONS, accepted: &["a duration", "8s"] },
    Setting {
        name: "ROSTER_DATABASE_READERS",
        valid: "3",
        invalid: &["0", "65", "-1", "two", "1.5"],
        accepted: &["a whole number from 1 to 64"],
    },
    Setting {
        name: "ROSTER_QUEUE_SIZE",
        valid: "3",
        invalid: &["0", "1000001", "-1", "many", "99999999999999999999999"],
        accepted: &["a whole number from 1 to 1000000"],
    },
    Setting {
        name: "ROSTER_RATE_LIMIT",
        valid: "100/m",
        invalid: &["-1", "100/d", "1000001", "many"],
        accepted: &["a number of requests from 0 to 1000000", "100/s"],
    },
    Setting {
        name: "ROSTER_BODY_LIMIT",
        valid: "65536",
        invalid: &["0", "1023", "67108865", "1MiB"],
        accepted: &["a whole number from 1024 to 67108864"],
    },
    Setting {
        name: "ROSTER_UNREAD_LIMIT",
        valid: "2000000",
        invalid: &["0", "1048575", "128MiB"],
        accepted: &["a whole number from 1048576"],
    },
    Setting {
        name: "ROSTER_SEND_TIMEOUT",
        valid: "1m",
        invalid: &["99ms", "2h", "30", "soon"],
        accepted: &["a duration from 100ms to 1h"],
    },
    Setting {
        name: "ROSTER_REQUEST_DEADLINE",
        valid: "1m",
        invalid: &["99ms", "601s", "8", "soon"],
        accepted: &["a duration from 100ms to 10m"],
    },
    Setting {
        name: "ROSTER_CHANGES_RETENTION",
        valid: "0",
        invalid: &["59m", "400", "-1d", "forever"],
        accepted: &["0 or a duration of at least 1h", "400d"],
    },
    Setting {
        name: "ROSTER_FAILED_ATTEMPTS",
        valid: "0",
        invalid: &["-1", "many", "4294967296"],
        accepted: &["a whole number from 0 to 4294967295"],
    },
    Setting {
        name: "ROSTER_FOLLOWERS",
        valid: "3",
        invalid: &["0", "1000001", "many"],
        accepted: &["a whole number from 1 to 1000000"],
    },
    Setting {
        name: "ROSTER_FOLLOWERS_PER_KEY",
        valid: "3",
        invalid: &["0", "1000001", "many"],
        accepted: &["a whole number from 1 to 1000000"],
    },
    Setting {
        name: "ROSTER_STREAM_KEEP_ALIVE",
        valid: "1m",
        invalid: &["99ms", "2h", "30", "soon"],
        accepted: &["a duration from 100ms to 1h"],
    },
    Setting {
        name: "ROSTER_SLOW_OPERATION",
        valid: "1m",
        invalid: DURATIONS,
        accepted: &["a duration", "8s"],
    },
];

/// The flag and the default of each setting, by its environment variable.
pub(crate) fn command_line_settings() -> BTreeMap<String, (String, Option<String>)> {
    let command = roster::cli::Cli::command();
    let text = |text: &OsStr| text.to_str().expect("UTF-8").to_owned();
    let settings = command.get_arguments().filter_map(|argument| {
        let name = text(argument.get_env()?);
        let flag = format!("--{}", argument.get_long().expect("every setting has a flag"));
        let defaults: Vec<_> = argument.get_default_values().iter().map(|value| text(value)).collect();
        assert!(defaults.len() <= 1, "{name} has several defaults");
        Some((name, (flag, defaults.into_iter().next())))
    });
    settings.collect()
}

/// The settings whose values can contain secrets, which errors do not show.
const CONFIDENTIAL: [&str; 2] = ["DATABASE_URL", "ROSTER_ADMIN_KEY"];

/// A working directory for a command that reads all settings and changes nothing: a server that cannot listen, because its
/// address belongs to another machine.
struct Workspace(TempDir);

/// The exit code of the command if all settings are valid.
const VALID: i32 = 1;

impl Workspace {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("the temporary directory is created"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes `.env` with single quotes around the value.
    fn dotenv(&self, name: &str, value: &str) {
        fs::write(self.path().join(".env"), format!("{name}='{value}'\n")).expect(".env is written");
    }

    /// The command, without a value of this setting in its environment.
    fn command(&self, setting: &str) -> Command {
        let mut command = roster(self.path());
        command.arg("serve").env("ROSTER_LISTEN", "192.0.2.1:3000").env_remove(setting);
        command
    }
}

/// Checks the one-line error for an invalid value.
#[track_caller]
fn check_refused(setting: &Setting, value: &str, command: &mut Command) {
    let output = run(command, LIMIT).expect_code(2);
    let line = output.error_line();
    let context = format!("{}={value:?}: {line}", setting.name);
    assert!(line.contains(setting.name), "the error does not name the setting: {context}");
    for words in setting.accepted {
        assert!(line.contains(words), "the error lacks {words:?}: {context}");
    }
    assert!(!line.contains(SECRET), "the error contains a secret: {context}");
    if !CONFIDENTIAL.contains(&setting.name) && !value.is_empty() {
        let shown = format!("'{}'", value.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(line.contains(&shown), "the error does not show the value: {context}");
    }
    assert_eq!(output.stdout, "", "{context}");
}

fn setting(name: &str) -> &'static Setting {
    SETTINGS.iter().find(|setting| setting.name == name).expect("the setting has test values")
}

#[test]
fn every_setting_has_test_values() {
    let mut names: Vec<_> = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
    names.sort();
    assert_eq!(names, command_line_settings().into_keys().collect::<Vec<_>>());
}

#[test]
fn valid_values_are_accepted() {
    for setting in &SETTINGS {
        let workspace = Workspace::new();
        let output = run(workspace.command(setting.name).env(setting.name, setting.valid), LIMIT);
        assert!(output.expect_code(VALID).error_line().contains("cannot listen"), "{}", setting.name);
    }
}

/// One test for each setting, so that a failure does not hide others.
macro_rules! invalid_values {
    ($($test:ident = $name:literal;)*) => {$(
        #[test]
        fn $test() {
            let setting = setting($name);
            for value in setting.invalid {
                let workspace = Workspace::new();
                let command = || workspace.command(setting.name);
                check_refused(setting, value, command().env(setting.name, value));
                let flag = format!("{}={value}", command_line_settings()[setting.name].0);
                check_refused(setting, value, command().arg(flag));
                workspace.dotenv(setting.name, value);
                check_refused(setting, value, &mut command());
            }
            let workspace = Workspace::new();
            let empty = format!("{}=", command_line_settings()[setting.name].0);
            check_refused(setting, "", workspace.command(setting.name).arg(empty));
        }
    )*};
}

mod invalid {
    use super::*;

    invalid_values! {
        database_url = "DATABASE_URL";
        listen = "ROSTER_LISTEN";
        metrics_listen = "ROSTER_METRICS_LISTEN";
        admin_key = "ROSTER_ADMIN_KEY";
        admin_key_file = "ROSTER_ADMIN_KEY_FILE";
        public_url = "ROSTER_PUBLIC_URL";
        tls_cert = "ROSTER_TLS_CERT";
        tls_key = "ROSTER_TLS_KEY";
        connections = "ROSTER_CONNECTIONS";
        migrate_on_start = "ROSTER_MIGRATE_ON_START";
        inspector = "ROSTER_INSPECTOR";
        admin_page = "ROSTER_ADMIN_PAGE";
        log_format = "ROSTER_LOG_FORMAT";
        shutdown_timeout = "ROSTER_SHUTDOWN_TIMEOUT";
        drain_delay = "ROSTER_DRAIN_DELAY";
        database_readers = "ROSTER_DATABASE_READERS";
        queue_size = "ROSTER_QUEUE_SIZE";
        body_limit = "ROSTER_BODY_LIMIT";
        request_deadline = "ROSTER_REQUEST_DEADLINE";
        changes_retention = "ROSTER_CHANGES_RETENTION";
        failed_attempts = "ROSTER_FAILED_ATTEMPTS";
        rate_limit = "ROSTER_RATE_LIMIT";
        followers = "ROSTER_FOLLOWERS";
        followers_per_key = "ROSTER_FOLLOWERS_PER_KEY";
        stream_keep_alive = "ROSTER_STREAM_KEEP_ALIVE";
        slow_operation = "ROSTER_SLOW_OPERATION";
    }
}

#[test]
fn values_that_are_not_utf_8_cause_an_error() {
    for setting in &SETTINGS {
        let workspace = Workspace::new();
        let mut command = workspace.command(setting.name);
        let output =
            run(command.env(setting.name, OsStr::from_bytes(b"s3cr3t-w0rd-\xff")), LIMIT).expect_code(2);
        assert!(output.error_line().contains(setting.name), "{}: {output:#?}", setting.name);
        assert!(!output.stderr.contains(SECRET), "{}: {output:#?}", setting.name);
    }
}

#[test]
fn an_error_about_a_value_with_line_breaks_is_one_line() {
    let workspace = Workspace::new();
    let value = "127.0.0.1\n\n:3000";
    let mut command = workspace.command("ROSTER_LISTEN");
    check_refused(setting("ROSTER_LISTEN"), value, command.env("ROSTER_LISTEN", value));
}

#[test]
fn flags_override_the_environment_and_the_environment_overrides_dotenv() {
    let flags = command_line_settings();
    for setting in &SETTINGS {
        let Setting { name, valid, .. } = *setting;
        let Some(invalid) = setting.invalid.last().copied() else { continue };
        let flag = |value: &str| format!("{}={value}", flags[name].0);
        let workspace = Workspace::new();
        let check = |command: &mut Command, code, sources| {
            let output = run(command, LIMIT);
            assert_eq!(output.code, Some(code), "{name}: {sources}: {output:#?}");
        };
        let command = || workspace.command(name);
        workspace.dotenv(name, invalid);
        check(&mut command(), 2, "invalid .env");
        check(command().env(name, valid), VALID, "invalid .env, valid variable");
        check(command().arg(flag(valid)), VALID, "invalid .env, valid flag");
        check(command().env(name, invalid).arg(flag(valid)), VALID, "invalid .env and variable, valid flag");
        check(command().env(name, ""), 2, "invalid .env, empty variable");
        workspace.dotenv(name, valid);
        check(&mut command(), VALID, "valid .env");
        check(command().env(name, ""), VALID, "valid .env, empty variable");
        check(command().env(name, invalid), 2, "valid .env, invalid variable");
        check(command().env(name, valid).arg(flag(invalid)), 2, "valid .env and variable, invalid flag");
    }
}

#[test]
fn an_empty_value_counts_as_unset() {
    for setting in SETTINGS.iter().filter(|setting| setting.name != "ROSTER_LISTEN") {
        for in_dotenv in [false, true] {
            let workspace = Workspace::new();
            let mut command = workspace.command(setting.name);
            if in_dotenv {
                workspace.dotenv(setting.name, "");
            } else {
                command.env(setting.name, "");
            }
            let output = run(&mut command, LIMIT).expect_code(VALID);
            assert!(output.error_line().contains("cannot listen"), "{}: {output:#?}", setting.name);
        }
    }
}

#[test]
fn errors_name_the_line_of_dotenv() {
    let workspace = Workspace::new();
    let error = |content: &str| {
        fs::write(workspace.path().join(".env"), content).expect(".env is written");
        run(&mut workspace.command("ROSTER_QUEUE_SIZE"), LIMIT).expect_code(2).error_line().to_owned()
    };
    let many = error("# Settings\n\nROSTER_QUEUE_SIZE=\nexport ROSTER_QUEUE_SIZE = many # comment\n");
    assert!(many.contains("ROSTER_QUEUE_SIZE in line 4 of .env: 'many' must be"), "{many}");
    let malformed = error("\u{feff}ROSTER_QUEUE_SIZE=1\nROSTER_BODY_LIMIT='1\n");
    assert!(malformed.contains("line 2"), "{malformed}");
}

#[test]
fn a_number_without_a_unit_causes_a_hint() {
    for name in ["ROSTER_DRAIN_DELAY", "ROSTER_REQUEST_DEADLINE"] {
        let workspace = Workspace::new();
        let output = run(workspace.command(name).env(name, "10"), LIMIT).expect_code(2);
        assert!(output.error_line().contains("write 10s"), "{output:#?}");
    }
    let output =
        run(roster(Path::new("/")).args(["key", "create", "--role", "reader", "--expires", "90"]), LIMIT);
    assert!(output.expect_code(2).error_line().contains("such as 12h or 90d"));
}

/// A command reads only the settings that its help lists.
#[test]
fn invalid_settings_do_not_affect_commands_that_do_not_use_them() {
    let workspace = Workspace::new();
    let mut command = roster(workspace.path());
    run(command.args(["migrate", "--status"]).env("ROSTER_QUEUE_SIZE", "many"), LIMIT).expect_success();
    let mut command = roster(workspace.path());
    run(command.arg("openapi").env("DATABASE_URL", "many"), LIMIT).expect_success();
}

/// The warnings of a command that succeeds.
fn warnings(command: &mut Command) -> Vec<String> {
    let output = run(command.arg("openapi").env("ROSTER_LOG_FORMAT", "text"), LIMIT);
    output.expect_success().stderr.lines().map(str::to_owned).collect()
}

#[test]
fn unknown_names_cause_a_warning() {
    let workspace = Workspace::new();
    fs::write(workspace.path().join(".env"), "\nROSTER_LISTNE=x\n").expect(".env is written");
    let mut command = roster(workspace.path());
    command.env("ROSTER_OTHER", SECRET).env("ROSTER_LISTEN", "127.0.0.1:0").env("OTHER", "x");
    let lines = warnings(command.env("ROSTER_PORT", "tcp://10.0.0.1:3000"));
    let [other, listen] = &lines[..] else { panic!("expected two warnings: {lines:#?}") };
    assert!(other.contains("WARN") && other.contains("ROSTER_OTHER in the environment"), "{other}");
    assert!(!other.contains(SECRET) && !other.contains("did you mean"), "{other}");
    assert!(listen.contains("ROSTER_LISTNE in line 2 of .env"), "{listen}");
    assert!(listen.contains("did you mean ROSTER_LISTEN?"), "{listen}");
}

#[test]
fn known_names_cause_no_warning() {
    let mut command = roster(Path::new("/"));
    command.envs(SETTINGS.iter().map(|setting| (setting.name, setting.valid)));
    assert_eq!(warnings(&mut command), Vec::<String>::new());
}

#[test]
fn a_secret_in_a_flag_causes_a_warning() {
    let key = SECRET.repeat(3);
    let flags =
        [("--admin-key", key.as_str()), ("--database-url", "postgres://roster:pass@localhost/roster")];
    for (flag, value) in flags {
        let lines = warnings(roster(Path::new("/")).args([flag, value]));
        let [warning] = &lines[..] else { panic!("expected one warning: {lines:#?}") };
        assert!(warning.contains(&format!("{flag} may contain a secret")), "{warning}");
        assert!(!warning.contains(SECRET) && !warning.contains("pass@"), "{warning}");
    }
    let harmless = warnings(roster(Path::new("/")).args(["--database-url", "sqlite://data/roster.db"]));
    assert_eq!(harmless, Vec::<String>::new());
}

/// The names of the database files in a directory.
fn databases(directory: &Path) -> Vec<String> {
    file_names(directory).into_iter().filter(|name| name.ends_with(".db")).collect()
}

/// The name of the database file shows which `DATABASE_URL` was used.
#[test]
fn the_value_with_the_highest_precedence_is_used() {
    let used = |dotenv: bool, env: bool, flag: bool| {
        let workspace = Workspace::new();
        let mut command = roster(workspace.path());
        if dotenv {
            workspace.dotenv("DATABASE_URL", "sqlite://dotenv.db");
        }
        if env {
            command.env("DATABASE_URL", "sqlite://env.db");
        }
        command.arg("migrate");
        if flag {
            command.arg("--database-url=sqlite://flag.db");
        }
        run(&mut command, LIMIT).expect_success();
        databases(workspace.path())
    };
    assert_eq!(used(false, false, false), ["roster.db"]);
    assert_eq!(used(true, false, false), ["dotenv.db"]);
    assert_eq!(used(true, true, false), ["env.db"]);
    assert_eq!(used(false, true, false), ["env.db"]);
    assert_eq!(used(true, false, true), ["flag.db"]);
    assert_eq!(used(true, true, true), ["flag.db"]);
}

#[test]
fn flags_are_accepted_before_and_after_the_command() {
    for arguments in
        [["--database-url", "sqlite://x.db", "migrate"], ["migrate", "--database-url", "sqlite://x.db"]]
    {
        let workspace = Workspace::new();
        run(roster(workspace.path()).args(arguments), LIMIT).expect_success();
        assert_eq!(databases(workspace.path()), ["x.db"]);
    }
}

#[test]
fn dotenv_in_a_parent_directory_is_not_read() {
    let workspace = Workspace::new();
    workspace.dotenv("DATABASE_URL", "sqlite://parent.db");
    let child = workspace.path().join("child");
    fs::create_dir(&child).expect("the directory is created");
    run(roster(&child).arg("migrate"), LIMIT).expect_success();
    assert_eq!(databases(&child), ["roster.db"]);
    assert_eq!(databases(workspace.path()), Vec::<String>::new());
}

#[test]
fn rust_log_is_read_from_dotenv() {
    let lines = |filter: Option<&str>| {
        let workspace = Workspace::new();
        if let Some(filter) = filter {
            workspace.dotenv("RUST_LOG", filter);
        }
        // An empty value counts as unset.
        warnings(roster(workspace.path()).env("ROSTER_UNKNOWN", "x").env("RUST_LOG", "")).len()
    };
    assert_eq!(lines(Some("off")), 0);
    assert_eq!(lines(None), 1);
}

#[test]
fn an_invalid_rust_log_causes_a_warning_in_the_format_of_the_log() {
    for filter in ["roster=loud", "info/(", "a=b=c"] {
        let workspace = Workspace::new();
        let mut command = roster(workspace.path());
        command.arg("openapi").env("RUST_LOG", filter).env("ROSTER_LOG_FORMAT", "json");
        let output = run(&mut command, LIMIT).expect_success();
        let line: Value = serde_json::from_str(output.error_line()).expect("the line is JSON");
        let message = line["message"].as_str().expect("the line has a message");
        assert!(line["level"] == "WARN" && message.contains("RUST_LOG"), "{line}");
    }
}

/// libpq reads the variable from the environment.
#[test]
fn dotenv_replaces_an_empty_variable_of_a_library() {
    let database = Database::postgres();
    let password = std::env::var("PGPASSWORD").expect("PGPASSWORD is set");
    let in_url = format!(":{}@", percent_encoded(&password));
    let url = database.url().replace(&in_url, "@");
    assert_ne!(url, database.url());
    let migrate = |variable: Option<&str>| {
        let workspace = Workspace::new();
        workspace.dotenv("PGPASSWORD", &password);
        let mut command = roster(workspace.path());
        command.args(["migrate", "--status"]).env("DATABASE_URL", &url);
        command.envs(variable.map(|value| ("PGPASSWORD", value)));
        run(&mut command, LIMIT)
    };
    migrate(None).expect_success();
    migrate(Some("")).expect_success();
    migrate(Some("wrong")).expect_code(1);
}

/// The invalid part may be a secret.
#[test]
fn an_error_in_dotenv_is_reported_without_its_content() {
    for content in [
        format!("ROSTER_ADMIN_KEY='{SECRET}-unterminated"),
        format!("DATABASE_URL=postgres://u:{SECRET} more@h/d\n"),
        format!("{SECRET}\n"),
    ] {
        let workspace = Workspace::new();
        fs::write(workspace.path().join(".env"), &content).expect(".env is written");
        let output = run(&mut workspace.command(""), LIMIT).expect_code(2);
        assert!(output.error_line().contains(".env"), "{output:#?}");
        assert!(!output.stderr.contains(SECRET), "{content:?}: {output:#?}");
    }
}

#[test]
fn errors_in_dotenv_name_the_line() {
    let multiline = "PGOPTIONS='a\n\n b'\n";
    let key = "k".repeat(40);
    for (content, line) in [
        ("ROSTER_LISTEN=127.0.0.1:0\nROSTER_PUBLIC_URL=http://x y\n".to_owned(), 2),
        (format!("# Keys\r\n\r\nROSTER_ADMIN_KEY={key} {key}\r\nROSTER_LISTEN=x"), 3),
        (format!("{multiline}# x\n  export ROSTER_ADMIN_KEY={key} {key}"), 5),
        (format!("{multiline}{multiline}=x"), 7),
        ("ROSTER_LISTEN=x\n\nROSTER_PUBLIC_URL='a\n\nb\n".to_owned(), 3),
        (format!("PGOPTIONS={}\nx", "x".repeat(20_000)), 2),
        ("\u{feff}x\n".to_owned(), 1),
        // Valid lines with invalid values.
        (format!("{multiline}\nexport\tROSTER_QUEUE_SIZE=many\nROSTER_QUEUE_SIZE=1"), 5),
    ] {
        let workspace = Workspace::new();
        fs::write(workspace.path().join(".env"), &content).expect(".env is written");
        let output = run(roster(workspace.path()).arg("serve"), LIMIT).expect_code(2);
        assert!(output.error_line().contains(&format!("line {line} ")), "{content:?}: {output:#?}");
    }
    let workspace = Workspace::new();
    fs::write(workspace.path().join(".env"), b"ROSTER_LISTEN=x\n\n# \xe4\n").expect(".env is written");
    let output = run(roster(workspace.path()).arg("serve"), LIMIT).expect_code(2);
    assert!(output.error_line().contains("line 3 is not UTF-8"), "{output:#?}");
}

#[test]
fn an_unreadable_dotenv_causes_an_error() {
    let workspace = Workspace::new();
    fs::create_dir(workspace.path().join(".env")).expect("the directory is created");
    let output = run(&mut workspace.command(""), LIMIT).expect_code(2);
    assert!(output.error_line().contains(".env"), "{output:#?}");
}

#[test]
fn version_prints_the_package_version() {
    for arguments in [&["--version"][..], &["-V"], &["serve", "--version"]] {
        let output = run(roster(Path::new("/")).args(arguments), LIMIT).expect_success();
        let version = output.stdout.split_whitespace().last();
        assert_eq!((version, output.stderr.as_str()), (Some(env!("CARGO_PKG_VERSION")), ""), "{output:#?}");
    }
}

#[test]
fn help_lists_the_settings_that_the_command_uses() {
    let all: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    let database = vec!["DATABASE_URL", "ROSTER_LOG_FORMAT"];
    for (command, used) in [
        ("", all.clone()),
        ("serve", all),
        ("migrate", database.clone()),
        ("key", database.clone()),
        ("key create", database.clone()),
        ("epoch renew", database.clone()),
        ("backup", database),
        ("health", vec!["ROSTER_LISTEN", "ROSTER_LOG_FORMAT", "ROSTER_TLS_CERT"]),
        ("openapi", vec!["ROSTER_LOG_FORMAT"]),
    ] {
        let arguments = command.split_whitespace().chain(["--help"]);
        let help = run(roster(Path::new("/")).args(arguments), LIMIT).expect_success().stdout;
        for (name, (flag, default)) in command_line_settings() {
            let named = ["=", "]"].map(|end| format!("[env: {name}{end}"));
            let sections =
                help.split("\n      --").filter(|text| named.iter().any(|name| text.contains(name)));
            let sections: Vec<_> = sections.collect();
            assert_eq!(
                sections.len(),
                usize::from(used.contains(&name.as_str())),
                "{command} {name}: {help}"
            );
            for section in sections {
                assert!(section.starts_with(flag.trim_start_matches('-')), "{section}");
                if let Some(default) = &default {
                    assert!(section.contains(&format!("[default: {default}]")), "{section}");
                }
            }
        }
    }
}

#[test]
fn help_does_not_show_values_from_the_environment() {
    for argument in ["--help", "-h"] {
        let mut command = roster(Path::new("/"));
        command.env("ROSTER_ADMIN_KEY", format!("{SECRET}-0123456789abcdefghijklmnop"));
        command.env("DATABASE_URL", format!("postgres://u:{SECRET}@localhost/roster"));
        let output = run(command.arg(argument), LIMIT).expect_success();
        assert!(!output.stdout.contains(SECRET), "{}", output.stdout);
    }
}

#[test]
fn invalid_arguments_cause_a_one_line_error() {
    for arguments in
        [&["bogus"][..], &["--bogus"], &["key"], &["serve", "more"], &["migrate", "--status", "--check"]]
    {
        for format in ["text", "json"] {
            let mut command = roster(Path::new("/"));
            let output = run(command.args(arguments).env("ROSTER_LOG_FORMAT", format), LIMIT).expect_code(2);
            check_format(output.error_line(), format);
        }
    }
}

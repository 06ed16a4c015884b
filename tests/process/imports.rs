//! `roster import`: its output, its files, and the continuation after SIGKILL.

use crate::support::command::{CommandOutput, roster, run};
use crate::support::database::{Database, Engine, on_both_engines};
use crate::support::sql::wait_until;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Databases with tables.
struct Migrated;

impl Migrated {
    fn sqlite() -> Database {
        Database::migrated(Engine::Sqlite)
    }

    fn postgres() -> Database {
        Database::migrated(Engine::Postgres)
    }
}

#[test]
fn files_that_cannot_be_used_are_refused_before_the_first_line() {
    let database = Migrated::sqlite();
    let files = Files::with("users.ndjson", "{\"userName\":\"ada\"}\n");
    let path = |name: &str| files.path(name).to_str().expect("the path is UTF-8").to_owned();
    let own = import(&database.url(), &files.file, &["--rejects", &path("users.ndjson")]).expect_code(1);
    assert!(own.error_line().contains("is the file to import"), "{own:?}");
    assert_eq!(files.read("users.ndjson").lines().count(), 1, "the input remains");
    fs::create_dir(files.path("users.ndjson.progress.tmp")).expect("the directory is created");
    import(&database.url(), &files.file, &[]).expect_code(1);
    assert_eq!(database.sql().number("SELECT count(*) AS number FROM users"), 0);
}

/// The interrupted import has written refused lines to a file that no longer exists.
#[test]
fn an_import_does_not_continue_without_its_rejects() {
    let database = Migrated::sqlite();
    let files = Files::with("users.ndjson", "{\"title\":1}\n".repeat(6_000));
    let rejects = files.path("rejects.ndjson");
    let arguments = ["--rejects", rejects.to_str().expect("the path is UTF-8"), "--resume"];
    let mut killed = command(&database.url(), &files.file, &arguments);
    let mut killed = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts");
    let progress = files.path("users.ndjson.progress");
    let has_rejects = || {
        let stored: Option<Value> = serde_json::from_slice(&fs::read(&progress).unwrap_or_default()).ok();
        stored.is_some_and(|stored| stored["rejects"] != 0)
    };
    wait_until(LIMIT, "lines have been refused", has_rejects);
    killed.kill().expect("SIGKILL is sent");
    assert!(!killed.wait().expect("the process ends").success());
    fs::remove_file(&rejects).expect("the file is deleted");
    let output = import(&database.url(), &files.file, &arguments).expect_code(1);
    assert!(output.error_line().contains("specify the same --rejects file"), "{output:?}");
}

on_both_engines!(Migrated: an_import_continues_after_sigkill_without_duplicates, refused_lines_can_be_corrected_and_imported_again);

const LIMIT: Duration = Duration::from_secs(60);

/// A directory with a file.
struct Files {
    directory: TempDir,
    file: PathBuf,
}

impl Files {
    fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let directory = tempfile::tempdir().expect("the temporary directory is created");
        let file = directory.path().join(name);
        fs::write(&file, content).expect("the file is written");
        Self { directory, file }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn command(url: &str, file: &Path, arguments: &[&str]) -> Command {
    let mut command = roster(Path::new("/"));
    command.arg("import").arg(file).args(arguments).env("DATABASE_URL", url).env("ROSTER_LOG_FORMAT", "text");
    command
}

fn import(url: &str, file: &Path, arguments: &[&str]) -> CommandOutput {
    run(&mut command(url, file, arguments), LIMIT)
}

/// The counts of created, updated, unchanged and refused lines in the last line of the output.
#[track_caller]
fn counts(output: &CommandOutput) -> [i64; 4] {
    let summary: Value = serde_json::from_str(output.stdout.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    ["created", "updated", "unchanged", "refused"]
        .map(|name| summary[name].as_i64().expect("the count is a number"))
}

fn an_import_continues_after_sigkill_without_duplicates(database: &Database) {
    const LINES: i64 = 6_000;
    let line = |number: i64| match number % 1_000 {
        7 => format!("{{\"userName\":\"u{number}\",\"title\":{number}}}\n"),
        _ => format!("{{\"userName\":\"u{number}\"}}\n"),
    };
    let files = Files::with("users.ndjson", (1..=LINES).map(line).collect::<String>());
    let rejects = files.path("rejects.ndjson");
    let arguments =
        ["--mode", "create", "--rejects", rejects.to_str().expect("the path is UTF-8"), "--resume"];
    let progress = files.path("users.ndjson.progress");
    let position = || {
        let stored: Option<Value> = serde_json::from_slice(&fs::read(&progress).unwrap_or_default()).ok();
        stored.map_or(0, |stored| stored["position"].as_u64().expect("the position is a number"))
    };
    for _ in 0..3 {
        let before = position();
        let mut import = command(&database.url(), &files.file, &arguments);
        let mut import =
            import.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts");
        wait_until(LIMIT, "the import has continued", || position() > before);
        import.kill().expect("SIGKILL is sent");
        assert!(!import.wait().expect("the process ends").success(), "the import was killed before its end");
    }
    let output = import(&database.url(), &files.file, &arguments).expect_code(3);
    let [created, updated, unchanged, refused] = counts(&output);
    assert_eq!((created + unchanged, updated, refused), (LINES - 6, 0, 6), "{output:?}");
    assert!(unchanged <= 3 * 200, "at most the batch in progress was repeated");
    let expected: String = (0..6).map(|thousand| line(thousand * 1_000 + 7)).collect();
    assert_eq!(files.read("rejects.ndjson"), expected, "no refused line is missing or repeated");
    assert!(!progress.exists(), "{:?}", fs::read_to_string(&progress));
    let mut sql = database.sql();
    for table in ["users", "changes"] {
        assert_eq!(sql.number(&format!("SELECT count(*) AS number FROM {table}")), LINES - 6, "{table}");
    }
}

fn refused_lines_can_be_corrected_and_imported_again(database: &Database) {
    let huge = "x".repeat(10_000_000);
    let rows =
        format!("\u{feff}Login,title,Room\r\nada,\"a\nb\",1\r\nbob,{huge},2\r\n,\"no\nname\",3\r\neve");
    let files = Files::with("users.csv", &rows);
    let map = json!({ "columns": { "Login": "userName" }, "ignore": ["Room"] });
    fs::write(files.path("map.json"), map.to_string()).expect("the file is written");
    let (map, rejects) = (files.path("map.json"), files.path("rejects.csv"));
    let (map, rejects) =
        (map.to_str().expect("the path is UTF-8"), rejects.to_str().expect("the path is UTF-8"));
    let unmapped = import(&database.url(), &files.file, &[]).expect_code(1);
    assert!(unmapped.error_line().contains("/Login"), "{unmapped:?}");

    let plan = import(&database.url(), &files.file, &["--map", map, "--plan"]).expect_code(3);
    assert_eq!(counts(&plan), [1, 0, 0, 3]);
    let output = import(&database.url(), &files.file, &["--map", map, "--rejects", rejects]).expect_code(3);
    assert_eq!(counts(&output), [1, 0, 0, 3]);
    let errors: Vec<Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let codes: Vec<_> =
        errors[..3].iter().map(|line| (line["line"].as_u64(), &line["errors"][0]["code"])).collect();
    assert_eq!(
        codes,
        [(Some(4), &json!("too-large")), (Some(5), &json!("required")), (Some(7), &json!("truncated"))]
    );
    let expected = format!("Login,title,Room\r\nbob,{huge},2\r\n,\"no\nname\",3\r\neve\n");
    assert!(files.read("rejects.csv") == expected, "the lines are unchanged");
    let mode = fs::metadata(files.path("rejects.csv")).expect("the file exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only the owner can read the lines");
    assert!(output.stderr.contains("imported"), "a line instead of a bar: {}", output.stderr);

    let corrected = files
        .read("rejects.csv")
        .replace(&huge, "x")
        .replace("\n,\"no", "\ndan,\"no")
        .replace("\neve", "\neve,,");
    fs::write(files.path("corrected.csv"), corrected).expect("the file is written");
    let output = import(&database.url(), &files.path("corrected.csv"), &["--map", map]).expect_success();
    assert_eq!(counts(&output), [3, 0, 0, 0]);
    let head = "SELECT revision AS number FROM heads";
    assert_eq!(database.sql().number(head), 4);
}

#[test]
fn an_import_is_refused_if_the_data_has_changed_since_the_plan() {
    let database = Migrated::sqlite();
    let files = Files::with("users", "{\"userName\":\"ada\"}\n{\"userName\":\"bob\"}");
    let url = database.url();
    import(&url, &files.file, &["--expect-head", "1"]).expect_code(1);
    import(&url, &files.file, &["--expect-head", "0"]).expect_success();
    let late = import(&url, &files.file, &["--expect-head", "0", "--max-drift", "1"]).expect_code(1);
    assert!(late.error_line().contains("the newest revision is 2, not 0"), "{late:?}");
    import(&url, &files.file, &["--expect-head", "0", "--max-drift", "2"]).expect_success();
}

#[test]
fn an_import_does_not_continue_in_another_file_or_tenant() {
    let database = Migrated::sqlite();
    let files = Files::with("users", "{\"userName\":\"ada\"}\n");
    let stored = json!({ "file": { "size": 1, "modified": "" }, "epoch": "0191d6ae-5f00-7000-8000-00000000000a",
        "position": 1, "totals": { "created": 0, "updated": 0, "unchanged": 0, "refused": 0 }, "rejects": 0 });
    fs::write(files.path("users.progress"), stored.to_string()).expect("the file is written");
    let output = import(&database.url(), &files.file, &["--resume"]).expect_code(1);
    assert!(output.error_line().contains("the file has changed"), "{output:?}");
    import(&database.url(), &files.file, &[]).expect_success();
    assert!(!files.path("users.progress").exists());
    let missing = import(&database.url(), &files.file, &["--tenant", "acme"]).expect_code(1);
    assert_eq!(missing.error_line(), "roster: the tenant 'acme' does not exist");
    import(&database.url(), Path::new("-"), &["--resume"]).expect_code(1);
    assert_eq!(counts(&import(&database.url(), Path::new("-"), &[]).expect_success()), [0, 0, 0, 0]);
}

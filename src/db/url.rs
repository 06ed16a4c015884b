//! The database URL.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use uuid::Uuid;

/// A database URL with a supported scheme. `Debug` and `Display` hide the parts that can contain a password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `postgres://…` or `postgresql://…` in the syntax of libpq, including multiple hosts.
    Postgres(String),
    /// `sqlite://path`.
    Sqlite(String),
    /// `sqlite://:memory:`, stored as the unique name of a database in this process.
    Memory(String),
}

/// Default connection parameters, with which libpq detects a dead server within seconds. The URL can override them.
const POSTGRES_DEFAULTS: [(&str, &str); 6] = [
    ("connect_timeout", "2"),
    ("tcp_user_timeout", "5000"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "3"),
    ("keepalives_count", "3"),
    ("fallback_application_name", "roster"),
];

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("postgres" | "postgresql", rest)) if is_encoded(rest) => {
                Ok(Self::Postgres(with_defaults(text)))
            }
            Some(("postgres" | "postgresql", _)) => {
                Err("must have special characters in the user, password and database name percent-encoded"
                    .to_owned())
            }
            Some(("sqlite", ":memory:")) => {
                Ok(Self::Memory(format!("file:/roster-{}?vfs=memdb", Uuid::now_v7())))
            }
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(text.to_owned())),
            _ => Err("must be sqlite://PATH, sqlite://:memory:, postgres://… or postgresql://…".to_owned()),
        }
    }
}

/// Whether the URL is unambiguous. If a password contains an unencoded `/` or `?`, libpq splits the URL there and reveals
/// the rest of the password in its error.
fn is_encoded(rest: &str) -> bool {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = before.split_once('/').unwrap_or((before, ""));
    let hex = |escape: &str| escape.get(..2).is_some_and(|two| two.bytes().all(|b| b.is_ascii_hexdigit()));
    let escaped = rest.split('%').skip(1).all(hex);
    escaped
        && authority.matches('@').count() <= 1
        && !path.contains('@')
        && !query.contains('@')
        && !rest.contains('#')
}

fn with_defaults(url: &str) -> String {
    let mut complete = url.to_owned();
    for (name, value) in POSTGRES_DEFAULTS {
        let sets = |part: &str| part.split('=').next() == Some(name);
        if !url.split_once('?').is_some_and(|(_, query)| query.split('&').any(sets)) {
            complete.push(if complete.contains('?') { '&' } else { '?' });
            complete.push_str(&format!("{name}={value}"));
        }
    }
    complete
}

/// The characters of a path that are percent-encoded in a URL.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');

/// The file of a SQLite URL, parsed as a URI, as SQLite does.
fn sqlite_file(url: &str) -> PathBuf {
    let path = url.strip_prefix("sqlite://").unwrap_or(url);
    let path = path.split(['?', '#']).next().unwrap_or(path);
    OsString::from_vec(percent_decode_str(path).collect()).into()
}

/// The URL of a SQLite file with `mode=rw`, so that SQLite does not create the file. The mode comes first, because SQLite
/// refuses any later mode that permits more. `mode=ro` remains in effect, and `mode=rwc` is removed.
fn without_creating(url: &str) -> String {
    let (url, _fragment) = url.split_once('#').unwrap_or((url, ""));
    let (file, query) = url.split_once('?').unwrap_or((url, ""));
    let mut opened = format!("{file}?mode=rw");
    for part in query.split('&').filter(|part| !part.is_empty() && *part != "mode=rwc") {
        opened.extend(["&", part]);
    }
    opened
}

impl DatabaseUrl {
    /// Whether there is no database yet: a SQLite file that does not exist, or an in-memory database.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Postgres(_) => false,
            Self::Sqlite(url) => matches!(sqlite_file(url).try_exists(), Ok(false)),
            Self::Memory(_) => true,
        }
    }

    /// The URL of a SQLite file.
    pub(super) fn of_file(path: &Path) -> Self {
        Self::Sqlite(format!("sqlite://{}", percent_encode(path.as_os_str().as_bytes(), &ENCODED)))
    }

    /// The file of a SQLite database.
    pub(super) fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Sqlite(url) => Some(sqlite_file(url)),
            Self::Postgres(_) | Self::Memory(_) => None,
        }
    }

    /// The URL that Diesel opens. It may contain a password.
    pub(super) fn to_open(&self) -> Cow<'_, str> {
        match self {
            Self::Postgres(url) | Self::Memory(url) => url.into(),
            Self::Sqlite(url) => without_creating(url).into(),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(_) => f.write_str("postgres://…"),
            Self::Sqlite(url) => f.write_str(url),
            Self::Memory(_) => f.write_str("sqlite://:memory:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DatabaseUrl, sqlite_file};
    use std::path::Path;

    #[test]
    fn passwords_are_hidden() {
        let url: DatabaseUrl = "postgres://u:secret@h/d?password=secret".parse().unwrap();
        assert!(!format!("{url:?} {url}").contains("secret"));
    }

    #[test]
    fn the_url_overrides_default_timeouts() {
        let DatabaseUrl::Postgres(url) = "postgres://a,b/d?connect_timeout=9".parse().unwrap() else {
            panic!("a PostgreSQL URL");
        };
        assert!(url.starts_with("postgres://a,b/d?connect_timeout=9&tcp_user_timeout=5000"), "{url}");
        assert_eq!(url.matches("connect_timeout").count(), 1);
    }

    #[test]
    fn passwords_must_be_percent_encoded() {
        for bad in ["u:a/b@h/d", "u:a?b@h/d", "u:a@b@h/d", "u:a%zz@h/d", "u:a#b@h/d"] {
            let error = format!("postgres://{bad}").parse::<DatabaseUrl>().unwrap_err();
            assert!(!error.contains(bad), "{error}");
        }
        "postgresql://u:a%2Fb:c@h1,h2:5433/d?options=-c%20x%3Dy".parse::<DatabaseUrl>().unwrap();
    }

    #[test]
    fn sqlite_urls_are_parsed_as_sqlite_does() {
        for (url, file) in [
            ("sqlite://roster.db", "roster.db"),
            ("sqlite:///var/lib/a%20b.db?vfs=unix", "/var/lib/a b.db"),
            ("sqlite://a.db#b", "a.db"),
        ] {
            assert_eq!(sqlite_file(url), Path::new(file), "{url}");
        }
    }

    #[test]
    fn opening_a_sqlite_url_creates_no_file() {
        for (url, opened) in [
            ("sqlite://roster.db", "sqlite://roster.db?mode=rw"),
            ("sqlite://a.db?vfs=unix#b", "sqlite://a.db?mode=rw&vfs=unix"),
            ("sqlite://a.db?mode=ro", "sqlite://a.db?mode=rw&mode=ro"),
            ("sqlite://a.db?mode=rwc&vfs=unix", "sqlite://a.db?mode=rw&vfs=unix"),
        ] {
            assert_eq!(url.parse::<DatabaseUrl>().unwrap().to_open(), opened);
        }
    }

    #[test]
    fn unknown_schemes_are_rejected() {
        for text in ["", "mysql://x", "roster.db", "sqlite://", "sqlite:roster.db"] {
            assert!(text.parse::<DatabaseUrl>().is_err(), "{text}");
        }
    }
}

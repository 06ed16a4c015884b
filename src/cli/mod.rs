//! The command-line interface.

mod epochs;
mod keys;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{Database, DatabaseUrl, backup, migrate};
use crate::error::AppError;
use crate::http::openapi_document;
use crate::logging;
use clap::builder::Resettable;
use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use epochs::EpochCommand;
use keys::KeyCommand;
use std::error::Error;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Roster: the user directory that a company's backend services share.
#[derive(Parser, Debug)]
#[command(version, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Starts the server, applying pending migrations first unless disabled; the default command
    Serve,
    /// Applies pending migrations and exits
    Migrate {
        /// Lists applied and pending migrations without applying any
        #[arg(long)]
        status: bool,
        /// Exits non-zero if migrations are pending, without applying any
        #[arg(long, conflicts_with = "status")]
        check: bool,
    },
    /// Manages keys directly in the database
    Key {
        /// The action to perform
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Prints the OpenAPI document that the server returns at /openapi.json
    Openapi,
    /// Copies a SQLite database to a new file, even while a server uses it
    Backup {
        /// The file to write; it must not exist
        file: PathBuf,
    },
    /// Manages the epochs of the change feeds
    Epoch {
        /// The action to perform
        #[command(subcommand)]
        command: EpochCommand,
    },
    /// Queries /readyz on a running server; exits non-zero if it is not ready
    Health,
}

/// Runs the program.
pub fn main() -> ExitCode {
    if let Err(error) = load_dotenv(Path::new(".env")) {
        return fail(&error, 2);
    }
    let cli = match parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(error) if !error.use_stderr() => {
            drop(error.print());
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&explain(&error), 2),
    };
    logging::start(cli.settings.log_format);
    match cli.run() {
        Ok(code) => code,
        Err(error) => fail(&error.to_string(), 1),
    }
}

impl Cli {
    fn run(self) -> Result<ExitCode, AppError> {
        match self.command {
            None | Some(Command::Serve) => serve(self.settings).map(|()| ExitCode::SUCCESS),
            Some(Command::Migrate { status, check }) => {
                report_migrations(&self.settings.database_url, status, check).map_err(AppError::new)
            }
            Some(Command::Key { command }) => keys::run(&self.settings, command).map(|()| ExitCode::SUCCESS),
            Some(Command::Openapi) => {
                print(&format!("{:#}\n", openapi_document()));
                Ok(ExitCode::SUCCESS)
            }
            Some(Command::Backup { file }) => {
                let bytes = backup::run(&self.settings.database_url, &file).map_err(AppError::new)?;
                print(&format!("{bytes} bytes\n"));
                Ok(ExitCode::SUCCESS)
            }
            Some(Command::Epoch { command }) => {
                epochs::run(&self.settings, command).map(|()| ExitCode::SUCCESS)
            }
            Some(Command::Health) => Ok(health(self.settings.listen)),
        }
    }
}

fn serve(settings: Settings) -> Result<(), AppError> {
    actix_web::rt::System::new().block_on(async { App::start(settings, Clock::system()).await?.run().await })
}

/// Runs `work` with an open database and closes the database afterwards.
fn with_database<T>(
    settings: &Settings,
    work: impl AsyncFnOnce(&Database) -> Result<T, AppError>,
) -> Result<T, AppError> {
    actix_web::rt::System::new().block_on(async {
        let database = Database::start(&settings.database()).map_err(|error| {
            AppError::new(format!("cannot connect to the database {}: {error}", settings.database_url))
        })?;
        let done = work(&database).await;
        database.close().await;
        done
    })
}

fn report_migrations(
    url: &DatabaseUrl,
    status: bool,
    check: bool,
) -> Result<ExitCode, migrate::MigrationError> {
    if !status && !check {
        let applied = migrate::run(url)?;
        print(&format!("{applied} applied\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let state = migrate::status(url)?;
    let list = |mark: &str, versions: &[String]| -> String {
        versions.iter().map(|version| format!("{mark} {version}\n")).collect()
    };
    print(&(list("applied", &state.applied) + &list("pending", &state.pending)));
    Ok(if check && !state.pending.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Queries `/readyz` of the server on this machine.
fn health(listen: SocketAddr) -> ExitCode {
    match readiness(listen) {
        Ok(status) if status.starts_with("HTTP/1.1 200 ") => ExitCode::SUCCESS,
        Ok(status) => fail(&format!("not ready: {status}"), 1),
        Err(error) => fail(&format!("cannot reach the server at {listen}: {error}"), 1),
    }
}

fn readiness(mut address: SocketAddr) -> std::io::Result<String> {
    if address.ip().is_unspecified() {
        let loopback =
            if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    let timeout = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.write_all(
        format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut response = String::new();
    stream.take(64 * 1024).read_to_string(&mut response)?;
    Ok(response.lines().next().unwrap_or_default().to_owned())
}

/// Parses the arguments and makes the settings global. The environment variable of a setting is not read if its flag is
/// given, so an invalid value in it has no effect.
fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    let given = |flag: &str| {
        let is_flag =
            |argument: &OsString| argument.to_str().is_some_and(|text| text.split('=').next() == Some(flag));
        arguments.iter().any(is_flag)
    };
    let command = Cli::command().mut_args(|argument| {
        let flag = argument.get_long().map(|long| format!("--{long}"));
        let argument = argument.global(true);
        if flag.is_some_and(|flag| given(&flag)) { argument.env(Resettable::Reset) } else { argument }
    });
    Cli::from_arg_matches(&command.try_get_matches_from(&arguments)?)
}

/// Loads `.env` from the working directory only. Errors do not include the content of a line, which may be a secret.
fn load_dotenv(path: &Path) -> Result<(), String> {
    match dotenvy::from_path(path) {
        Err(dotenvy::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(dotenvy::Error::LineParse(line, _)) => {
            let name = line.split('=').next().map(str::trim).unwrap_or_default();
            let is_name = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            let name = if is_name && line.contains('=') { name } else { "a line" };
            Err(format!("cannot read .env: {name} does not have the form NAME=value or NAME='value'"))
        }
        other => other.map_err(|error| format!("cannot read .env: {error}")),
    }
}

/// Describes an invalid setting without its value, which may be a secret, and without clap's hints.
fn explain(error: &clap::Error) -> String {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    match (error.kind(), error.source(), error.get(ContextKind::ValidValue)) {
        (ErrorKind::ValueValidation, Some(source), _) => format!("{argument} {source}"),
        (ErrorKind::InvalidValue, _, Some(values)) => format!("{argument} must be one of {values}"),
        (ErrorKind::InvalidUtf8, ..) => format!("{} must be UTF-8", non_utf8_settings().join(", ")),
        _ => {
            let text = error.render().to_string();
            text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}

fn non_utf8_settings() -> Vec<String> {
    let command = Cli::command();
    let names = command.get_arguments().filter_map(|argument| argument.get_env());
    let non_utf8 = names.filter(|name| std::env::var_os(name).is_some_and(|value| value.to_str().is_none()));
    let mut names: Vec<_> = non_utf8.map(|name| name.to_string_lossy().into_owned()).collect();
    if names.is_empty() {
        names.push("an argument".to_owned());
    }
    names
}

/// Prints an error on one line. The messages of libpq and clap have several.
fn fail(message: &str, code: u8) -> ExitCode {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    // If stderr is closed, there is no way to report the error.
    drop(writeln!(std::io::stderr(), "roster: {message}"));
    ExitCode::from(code)
}

fn print(text: &str) {
    drop(write!(std::io::stdout(), "{text}"));
}

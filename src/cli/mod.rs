//! The command-line interface.

mod check;
mod database;
mod epochs;
mod export;
mod health;
mod import;
mod keys;
mod parse;
mod sources;
mod tenants;
mod unknown;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{DatabaseUrl, backup, migrate, restore};
use crate::error::AppError;
use crate::http::openapi_document;
use crate::logging;
use clap::{Parser, Subcommand};
use epochs::EpochCommand;
use export::ExportArguments;
use import::ImportArguments;
use keys::KeyCommand;
use parse::Stop;
use sources::Sources;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tenants::TenantCommand;
use uuid::Uuid;

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
    /// Manages tenants directly in the database
    Tenant {
        /// The action to perform
        #[command(subcommand)]
        command: TenantCommand,
    },
    /// Prints the OpenAPI document that the server returns at /openapi.json
    Openapi,
    /// Copies a SQLite database to a new file, even while a server uses it
    Backup {
        /// The file to write; it must not exist
        file: PathBuf,
    },
    /// Recounts digests, counters, revisions and indexes; prints each difference and exits non-zero if there are any
    Check,
    /// Replaces a SQLite database with a backup while no server uses it, and gives every change feed a new epoch
    Restore {
        /// The backup, which remains unchanged
        file: PathBuf,
    },
    /// Writes all users, groups and members of a tenant as lines of JSON, directly from the database
    Export(ExportArguments),
    /// Imports users, groups and members directly into the database; exits with code 3 if lines were refused
    Import(ImportArguments),
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
    let code = run();
    log::logger().flush();
    code
}

fn run() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let mut sources = Sources::of_environment();
    let dotenv = sources.add_dotenv(Path::new(".env"));
    let format = logging::format(parse::log_format(&arguments, &sources));
    let filter = sources.get("RUST_LOG").and_then(|variable| variable.value.as_deref());
    let output = match logging::start(format, filter) {
        Ok(output) => output,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "roster: cannot start the thread that writes the log: {error}"));
            return ExitCode::FAILURE;
        }
    };
    output.log_panics();
    let fail = |error: &str, code| {
        output.write_fatal(error);
        ExitCode::from(code)
    };
    if let Err(error) = dotenv {
        return fail(&error, 2);
    }
    let cli = match parse::parse(&arguments, &sources) {
        Ok(cli) => cli,
        Err(Stop::Fail(error)) => return fail(&error, 2),
        Err(Stop::Print(text)) => {
            drop(text.print());
            return ExitCode::SUCCESS;
        }
    };
    unknown::warn(&sources);
    cli.run().unwrap_or_else(|error| fail(&error.to_string(), 1))
}

impl Cli {
    fn run(self) -> Result<ExitCode, AppError> {
        match self.command {
            None | Some(Command::Serve) => serve(self.settings)?,
            Some(Command::Migrate { status, check }) => {
                return report_migrations(&self.settings.database_url, status, check).map_err(AppError::new);
            }
            Some(Command::Key { command }) => keys::run(&self.settings, command)?,
            Some(Command::Tenant { command }) => tenants::run(&self.settings, command)?,
            Some(Command::Openapi) => print(&format!("{:#}\n", openapi_document())),
            Some(Command::Backup { file }) => {
                let bytes = backup::run(&self.settings.database_url, &file).map_err(AppError::new)?;
                print(&format!("bytes written: {bytes}\n"));
                let state = migrate::status(&self.settings.database_url).map_err(AppError::new)?;
                warn_about_pending(&state, &self.settings.database_url);
            }
            Some(Command::Check) => return check::run(&self.settings),
            Some(Command::Restore { file }) => restore_backup(&self.settings.database_url, &file)?,
            Some(Command::Export(arguments)) => export::run(&self.settings, &arguments)?,
            Some(Command::Import(arguments)) => return import::run(&self.settings, &arguments),
            Some(Command::Epoch { command }) => epochs::run(&self.settings, command)?,
            Some(Command::Health) => health::run(&self.settings.listen, self.settings.has_tls())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn serve(settings: Settings) -> Result<(), AppError> {
    actix_web::rt::System::new().block_on(async { App::start(settings, Clock::system()).await?.run().await })
}

fn restore_backup(url: &DatabaseUrl, file: &Path) -> Result<(), AppError> {
    let restored = restore::run(url, file, Clock::system().now(), Uuid::new_v4).map_err(AppError::new)?;
    print(&format!("epochs renewed: {}\n", restored.epochs));
    if let Some(replaced) = restored.replaced {
        print(&format!("replaced database: {}\n", replaced.display()));
    }
    let state = migrate::status(url).map_err(AppError::new)?;
    warn_about_pending(&state, url);
    Ok(())
}

fn report_migrations(
    url: &DatabaseUrl,
    status: bool,
    check: bool,
) -> Result<ExitCode, migrate::MigrationError> {
    if !status && !check {
        let applied = migrate::run(url)?;
        print(&format!("migrations applied: {applied}\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let state = migrate::status(url)?;
    let list = |mark: &str, versions: &[String]| -> String {
        versions.iter().map(|version| format!("{mark} {version}\n")).collect()
    };
    print(&(list("applied", &state.applied) + &list("pending", &state.pending)));
    warn_about_pending(&state, url);
    Ok(if check && !state.pending.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn warn_about_pending(state: &migrate::Status, url: &DatabaseUrl) {
    if !state.pending.is_empty() {
        let pending = state.pending.len();
        log::warn!("the database {url} has pending migrations ({pending}): apply them with `roster migrate`");
    }
}

fn print(text: &str) {
    drop(write!(std::io::stdout(), "{text}"));
}

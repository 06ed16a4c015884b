//! Parses the command line together with settings from the environment and `.env`.

use super::Cli;
use super::sources::Sources;
use crate::config::LogFormat;
use clap::builder::Resettable;
use clap::error::{ContextKind, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches, ValueEnum};
use std::error::Error;
use std::ffi::OsString;

/// The reason why the command line was not parsed.
pub(super) enum Stop {
    /// The output of `--help` or `--version`.
    Print(Box<clap::Error>),
    /// The one-line description of an error.
    Fail(String),
}

/// The settings that a command uses, by the names of their fields. The server uses all of them.
fn uses(command: Option<&str>, setting: &str) -> bool {
    match command {
        None | Some("serve") => true,
        Some("openapi") => setting == "log_format",
        Some("health") => ["listen", "log_format", "tls_cert"].contains(&setting),
        Some(_) => ["database_url", "log_format"].contains(&setting),
    }
}

/// The command, with global settings, which are accepted before and after a subcommand. The help of a subcommand lists
/// only the settings that the subcommand uses; the subcommand ignores the others.
fn command(environment: bool) -> Command {
    let command = Cli::command().mut_args(|argument| {
        let argument = argument.global(true);
        if environment { argument } else { argument.env(Resettable::Reset) }
    });
    let settings: Vec<_> = command.get_arguments().cloned().collect();
    command.mut_subcommands(|subcommand| {
        let name = subcommand.get_name().to_owned();
        let unused = settings.iter().filter(|setting| !uses(Some(&name), setting.get_id().as_str()));
        let hidden: Vec<_> = unused.map(|setting| setting.clone().hide(true)).collect();
        subcommand.args(hidden)
    })
}

/// The settings, with the names of their environment variables.
pub(super) fn settings() -> Vec<(Arg, String)> {
    let command = Cli::command();
    let named = |setting: &Arg| Some((setting.clone(), setting.get_env()?.to_str()?.to_owned()));
    command.get_arguments().filter_map(named).collect()
}

/// Parses the arguments. Environment variables of settings that the command uses are added to the arguments as flags,
/// unless the arguments already contain the flag.
pub(super) fn parse(arguments: &[OsString], sources: &Sources) -> Result<Cli, Stop> {
    let flags = match command(false).try_get_matches_from(arguments) {
        // clap's own help would not show the names of the environment variables.
        Err(error) if !error.use_stderr() => {
            let help = command(true).try_get_matches_from(arguments).err();
            return Err(Stop::Print(Box::new(help.unwrap_or(error))));
        }
        flags => flags.map_err(|error| Stop::Fail(explain(&error, None)))?,
    };
    warn_about_secrets(&flags);
    let added = variables(&flags, sources).map_err(Stop::Fail)?;
    let (program, rest) = arguments.split_at(arguments.len().min(1));
    let complete =
        program.iter().cloned().chain(added.into_iter().map(OsString::from)).chain(rest.iter().cloned());
    let parsed =
        command(false).try_get_matches_from(complete).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = parsed.map_err(|error| Stop::Fail(explain(&error, Some(sources))))?;
    if cli.settings.admin_key.is_some() && cli.settings.admin_key_file.is_some() {
        return Err(Stop::Fail("set either ROSTER_ADMIN_KEY or ROSTER_ADMIN_KEY_FILE, not both".to_owned()));
    }
    Ok(cli)
}

/// Logs a warning for each flag with a value that may be a secret.
fn warn_about_secrets(flags: &ArgMatches) {
    for (setting, name) in settings() {
        let (id, flag) = (setting.get_id().as_str(), setting.get_long().unwrap_or_default());
        let is_given = flags.value_source(id) == Some(ValueSource::CommandLine);
        let value = flags.get_raw(id).and_then(|mut values| values.next()?.to_str());
        if is_given && value.is_some_and(|value| is_secret(&setting, value)) {
            log::warn!(
                "--{flag} may contain a secret, and every user of this machine can see the flags of a process: \
                 set {name} in the environment or in .env instead"
            );
        }
    }
}

/// The environment variables of settings, as flags.
fn variables(flags: &ArgMatches, sources: &Sources) -> Result<Vec<String>, String> {
    let mut added = Vec::new();
    for (setting, name) in settings() {
        let id = setting.get_id().as_str();
        let is_given = flags.value_source(id) == Some(ValueSource::CommandLine);
        if is_given || !uses(flags.subcommand_name(), id) {
            continue;
        }
        if let Some(variable) = sources.get(&name) {
            let value = variable.value.as_ref().ok_or_else(|| format!("{name} must be UTF-8"))?;
            added.push(format!("--{}={value}", setting.get_long().unwrap_or_default()));
        }
    }
    Ok(added)
}

/// The format in which errors are written, determined even if the arguments or settings are invalid.
pub(super) fn log_format(arguments: &[OsString], sources: &Sources) -> Option<LogFormat> {
    let mut words = arguments.iter().filter_map(|argument| argument.to_str());
    let flag =
        words.find_map(|word| word.strip_prefix("--log-format")).map(|rest| match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None => words.next(),
        });
    let variable = || sources.get("ROSTER_LOG_FORMAT")?.value.as_deref();
    LogFormat::from_str(flag.flatten().or_else(variable)?, true).ok()
}

/// Describes an error on one line, without clap's hints. `sources` is `None` if the error concerns the arguments.
fn explain(error: &clap::Error, sources: Option<&Sources>) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg);
    let flag = argument.split(' ').next().and_then(|flag| flag.strip_prefix("--"));
    let found = settings().into_iter().find(|(setting, _)| setting.get_long() == flag);
    let subject =
        match (&found, sources.zip(found.as_ref()).and_then(|(sources, (_, name))| sources.get(name))) {
            (_, Some(variable)) => format!("{} {}", variable.name, variable.place),
            _ => argument,
        };
    let value = context(ContextKind::InvalidValue);
    let is_secret = found.as_ref().is_some_and(|(setting, _)| is_secret(setting, &value));
    let value = if is_secret || value.is_empty() { "the value".to_owned() } else { format!("'{value}'") };
    match (error.kind(), error.source(), error.get(ContextKind::ValidValue)) {
        (ErrorKind::ValueValidation, Some(source), _) => format!("{subject}: {value} {source}"),
        (ErrorKind::InvalidValue, _, Some(values)) => format!("{subject}: {value} must be one of {values}"),
        (ErrorKind::InvalidUtf8, ..) => "every argument must be UTF-8".to_owned(),
        (ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand, ..) => {
            "a subcommand is missing; `--help` lists the subcommands".to_owned()
        }
        _ => {
            let text = error.render().to_string();
            text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}

/// Whether a value of a setting, which can be invalid, may contain a secret. A database URL with only a path contains
/// none.
fn is_secret(setting: &Arg, value: &str) -> bool {
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte);
    match setting.get_id().as_str() {
        "admin_key" => true,
        "database_url" => {
            let path = value.split_once(':').map_or(value, |(_, path)| path);
            !path.bytes().all(is_harmless)
        }
        "public_url" => value.contains('@'),
        _ => false,
    }
}

//! The values of settings in the environment and in `.env`.

use derive_more::Display;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The variables in the environment and in `.env`. A variable with an empty value counts as unset.
#[derive(Default)]
pub(super) struct Sources {
    variables: Vec<Variable>,
}

/// A variable whose value is not empty.
pub(super) struct Variable {
    pub(super) name: String,
    /// `None` if the value is not UTF-8.
    pub(super) value: Option<String>,
    pub(super) place: Place,
}

/// The place where a variable is set.
#[derive(Clone, Copy, Display)]
pub(super) enum Place {
    #[display("in the environment")]
    Environment,
    #[display("in line {_0} of .env")]
    DotEnv(usize),
}

impl Sources {
    /// Reads the variables of the environment.
    pub(super) fn of_environment() -> Self {
        let variables =
            std::env::vars_os().filter(|(_, value)| !value.is_empty()).filter_map(|(name, value)| {
                let name = name.into_string().ok()?;
                Some(Variable { name, value: value.into_string().ok(), place: Place::Environment })
            });
        Self { variables: variables.collect() }
    }

    /// Adds the variables in `.env`. Those that the environment lacks are also set there, for libraries such as libpq.
    ///
    /// # Errors
    /// If the file exists but cannot be read. The error does not include the content of a line, which may be a secret.
    pub(super) fn add_dotenv(&mut self, path: &Path) -> Result<(), String> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            text => text.map_err(|error| format!("cannot read .env: {error}"))?,
        };
        let unreadable = |error| describe(&error, &text);
        let text = text.trim_start_matches('\u{feff}');
        let mut missing = String::new();
        for pair in dotenvy::from_read_iter(text.as_bytes()) {
            let (name, value) = pair.map_err(unreadable)?;
            let place = Place::DotEnv(line_number(text, |line| assigned_name(line) == Some(&name)));
            if !value.is_empty() {
                if self.get(&name).is_none() {
                    missing += &assignment(&name, &value);
                }
                self.variables.push(Variable { name, value: Some(value), place });
            }
        }
        // Variables that exist with an empty value are overridden, because an empty value counts as unset.
        dotenvy::from_read_override(missing.as_bytes()).map_err(unreadable)
    }

    /// The variable with this name that takes precedence.
    pub(super) fn get(&self, name: &str) -> Option<&Variable> {
        self.all().find(|variable| variable.name == name)
    }

    /// All variables, starting with those of the environment.
    pub(super) fn all(&self) -> impl Iterator<Item = &Variable> {
        self.variables.iter()
    }
}

/// A line of `.env` that assigns a value.
fn assignment(name: &str, value: &str) -> String {
    let escape = |c| match c {
        '\n' => "\\n".to_owned(),
        '\\' | '"' | '$' => format!("\\{c}"),
        _ => String::from(c),
    };
    format!("{name}=\"{}\"\n", value.chars().map(escape).collect::<String>())
}

/// The number of the first line that satisfies the condition, or 0 if there is none.
fn line_number(text: &str, condition: impl Fn(&str) -> bool) -> usize {
    text.lines().position(condition).map_or(0, |index| index + 1)
}

/// The name of the variable to which a line assigns a non-empty value.
fn assigned_name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=').filter(|(_, value)| !value.trim().is_empty())?;
    Some(name.trim_start().trim_start_matches("export ").trim())
}

fn describe(error: &dotenvy::Error, text: &str) -> String {
    let dotenvy::Error::LineParse(invalid, _) = error else { return format!("cannot read .env: {error}") };
    let start = invalid.lines().next().unwrap_or_default().trim();
    let number = line_number(text, |line| line.trim() == start);
    format!("cannot read .env: line {number} does not have the form NAME=value or NAME='value'")
}

#[cfg(test)]
mod tests {
    use super::{assigned_name, assignment};

    #[test]
    fn assignments_preserve_values() {
        for value in ["x", "a b", "'\"$HOME ${HOME}\\n#", "first\nsecond\r\n", "\u{20ac}=\t", "\\"] {
            let line = assignment("NAME", value);
            let read: Result<Vec<_>, _> = dotenvy::from_read_iter(line.as_bytes()).collect();
            assert_eq!(read.ok(), Some(vec![("NAME".to_owned(), value.to_owned())]), "{line}");
        }
    }

    #[test]
    fn lines_assign_names() {
        for (line, name) in [
            ("ROSTER_LISTEN=x=y", Some("ROSTER_LISTEN")),
            ("  export ROSTER_LISTEN = x", Some("ROSTER_LISTEN")),
            ("ROSTER_LISTEN= ", None),
            ("# comment", None),
        ] {
            assert_eq!(assigned_name(line), name);
        }
    }
}

//! The values of settings in the environment and in `.env`.

use derive_more::Display;
use std::cell::Cell;
use std::fs;
use std::io::{self, ErrorKind, Read};
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
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            bytes => bytes.map_err(|error| format!("cannot read .env: {error}"))?,
        };
        let text = utf8(&bytes)?.trim_start_matches('\u{feff}');
        let (read, mut missing) = (Cell::new(0), String::new());
        let mut pairs = dotenvy::from_read_iter(Lines { rest: text.as_bytes(), read: &read });
        loop {
            let line = next_assignment(text, read.get());
            let Some(pair) = pairs.next() else { break };
            let (name, value) = pair.map_err(|error| describe(&error, line))?;
            let place = Place::DotEnv(line);
            if !value.is_empty() {
                if self.get(&name).is_none() {
                    missing += &assignment(&name, &value);
                }
                self.variables.push(Variable { name, value: Some(value), place });
            }
        }
        // Variables that exist with an empty value are overridden, because an empty value counts as unset.
        dotenvy::from_read_override(missing.as_bytes())
            .map_err(|_| "cannot set the variables in .env".to_owned())
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

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.iter().take(error.valid_up_to());
        let line = valid.filter(|byte| **byte == b'\n').count() + 1;
        format!("cannot read .env: line {line} is not UTF-8")
    })
}

/// The lines of a text. Each call of `read` returns at most one, so that a parser reads none before it needs it.
struct Lines<'t> {
    rest: &'t [u8],
    /// The number of lines that have been read.
    read: &'t Cell<usize>,
}

impl Read for Lines<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let size = line.len().min(buffer.len());
        self.rest.read_exact(buffer.split_at_mut(size).0)?;
        if size == line.len() {
            self.read.set(self.read.get() + 1);
        }
        Ok(size)
    }
}

/// The number of the first line after `read` lines that is neither blank nor a comment.
fn next_assignment(text: &str, read: usize) -> usize {
    let lines = text.lines().skip(read).map(str::trim_start);
    read + 1 + lines.take_while(|line| line.is_empty() || line.starts_with('#')).count()
}

fn describe(error: &dotenvy::Error, line: usize) -> String {
    match error {
        dotenvy::Error::LineParse(..) => format!(
            "cannot read .env: line {line} does not have the form NAME=value or NAME='value'; a value with spaces or \
             special characters needs the quotes"
        ),
        _ => format!("cannot read .env: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::assignment;

    #[test]
    fn assignments_preserve_values() {
        for value in ["x", "a b", "'\"$HOME ${HOME}\\n#", "first\nsecond\r\n", "\u{20ac}=\t", "\\"] {
            let line = assignment("NAME", value);
            let read: Result<Vec<_>, _> = dotenvy::from_read_iter(line.as_bytes()).collect();
            assert_eq!(read.ok(), Some(vec![("NAME".to_owned(), value.to_owned())]), "{line}");
        }
    }
}

//! What the load asks for: requests with holes for an id that exists and for a number that is new.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many characters fill `{n}`: ten for the run, eight for the count.
pub const NUMBER_WIDTH: usize = 18;

/// What a server is asked for, as it stands in a description.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Reads the user `{id}`.
    pub read: Request,
    /// Creates a user, unique by `{n}`.
    pub create: Option<Request>,
    /// Lists 50 users after `{id}`.
    pub page: Option<Request>,
    /// A file of ids that exist there, one on a line; without it those of the suite's own users.
    pub ids: Option<std::path::PathBuf>,
}

/// One request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method; GET without saying.
    #[serde(default = "get")]
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

/// A piece of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Goes out as it is.
    Text(String),
    /// An id.
    Id,
    /// A new number.
    Number,
}

impl Request {
    /// A request without a body.
    pub fn get(path: &str, headers: &BTreeMap<String, String>) -> Self {
        Self { method: get(), path: path.to_owned(), headers: headers.clone(), body: None }
    }

    /// The pieces of its bytes.
    pub fn parts(&self) -> Result<Vec<Part>> {
        let mut text = format!("{} {} HTTP/1.1\r\nHost: bench\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n")?;
        }
        let Some(body) = &self.body else {
            return Ok(split(&format!("{text}\r\n")));
        };
        if body.contains("{id}") {
            bail!("a body with {{id}} has no known length");
        }
        let length = body.replace("{n}", &"0".repeat(NUMBER_WIDTH)).len();
        write!(text, "Content-Length: {length}\r\n\r\n")?;
        Ok(split(&text).into_iter().chain(split(body)).collect())
    }

    /// The bytes with the holes filled.
    pub fn fill(&self, id: &str, number: &str) -> Result<Vec<u8>> {
        let text = self.parts()?.into_iter().map(|part| match part {
            Part::Text(text) => text,
            Part::Id => id.to_owned(),
            Part::Number => number.to_owned(),
        });
        Ok(text.collect::<String>().into_bytes())
    }
}

fn split(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((at, hole, length)) = next_hole(rest) {
        parts.push(Part::Text(rest.get(..at).unwrap_or_default().to_owned()));
        parts.push(hole);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    parts.push(Part::Text(rest.to_owned()));
    parts
}

fn next_hole(text: &str) -> Option<(usize, Part, usize)> {
    let holes = [("{id}", Part::Id), ("{n}", Part::Number)];
    let found = holes.into_iter().filter_map(|(hole, part)| Some((text.find(hole)?, part, hole.len())));
    found.min_by_key(|(at, ..)| *at)
}

/// Reads a description.
pub fn read_description(path: &std::path::Path) -> Result<Description> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut description: Description = toml::from_str(&text).with_context(|| path.display().to_string())?;
    if let (Some(ids), Some(directory)) = (&mut description.ids, path.parent()) {
        *ids = directory.join(&*ids);
    }
    Ok(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_found_and_the_length_is_right() {
        let request = Request {
            method: "POST".to_owned(),
            path: "/u/{id}".to_owned(),
            headers: BTreeMap::new(),
            body: Some(r#"{"n":"{n}"}"#.to_owned()),
        };
        let number = "7".repeat(NUMBER_WIDTH);
        let bytes = String::from_utf8(request.fill("x", &number).unwrap()).unwrap();
        let body = format!(r#"{{"n":"{number}"}}"#);
        let head = format!("POST /u/x HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n", body.len());
        assert_eq!(bytes, head + &body);
    }
}

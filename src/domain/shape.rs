//! Converts between the text of a resource as it is stored, without absent values, and the text of a response, without
//! parsing it into values.

pub mod scanner;

use super::attribute::{Attribute, Kind};
use scanner::Scanner;

/// The members of an object in a response, in their order.
#[derive(Clone, Debug)]
pub struct Shape(Vec<Member>);

#[derive(Clone, Debug)]
struct Member {
    name: &'static str,
    /// The names of the attribute and of those that contain it, separated by dots.
    path: String,
    /// The name as JSON, between a comma and a colon.
    key: String,
    /// The member as it appears in a response if it is absent from the stored text. Can be empty.
    absent: String,
    content: Content,
}

/// How the value of a member is converted.
#[derive(Clone, Debug)]
enum Content {
    /// The stored text is copied.
    Text,
    /// An object whose members are converted.
    Object(Shape),
    /// A list of objects whose members are converted.
    List(Shape),
    /// The value is not part of the stored text: [`Columns`] writes the member.
    Column,
}

/// Writes the members of a response that are not part of the stored text.
pub trait Columns {
    /// Writes a member. `path` names the attribute and those that contain it, separated by dots; `key` is its name as
    /// JSON, between a comma and a colon.
    fn write(&mut self, path: &str, key: &str, out: &mut Vec<u8>);
}

impl Shape {
    /// The shape of an object with these attributes. Absent attributes are null, false, `[]` or `{}`. The attributes at
    /// the paths `columns` are not part of the stored text.
    pub fn of(attributes: &'static [Attribute], columns: &[&str]) -> Self {
        Self::at("", attributes, columns)
    }

    fn at(path: &str, attributes: &'static [Attribute], columns: &[&str]) -> Self {
        let member = |attribute: &'static Attribute| {
            Member::of(format!("{path}{}", attribute.name), attribute, columns)
        };
        Self(attributes.iter().map(member).collect())
    }

    /// Reads the stored form of an object and appends its form in a response. Returns `None`, after appending a part, if
    /// the text is not in the form that [`Shape::compact`] returns.
    pub fn expand(
        &self,
        scanner: &mut Scanner<'_>,
        columns: &mut dyn Columns,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let start = out.len();
        let mut members = self.0.iter();
        scanner.object(|scanner, name| {
            loop {
                let member = members.next()?;
                if member.name == name {
                    return member.expand(scanner, columns, out);
                }
                member.write_absent(columns, out);
            }
        })?;
        members.for_each(|member| member.write_absent(columns, out));
        end_object(start, out);
        Some(())
    }

    /// Appends the stored form of an object, whose members must be in the order of the shape. Absent members are left
    /// out, and so are columns. Returns `None`, after appending a part, if the text has another form.
    pub fn compact(&self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        let mut scanner = Scanner::of(text);
        self.compact_object(&mut scanner, out)?;
        scanner.end()
    }

    fn compact_object(&self, scanner: &mut Scanner<'_>, out: &mut Vec<u8>) -> Option<()> {
        let start = out.len();
        let mut members = self.0.iter();
        scanner.object(|scanner, name| {
            let member = members.find(|member| member.name == name)?;
            member.compact(scanner, out)
        })?;
        end_object(start, out);
        Some(())
    }
}

/// Completes an object whose members have been appended after `start`, each after a comma.
fn end_object(start: usize, out: &mut Vec<u8>) {
    match out.get_mut(start) {
        Some(first) => *first = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

impl Member {
    fn of(path: String, attribute: &'static Attribute, columns: &[&str]) -> Self {
        let (name, parts) = (attribute.name, || Shape::at(&format!("{path}."), attribute.parts(), columns));
        let key = format!(",\"{name}\":");
        let (content, absent) = match attribute.kind {
            _ if columns.contains(&path.as_str()) => (Content::Column, String::new()),
            Kind::Object(_) if path == "enterprise.manager" => {
                (Content::Object(parts()), format!("{key}null"))
            }
            Kind::Object(_) => {
                let shape = parts();
                let absent: String = shape.0.iter().map(|member| member.absent.as_str()).collect();
                (Content::Object(shape), format!("{key}{{{}}}", absent.trim_start_matches(',')))
            }
            Kind::List(_) => (Content::List(parts()), format!("{key}[]")),
            Kind::Opaque => (Content::Text, format!("{key}{{}}")),
            Kind::Boolean => (Content::Text, format!("{key}false")),
            _ => (Content::Text, format!("{key}null")),
        };
        Self { name, path, key, absent, content }
    }

    fn write_absent(&self, columns: &mut dyn Columns, out: &mut Vec<u8>) {
        match self.content {
            Content::Column => columns.write(&self.path, &self.key, out),
            _ => out.extend_from_slice(self.absent.as_bytes()),
        }
    }

    fn expand(&self, scanner: &mut Scanner<'_>, columns: &mut dyn Columns, out: &mut Vec<u8>) -> Option<()> {
        out.extend_from_slice(self.key.as_bytes());
        match &self.content {
            Content::Text => out.extend_from_slice(scanner.value()?.as_bytes()),
            Content::Object(shape) => shape.expand(scanner, columns, out)?,
            Content::List(shape) => list(scanner, out, |scanner, out| shape.expand(scanner, columns, out))?,
            Content::Column => return None,
        }
        Some(())
    }

    fn compact(&self, scanner: &mut Scanner<'_>, out: &mut Vec<u8>) -> Option<()> {
        let start = out.len();
        out.extend_from_slice(self.key.as_bytes());
        let value = out.len();
        match &self.content {
            Content::Text | Content::Column => out.extend_from_slice(scanner.value()?.as_bytes()),
            Content::Object(shape) => match scanner.text("null") {
                Some(()) => out.extend_from_slice(b"null"),
                None => shape.compact_object(scanner, out)?,
            },
            Content::List(shape) => list(scanner, out, |scanner, out| shape.compact_object(scanner, out))?,
        }
        let is_absent = match self.content {
            Content::Column => true,
            Content::Object(_) => matches!(out.get(value..), Some(b"{}" | b"null")),
            _ => out.get(start..) == Some(self.absent.as_bytes()),
        };
        if is_absent {
            out.truncate(start);
        }
        Some(())
    }
}

/// Converts a list of objects, each with `convert`.
fn list(
    scanner: &mut Scanner<'_>,
    out: &mut Vec<u8>,
    mut convert: impl FnMut(&mut Scanner<'_>, &mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    out.push(b'[');
    let mut is_first = true;
    scanner.list(|scanner| {
        if !std::mem::take(&mut is_first) {
            out.push(b',');
        }
        convert(scanner, out)
    })?;
    out.push(b']');
    Some(())
}

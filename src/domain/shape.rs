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
    /// The stored text is left out.
    Hidden,
    /// An object with this member cannot be converted.
    Unsupported,
}

/// The differences between a response and the attributes of the native API. Paths consist of the names of an attribute and
/// of those that contain it, separated by dots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// The paths of the attributes that are not part of the stored text.
    pub columns: &'static [&'static str],
    /// The paths of the attributes that are left out.
    pub hidden: &'static [&'static str],
    /// The paths of the attributes that prevent a conversion.
    pub unsupported: &'static [&'static str],
    /// The names of attributes in the response, by path.
    pub names: &'static [(&'static str, &'static str)],
    /// Whether absent attributes are left out, except booleans.
    pub omits_absent: bool,
}

/// Writes the members of a response that are not part of the stored text.
pub trait Columns {
    /// Writes a member. `path` names the attribute and those that contain it, separated by dots; `key` is its name as
    /// JSON, between a comma and a colon.
    fn write(&mut self, path: &str, key: &str, out: &mut Vec<u8>);
}

impl Shape {
    /// The shape of an object with these attributes. Unless the rules omit them, absent attributes are null, false, `[]` or
    /// an object of absent attributes.
    pub fn of(attributes: &'static [Attribute], rules: &Rules) -> Self {
        Self::at("", attributes, rules)
    }

    fn at(path: &str, attributes: &'static [Attribute], rules: &Rules) -> Self {
        let member =
            |attribute: &'static Attribute| Member::of(format!("{path}{}", attribute.name), attribute, rules);
        Self(attributes.iter().map(member).collect())
    }

    /// Appends the object in a response whose stored form is `text`. Returns `None`, after appending a part, if the text is
    /// not in the form that [`Shape::compact`] returns, or has an unsupported member.
    pub fn expand(&self, text: &str, columns: &mut dyn Columns, out: &mut Vec<u8>) -> Option<()> {
        let mut scanner = Scanner::of(text);
        self.expand_object(&mut scanner, columns, out)?;
        scanner.end()
    }

    /// Appends the stored form of an object, whose members must be in the order of the shape. Absent members are left
    /// out, and so are columns. Returns `None`, after appending a part, if the text has another form.
    pub fn compact(&self, text: &str, out: &mut Vec<u8>) -> Option<()> {
        let mut scanner = Scanner::of(text);
        self.compact_object(&mut scanner, out)?;
        scanner.end()
    }

    fn expand_object(
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
    fn of(path: String, attribute: &'static Attribute, rules: &Rules) -> Self {
        let is_in = |paths: &[&str]| paths.contains(&path.as_str());
        let parts = || Shape::at(&format!("{path}."), attribute.parts(), rules);
        let renamed = rules.names.iter().find(|(known, _)| *known == path).map(|(_, name)| *name);
        let key = format!(",\"{}\":", renamed.unwrap_or(attribute.name));
        let content = match attribute.kind {
            _ if is_in(rules.columns) => Content::Column,
            _ if is_in(rules.hidden) => Content::Hidden,
            _ if is_in(rules.unsupported) => Content::Unsupported,
            Kind::Object(_) => Content::Object(parts()),
            Kind::List(_) => Content::List(parts()),
            _ => Content::Text,
        };
        let absent = match (&content, &attribute.kind) {
            (Content::Column | Content::Hidden, _) => String::new(),
            (_, Kind::Boolean) => format!("{key}false"),
            _ if rules.omits_absent => String::new(),
            (Content::Object(shape), _) if path != "enterprise.manager" => {
                let absent: String = shape.0.iter().map(|member| member.absent.as_str()).collect();
                format!("{key}{{{}}}", absent.trim_start_matches(','))
            }
            (Content::List(_), _) => format!("{key}[]"),
            (_, Kind::Opaque) => format!("{key}{{}}"),
            _ => format!("{key}null"),
        };
        Self { name: attribute.name, path, key, absent, content }
    }

    fn write_absent(&self, columns: &mut dyn Columns, out: &mut Vec<u8>) {
        match self.content {
            Content::Column => columns.write(&self.path, &self.key, out),
            _ => out.extend_from_slice(self.absent.as_bytes()),
        }
    }

    fn expand(&self, scanner: &mut Scanner<'_>, columns: &mut dyn Columns, out: &mut Vec<u8>) -> Option<()> {
        if let Content::Hidden = self.content {
            return scanner.value().map(drop);
        }
        out.extend_from_slice(self.key.as_bytes());
        match &self.content {
            Content::Text => out.extend_from_slice(scanner.value()?.as_bytes()),
            Content::Object(shape) => shape.expand_object(scanner, columns, out)?,
            Content::List(shape) => {
                list(scanner, out, |scanner, out| shape.expand_object(scanner, columns, out))?;
            }
            Content::Column | Content::Hidden | Content::Unsupported => return None,
        }
        Some(())
    }

    fn compact(&self, scanner: &mut Scanner<'_>, out: &mut Vec<u8>) -> Option<()> {
        let start = out.len();
        out.extend_from_slice(self.key.as_bytes());
        let value = out.len();
        match &self.content {
            Content::Text | Content::Column | Content::Hidden | Content::Unsupported => {
                out.extend_from_slice(scanner.value()?.as_bytes())
            }
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

//! Conditional requests, RFC 9110 section 13, on entity tags made of versions.

use derive_more::{Display, Error};

/// The conditions of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`.
    pub if_match: Option<Tags>,
    /// `If-None-Match`.
    pub if_none_match: Option<Tags>,
}

/// A list of entity tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: whatever exists.
    Any,
    /// These.
    These(Vec<Tag>),
}

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Whether it is `W/"…"`.
    pub weak: bool,
    /// What stands between the quotes.
    pub opaque: String,
}

/// A header that is no list of entity tags.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[display("must be * or a list of entity tags such as \"3\"")]
pub struct NotTags;

impl Conditions {
    /// Whether a request may write a resource that exists in `version`: strong comparison for `If-Match`,
    /// weak for `If-None-Match`.
    #[must_use]
    pub fn allow_write(&self, version: i64) -> bool {
        self.allow_read(version) && !self.not_modified(version)
    }

    /// Whether a request may write what has no version, so that no tag is its.
    #[must_use]
    pub fn allow_write_without_version(&self) -> bool {
        !matches!(self.if_match, Some(Tags::These(_)))
    }

    /// That a resource is in this version.
    #[must_use]
    pub fn version(version: i64) -> Self {
        let tag = Tag { weak: false, opaque: version.to_string() };
        Self { if_match: Some(Tags::These(vec![tag])), if_none_match: None }
    }

    /// The same with `If-Match` compared weakly, as SCIM's weak tags ask for (RFC 7644, section 3.14).
    #[must_use]
    pub fn weakly(mut self) -> Self {
        if let Some(Tags::These(tags)) = &mut self.if_match {
            tags.iter_mut().for_each(|tag| tag.weak = false);
        }
        self
    }

    /// Whether a reader already has the resource in `version` (304).
    #[must_use]
    pub fn not_modified(&self, version: i64) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.contain(version, true))
    }

    /// Whether `If-Match` lets a reader have the resource in `version`.
    #[must_use]
    pub fn allow_read(&self, version: i64) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.contain(version, false))
    }
}

impl Tags {
    /// Reads the value of a header (all its lines joined by commas).
    ///
    /// # Errors
    /// [`NotTags`] when it is neither `*` nor a list of entity tags.
    pub fn parse(text: &str) -> Result<Self, NotTags> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = skip_separators(text);
        while !rest.is_empty() {
            let weak = rest.starts_with("W/");
            let quoted = rest.strip_prefix("W/").unwrap_or(rest);
            let inside = quoted.strip_prefix('"').ok_or(NotTags)?;
            let (opaque, after) = inside.split_once('"').ok_or(NotTags)?;
            tags.push(Tag { weak, opaque: opaque.to_owned() });
            let after = after.trim_start();
            if !after.is_empty() && !after.starts_with(',') {
                return Err(NotTags);
            }
            rest = skip_separators(after);
        }
        if tags.is_empty() { Err(NotTags) } else { Ok(Self::These(tags)) }
    }

    fn contain(&self, version: i64, weakly: bool) -> bool {
        let tag = version.to_string();
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|t| t.opaque == tag && (weakly || !t.weak)),
        }
    }
}

/// Elements of a list may be empty (RFC 9110, section 5.6.1.2).
fn skip_separators(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(text: &str) -> Conditions {
        Conditions { if_match: Some(Tags::parse(text).unwrap()), if_none_match: None }
    }

    #[test]
    fn if_match_compares_strongly() {
        assert!(matching("\"3\"").allow_write(3));
        assert!(matching("\"1\", \"3\"").allow_write(3));
        assert!(matching("*").allow_write(3));
        assert!(matching(" , \"1\",, \"3\", ").allow_write(3), "empty elements are let pass");
        assert!(!matching("W/\"3\"").allow_write(3));
        assert!(!matching("\"2\"").allow_write(3));
        assert!(!matching("\"a,b\"").allow_write(3));
    }

    #[test]
    fn no_tag_is_that_of_what_has_no_version() {
        assert!(Conditions::default().allow_write_without_version());
        assert!(matching("*").allow_write_without_version());
        assert!(!matching("\"0\"").allow_write_without_version());
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let conditions =
            |text: &str| Conditions { if_match: None, if_none_match: Some(Tags::parse(text).unwrap()) };
        assert!(conditions("W/\"3\"").not_modified(3));
        assert!(conditions("*").not_modified(3));
        assert!(!conditions("\"2\"").not_modified(3));
        assert!(!conditions("\"3\"").allow_write(3));
    }

    #[test]
    fn refuses_what_is_no_tag() {
        for text in ["", "3", "\"3", "\"3\" \"4\"", "w/\"3\"", ","] {
            assert_eq!(Tags::parse(text), Err(NotTags), "{text}");
        }
    }
}

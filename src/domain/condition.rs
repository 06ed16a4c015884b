//! Conditional requests (RFC 9110, section 13). The entity tag of a resource is its version.

use derive_more::{Display, Error};

/// The preconditions of a request.
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
    /// `*`, which matches any existing resource.
    Any,
    /// One or more entity tags.
    List(Vec<Tag>),
}

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Whether the tag is weak: `W/"…"`.
    pub weak: bool,
    /// The text between the quotes.
    pub opaque: String,
}

/// The error for a header that is not a list of entity tags.
#[derive(Clone, Debug, Display, Error, PartialEq, Eq)]
#[display("must be * or a list of entity tags such as \"3\"")]
pub struct InvalidTags;

impl Conditions {
    /// Whether the conditions permit writing a resource of this version. `If-Match` is compared strongly,
    /// `If-None-Match` weakly.
    #[must_use]
    pub fn allow_write(&self, version: i64) -> bool {
        self.allow_read(version) && !self.not_modified(version)
    }

    /// The condition that a resource has this version.
    pub fn version(version: i64) -> Self {
        let tag = Tag { weak: false, opaque: version.to_string() };
        Self { if_match: Some(Tags::List(vec![tag])), if_none_match: None }
    }

    /// The same conditions with weak comparison for `If-Match`, because SCIM's entity tags are weak (RFC 7644,
    /// section 3.14).
    #[must_use]
    pub fn weakly(mut self) -> Self {
        if let Some(Tags::List(tags)) = &mut self.if_match {
            tags.iter_mut().for_each(|tag| tag.weak = false);
        }
        self
    }

    /// Ignores tags in `If-None-Match`, for a response that contains values which can change without a new version. `*`
    /// still matches.
    #[must_use]
    pub fn ignoring_none_match_tags(mut self) -> Self {
        self.if_none_match = self.if_none_match.filter(|tags| *tags == Tags::Any);
        self
    }

    /// Whether `If-None-Match` contains this version, so that the response is 304.
    #[must_use]
    pub fn not_modified(&self, version: i64) -> bool {
        self.if_none_match.as_ref().is_some_and(|tags| tags.contain(version, true))
    }

    /// Whether `If-Match` permits reading a resource of this version.
    #[must_use]
    pub fn allow_read(&self, version: i64) -> bool {
        self.if_match.as_ref().is_none_or(|tags| tags.contain(version, false))
    }
}

impl Tags {
    /// Parses the value of a header, whose lines are joined with commas.
    ///
    /// # Errors
    /// [`InvalidTags`] if the value is neither `*` nor a list of entity tags.
    pub fn parse(text: &str) -> Result<Self, InvalidTags> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        let mut rest = skip_separators(text);
        while !rest.is_empty() {
            let weak = rest.starts_with("W/");
            let quoted = rest.strip_prefix("W/").unwrap_or(rest);
            let inside = quoted.strip_prefix('"').ok_or(InvalidTags)?;
            let (opaque, after) = inside.split_once('"').ok_or(InvalidTags)?;
            tags.push(Tag { weak, opaque: opaque.to_owned() });
            let after = after.trim_start();
            if !after.is_empty() && !after.starts_with(',') {
                return Err(InvalidTags);
            }
            rest = skip_separators(after);
        }
        if tags.is_empty() { Err(InvalidTags) } else { Ok(Self::List(tags)) }
    }

    fn contain(&self, version: i64, weakly: bool) -> bool {
        let tag = version.to_string();
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().any(|t| t.opaque == tag && (weakly || !t.weak)),
        }
    }
}

/// Skips separators, of which there may be several: list elements can be empty (RFC 9110, section 5.6.1.2).
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
        assert!(matching(" , \"1\",, \"3\", ").allow_write(3), "empty elements are ignored");
        assert!(!matching("W/\"3\"").allow_write(3));
        assert!(!matching("\"2\"").allow_write(3));
        assert!(!matching("\"a,b\"").allow_write(3));
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
    fn text_that_is_not_a_list_of_tags_is_rejected() {
        for text in ["", "3", "\"3", "\"3\" \"4\"", "w/\"3\"", ","] {
            assert_eq!(Tags::parse(text), Err(InvalidTags), "{text}");
        }
    }
}

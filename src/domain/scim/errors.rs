//! Several errors of one request, reported as one.

use super::ScimError;

/// The maximum number of errors that a detail lists.
const MAX_LISTED: usize = 10;

/// The errors of a request, without duplicates.
#[derive(Debug, Default)]
pub struct Errors {
    listed: Vec<ScimError>,
    /// The number of errors beyond the listed ones.
    more: usize,
}

impl Errors {
    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Adds an error.
    pub fn add(&mut self, error: ScimError) {
        if self.listed.contains(&error) {
            return;
        }
        if self.listed.len() < MAX_LISTED {
            self.listed.push(error);
        } else {
            self.more += 1;
        }
    }

    /// Combines the errors into one that has the details of the first ten, the number of the others, and the type of
    /// the first. `None` if there are no errors.
    pub fn combine(&self) -> Option<ScimError> {
        let (first, rest) = self.listed.split_first()?;
        if rest.is_empty() {
            return Some(first.clone());
        }
        let details = self.listed.iter().map(|error| error.detail.trim_end_matches('.'));
        let mut detail = details.collect::<Vec<_>>().join("; ");
        match self.more {
            0 => {}
            1 => detail.push_str("; and 1 more error"),
            more => detail.push_str(&format!("; and {more} more errors")),
        }
        Some(ScimError { detail: detail + ".", ..first.clone() })
    }
}

impl Extend<ScimError> for Errors {
    fn extend<I: IntoIterator<Item = ScimError>>(&mut self, errors: I) {
        errors.into_iter().for_each(|error| self.add(error));
    }
}

#[cfg(test)]
mod tests {
    use super::super::ScimType::{InvalidSyntax, InvalidValue};
    use super::*;

    fn combined(count: usize) -> Option<ScimError> {
        let mut errors = Errors::default();
        errors.extend((0..count).map(|n| InvalidValue.error(format!("{n} is wrong."))));
        errors.combine()
    }

    #[test]
    fn errors_are_combined_without_duplicates_and_with_the_type_of_the_first() {
        assert_eq!(Errors::default().combine(), None);
        assert_eq!(combined(1), Some(InvalidValue.error("0 is wrong.")));
        let mut errors = Errors::default();
        errors.extend([InvalidSyntax.error("a."), InvalidValue.error("b"), InvalidSyntax.error("a.")]);
        assert_eq!(errors.combine(), Some(InvalidSyntax.error("a; b.")));
    }

    #[test]
    fn errors_beyond_ten_are_counted() {
        let ends = |count, end| combined(count).unwrap().detail.ends_with(end);
        assert!(ends(10, "; 8 is wrong; 9 is wrong."));
        assert!(ends(11, "; 9 is wrong; and 1 more error."));
        assert!(ends(110, "; 9 is wrong; and 100 more errors."));
    }
}

//! The code and detail of a problem, for the log.

use super::{Problem, SCIM};

/// The maximum length of a logged detail, in characters.
const MAX_LENGTH: usize = 300;

/// The code of a problem, and its first detail without values of attributes, which may be personal data.
pub(in crate::http) struct LoggedProblem {
    pub(in crate::http) code: String,
    pub(in crate::http) detail: String,
}

impl Problem {
    /// The code of the problem, or the `scimType` of a SCIM error.
    pub(in crate::http) fn logged(&self) -> LoggedProblem {
        let code = self.scim_type.map_or_else(|| self.code.to_owned(), |scim_type| scim_type.to_string());
        let detail = match self.errors.first() {
            Some(error) => format!("{} {}", without_names(&error.pointer), error.detail),
            None => self.detail.clone(),
        };
        let mut detail = without_quotations(&detail);
        if self.code == SCIM {
            detail = without_numbers(&detail);
        }
        // SCIM errors list invalid attributes in one detail.
        let first = detail.split("; ").next().unwrap_or_default();
        // The name of a parameter can contain line breaks, which would forge lines of the text format.
        let printable = first.chars().filter(|letter| !letter.is_control());
        LoggedProblem { code, detail: printable.take(MAX_LENGTH).collect() }
    }
}

/// A pointer without the names in `custom` and in extensions, which the client chose. They are parts of the value, except the
/// URN of an extension.
fn without_names(pointer: &str) -> String {
    let segments: Vec<_> = pointer.split('/').collect();
    let is_extension = |segment: &&str| segment.starts_with("urn:") && !segment.starts_with("urn:ietf:");
    let kept = match segments.as_slice() {
        ["", "extensions", urn, ..] if urn.starts_with("urn:") => 3,
        ["", "custom" | "extensions", ..] => 2,
        // The value of an operation of a SCIM PATCH can be that of an extension.
        ["", "Operations", ..] => 4,
        names => names.iter().position(is_extension).map_or(names.len(), |index| index + 1),
    };
    segments.into_iter().take(kept).collect::<Vec<_>>().join("/")
}

/// Replaces quotations with `…`. Details quote the values that they contain: in JSON's double quotes, or in single quotes,
/// inside of which a double-quoted string can occur. An unfinished quotation extends to the end.
fn without_quotations(detail: &str) -> String {
    let mut kept = String::new();
    let mut letters = detail.chars();
    let mut previous = ' ';
    while let Some(letter) = letters.next() {
        kept.push(letter);
        let is_apostrophe = letter == '\'' && previous.is_alphanumeric();
        if matches!(letter, '"' | '\'') && !is_apostrophe {
            skip_quotation(&mut letters, letter);
            kept.push('…');
            kept.push(letter);
        }
        previous = letter;
    }
    kept
}

/// Replaces numbers with `…`, except positions and limits. SCIM errors do not quote numeric values.
fn without_numbers(detail: &str) -> String {
    let mut previous = "";
    let words = detail.split(' ').map(|word| {
        let is_ours = matches!(previous, "position" | "most" | "least");
        previous = word;
        let number = word.trim_matches(['(', ')', '.', ',', ';', ':']);
        if is_ours || number.parse::<f64>().is_err() { word.to_owned() } else { word.replace(number, "…") }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Skips the rest of a quotation, including its closing quote.
fn skip_quotation(letters: &mut std::str::Chars<'_>, quote: char) {
    while let Some(letter) = letters.next() {
        let ends = |rest: &str| quote == '"' || !rest.starts_with(char::is_alphanumeric);
        if letter == quote && ends(letters.as_str()) {
            return;
        }
        match letter {
            '\\' if quote == '"' => drop(letters.next()),
            '"' => skip_quotation(letters, '"'),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fields::FieldError;
    use crate::domain::scim::ScimType;

    #[test]
    fn quotations_are_replaced() {
        for (detail, expected) in [
            ("The server is stopping.", "The server is stopping."),
            ("This key's role requires `writer`.", "This key's role requires `writer`."),
            (r#"userName ("a \"b\" c") is taken"#, r#"userName ("…") is taken"#),
            ("'x' is no attribute of 'y'.", "'…' is no attribute of '…'."),
            (r#"The path 'emails[value eq "o' neil"]' ends."#, "The path '…' ends."),
            ("The name 'o'neil' is long.", "The name '…' is long."),
            (r#"cut 'emails[value eq "secret"#, "cut '…'"),
            (r#"cut "secret"#, r#"cut "…""#),
        ] {
            assert_eq!(without_quotations(detail), expected);
        }
    }

    #[test]
    fn names_in_free_form_values_are_removed() {
        for (pointer, expected) in [
            ("/custom/ada@example.com/x", "/custom"),
            ("/custom", "/custom"),
            ("/extensions/urn:x~1y:z/ada@example.com", "/extensions/urn:x~1y:z"),
            ("/extensions/urn:x~1y:z", "/extensions/urn:x~1y:z"),
            ("/extensions/ada@example.com", "/extensions"),
            ("/urn:x:y/ada@example.com", "/urn:x:y"),
            ("/Operations/0/value/ada@example.com", "/Operations/0/value"),
            ("/emails/0/value", "/emails/0/value"),
            ("/customs/x", "/customs/x"),
            ("", ""),
        ] {
            assert_eq!(without_names(pointer), expected);
        }
    }

    #[test]
    fn numbers_are_replaced_except_positions_and_limits() {
        for (detail, expected) in [
            ("title (7) must be a string, not 7.", "title (…) must be a string, not …."),
            ("title must be a string, not -4.5e99; x (9)", "title must be a string, not …; x (…)"),
            ("The filter is invalid at position 12: x", "The filter is invalid at position 12: x"),
            ("userName must have at most 256 characters.", "userName must have at most 256 characters."),
            ("urn:scim:2.0:User is wrong", "urn:scim:2.0:User is wrong"),
        ] {
            assert_eq!(without_numbers(detail), expected);
        }
    }

    #[test]
    fn the_first_detail_is_logged() {
        let errors = ["/emails/0/value", "/title"]
            .map(|pointer| FieldError::new(pointer, "blank", "must not be blank"));
        let logged = Problem::invalid_fields(errors.into()).logged();
        assert_eq!(
            (logged.code.as_str(), logged.detail.as_str()),
            ("invalid", "/emails/0/value must not be blank")
        );
        let error = ScimType::InvalidValue.error(r#"emails.value ("a; b") is wrong; title is wrong"#);
        let logged = Problem::from(error).logged();
        assert_eq!(
            (logged.code.as_str(), logged.detail.as_str()),
            ("invalidValue", r#"emails.value ("…") is wrong"#)
        );
    }
}

//! Problems as notes on recorded requests.

use super::{CODES, Problem, SCIM};
use crate::domain::inspector::Note;
use crate::domain::scim::ScimError;

impl Problem {
    /// The note that a request was rejected. Its code is the `scimType` of the SCIM error, in lower case with hyphens, or the
    /// code of the problem.
    pub(in crate::http) fn note(&self) -> Note {
        let ScimError { status, scim_type, detail } = self.scim_error();
        let code = match scim_type {
            Some(scim_type) => with_hyphens(&scim_type.to_string()),
            None if self.code == SCIM => code_of_status(status).to_owned(),
            None => self.code.to_owned(),
        };
        Note { code, detail: Some(detail) }
    }
}

/// The code of a SCIM error without a `scimType`.
fn code_of_status(status: u16) -> &'static str {
    let code = CODES.iter().find(|(of, _)| of.as_u16() == status).map(|(_, code)| *code);
    code.unwrap_or("not-implemented")
}

fn with_hyphens(name: &str) -> String {
    name.chars().fold(String::new(), |mut hyphenated, letter| {
        if letter.is_ascii_uppercase() {
            hyphenated.push('-');
        }
        hyphenated.push(letter.to_ascii_lowercase());
        hyphenated
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::inspector::explanation::{EXPLANATIONS, explain};
    use crate::domain::scim::ScimType;
    use crate::domain::scim::error::SCIM_TYPES;
    use crate::domain::scim::reading::NoteCode;
    use actix_web::http::StatusCode;

    /// The codes that no request of a connection receives, or that become a `scimType`.
    const OTHERS: [&str; 7] = [
        "malformed-body",
        "invalid-parameter",
        "invalid",
        "uncountable",
        "gone",
        "too-many-followers",
        "not-ready",
    ];

    #[test]
    fn every_note_has_an_explanation() {
        let problems = CODES.iter().map(|(_, code)| *code).filter(|code| !OTHERS.contains(code));
        let types = SCIM_TYPES.map(|scim_type| Problem::from(scim_type.error("x")).note().code);
        let deviations =
            [NoteCode::UnknownAttribute, NoteCode::ReadOnly, NoteCode::NoValue, NoteCode::Converted];
        let expected =
            problems.map(str::to_owned).chain(types).chain(deviations.map(|code| code.to_string()));
        for code in expected {
            let explanation = explain(&code).unwrap_or_else(|| panic!("{code} has no explanation"));
            let is_deviation = deviations.iter().any(|deviation| deviation.to_string() == code);
            assert_eq!(explanation.is_rejection, !is_deviation, "{code}");
        }
        let mut codes: Vec<_> = EXPLANATIONS.iter().map(|explanation| explanation.code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), EXPLANATIONS.len(), "a code is listed twice");
    }

    #[test]
    fn the_code_distinguishes_rejections() {
        for (problem, code) in [
            (Problem::from(ScimType::InvalidValue.error("x")), "invalid-value"),
            (Problem::from(ScimError::of_status(501, "x")), "not-implemented"),
            (Problem::from(ScimError::of_status(413, "x")), "body-too-large"),
            (Problem::malformed_body("x"), "invalid-syntax"),
            (Problem::no_valid_key(), "unauthorized"),
            (Problem::of_status(StatusCode::NOT_FOUND), "not-found"),
        ] {
            assert_eq!(problem.note().code, code);
        }
    }
}

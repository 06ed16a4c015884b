//! The body of a PATCH (RFC 7644, section 3.5.2).

use crate::domain::scim::error::{excerpt, shown};
use crate::domain::scim::normal::refuse_twins;
use crate::domain::scim::{Profile, ScimError, ScimType, check_message, urn};
use serde_json::Value;

/// One operation, as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// What is done.
    pub verb: Verb,
    /// To what; without it the value says so.
    pub path: Option<String>,
    /// With what; null is a value.
    pub value: Option<Value>,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
pub enum Verb {
    /// RFC 7644, section 3.5.2.1.
    #[display("add")]
    Add,
    /// RFC 7644, section 3.5.2.3.
    #[display("replace")]
    Replace,
    /// RFC 7644, section 3.5.2.2.
    #[display("remove")]
    Remove,
}

/// Reads the body of a PATCH. Names and verbs have no case.
///
/// # Errors
/// `invalidSyntax` for what is no such body.
pub fn read(sent: Value, profile: Profile) -> Result<Vec<Operation>, ScimError> {
    let Value::Object(map) = sent else { return Err(refuse("the body must be an object")) };
    refuse_twins(&map, "the body")?;
    let (mut schemas, mut operations) = (None, None);
    for (name, value) in map {
        match name.to_ascii_lowercase().as_str() {
            "schemas" => schemas = Some(value),
            "operations" => operations = Some(value),
            // Identity providers add what they like, such as the resource's id.
            _ => {}
        }
    }
    check_message(schemas.as_ref(), urn::PATCH, profile)?;
    match operations {
        Some(Value::Array(operations)) if !operations.is_empty() => {
            operations.into_iter().map(operation).collect()
        }
        _ => Err(refuse("Operations must be a list of one operation or more")),
    }
}

/// What is not known here could be a misspelt `value`, and its absence means something.
fn operation(sent: Value) -> Result<Operation, ScimError> {
    let Value::Object(map) = sent else { return Err(refuse("an operation must be an object")) };
    refuse_twins(&map, "an operation")?;
    let (mut verb, mut path, mut value) = (None, None, None);
    for (name, sent) in map {
        match name.to_ascii_lowercase().as_str() {
            "op" => verb = Some(read_verb(&sent)?),
            "path" => path = read_path(sent)?,
            "value" => value = Some(sent),
            "name" => {}
            _ => return Err(refuse(format!("an operation has no '{}'", excerpt(&name)))),
        }
    }
    match verb {
        Some(verb) => Ok(Operation { verb, path, value }),
        None => Err(refuse("an operation must have op")),
    }
}

fn read_verb(sent: &Value) -> Result<Verb, ScimError> {
    let named = |verb: &Verb| sent.as_str().is_some_and(|text| text.eq_ignore_ascii_case(&verb.to_string()));
    let verb = [Verb::Add, Verb::Replace, Verb::Remove].into_iter().find(named);
    verb.ok_or_else(|| refuse(format!("op must be add, replace or remove, not {}", shown(sent))))
}

fn read_path(sent: Value) -> Result<Option<String>, ScimError> {
    match sent {
        Value::Null => Ok(None),
        Value::String(path) => Ok(Some(path)),
        other => Err(ScimType::InvalidPath.error(format!("path must be a string, not {}", shown(&other)))),
    }
}

fn refuse(detail: impl Into<String>) -> ScimError {
    ScimType::InvalidSyntax.error(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(operation: Value) -> Value {
        json!({"schemas": [urn::PATCH], "Operations": [operation]})
    }

    #[test]
    fn item_31_verbs_have_no_case_and_extra_keys_are_let_pass() {
        for (op, verb) in [("Add", Verb::Add), ("REPLACE", Verb::Replace), ("remove", Verb::Remove)] {
            let mut body = body(json!({"op": op, "path": "title", "value": null, "name": "title"}));
            body["id"] = json!("x");
            let expected = Operation { verb, path: Some("title".to_owned()), value: Some(Value::Null) };
            for profile in [Profile::Lenient, Profile::Strict] {
                assert_eq!(read(body.clone(), profile), Ok(vec![expected.clone()]));
            }
        }
    }

    #[test]
    fn item_23_schemas_may_be_missing_where_that_is_let_pass() {
        let body = json!({"operations": [{"op": "remove", "path": "title"}]});
        assert!(read(body.clone(), Profile::Lenient).is_ok());
        assert_eq!(read(body, Profile::Strict).unwrap_err().scim_type, Some(ScimType::InvalidSyntax));
        let other = json!({"schemas": [urn::USER], "Operations": [{"op": "remove", "path": "title"}]});
        assert!(read(other, Profile::Lenient).is_err());
    }

    #[test]
    fn item_52_what_is_no_patch_is_told() {
        for sent in [
            json!([]),
            json!({"schemas": [urn::PATCH]}),
            json!({"schemas": [urn::PATCH], "Operations": []}),
            json!({"schemas": [urn::PATCH], "Operations": {}}),
            body(json!("add")),
            body(json!({"path": "title", "value": "x"})),
            body(json!({"op": "copy", "path": "title"})),
            body(json!({"op": 1})),
            body(json!({"op": "remove", "path": "members", "vlaue": []})),
            body(json!({"op": "remove", "OP": "add", "path": "members"})),
        ] {
            let error = read(sent.clone(), Profile::Lenient).expect_err(&sent.to_string());
            assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax), "{sent}");
        }
    }
}

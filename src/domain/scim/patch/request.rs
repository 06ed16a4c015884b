//! Parses the body of a PATCH (RFC 7644, section 3.5.2).

use crate::domain::excerpt;
use crate::domain::scim::error::describe;
use crate::domain::scim::normalize::reject_duplicate_names;
use crate::domain::scim::{Profile, ScimError, ScimType, check_message, urn};
use serde_json::Value;

/// A PATCH operation as the client sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    #[expect(missing_docs, reason = "the name is self-explanatory")]
    pub op: Op,
    /// The unparsed path. Without a path, the value is an object of attributes.
    pub path: Option<String>,
    /// The value. `Some(Value::Null)` differs from an absent value.
    pub value: Option<Value>,
}

/// The kind of an operation. Parsing ignores case.
#[derive(Clone, Copy, Debug, derive_more::FromStr, PartialEq, Eq)]
pub enum Op {
    /// RFC 7644, section 3.5.2.1.
    Add,
    /// RFC 7644, section 3.5.2.3.
    Replace,
    /// RFC 7644, section 3.5.2.2.
    Remove,
}

/// Parses the body of a PATCH. Member names and the values of `op` are case-insensitive. Lenient accepts a single operation
/// that is not in a list.
///
/// # Errors
/// `invalidSyntax`, or `invalidPath` when a path is not a string.
pub fn read(body: Value, profile: Profile) -> Result<Vec<Operation>, ScimError> {
    let Value::Object(map) = body else { return Err(invalid_syntax("The body must be an object.")) };
    reject_duplicate_names(&map, "the body")?;
    let (mut schemas, mut operations) = (None, None);
    for (name, value) in map {
        match name.to_ascii_lowercase().as_str() {
            "schemas" => schemas = Some(value),
            "operations" => operations = Some(value),
            // Identity providers send additional members, such as the resource's id.
            _ => {}
        }
    }
    check_message(schemas.as_ref(), urn::PATCH, profile)?;
    match operations {
        Some(Value::Array(operations)) if !operations.is_empty() => {
            operations.into_iter().map(|input| operation(input, profile)).collect()
        }
        Some(single @ Value::Object(_)) if profile == Profile::Lenient => {
            Ok(vec![operation(single, profile)?])
        }
        _ => Err(invalid_syntax("Operations must be a list with at least one operation.")),
    }
}

/// Parses an operation. Unknown members are refused, because one could be a misspelt `value`, whose absence has a different
/// meaning.
fn operation(input: Value, profile: Profile) -> Result<Operation, ScimError> {
    let Value::Object(map) = input else { return Err(invalid_syntax("An operation must be an object.")) };
    reject_duplicate_names(&map, "an operation")?;
    let (mut op, mut path, mut value) = (None, None, None);
    for (name, input) in map {
        match name.to_ascii_lowercase().as_str() {
            "op" => op = Some(read_op(&input)?),
            "path" => path = read_path(input, profile)?,
            "value" => value = Some(input),
            "name" => {}
            _ => {
                let detail =
                    format!("An operation can only have op, path and value, not '{}'.", excerpt(&name));
                return Err(invalid_syntax(detail));
            }
        }
    }
    match op {
        Some(op) => Ok(Operation { op, path, value }),
        None => Err(invalid_syntax("An operation must have an op.")),
    }
}

fn read_op(input: &Value) -> Result<Op, ScimError> {
    let op = input.as_str().and_then(|text| text.parse().ok());
    op.ok_or_else(|| invalid_syntax(format!("op must be add, replace or remove, not {}.", describe(input))))
}

fn read_path(input: Value, profile: Profile) -> Result<Option<String>, ScimError> {
    match input {
        Value::Null => Ok(None),
        Value::String(path) if path.is_empty() && profile == Profile::Lenient => Ok(None),
        Value::String(path) => Ok(Some(path)),
        other => {
            let detail = format!("path must be a string, not {}.", describe(&other));
            Err(ScimType::InvalidPath.error(detail))
        }
    }
}

fn invalid_syntax(detail: impl Into<String>) -> ScimError {
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
    fn op_is_case_insensitive_and_additional_members_are_ignored() {
        for (text, op) in [("Add", Op::Add), ("REPLACE", Op::Replace), ("remove", Op::Remove)] {
            let mut body = body(json!({"op": text, "path": "title", "value": null, "name": "title"}));
            body["id"] = json!("x");
            let expected = Operation { op, path: Some("title".to_owned()), value: Some(Value::Null) };
            for profile in [Profile::Lenient, Profile::Strict] {
                assert_eq!(read(body.clone(), profile), Ok(vec![expected.clone()]));
            }
        }
    }

    #[test]
    fn schemas_are_optional_in_lenient() {
        let body = json!({"operations": [{"op": "remove", "path": "title"}]});
        assert!(read(body.clone(), Profile::Lenient).is_ok());
        assert_eq!(read(body, Profile::Strict).unwrap_err().scim_type, Some(ScimType::InvalidSyntax));
        let other = json!({"schemas": [urn::USER], "Operations": [{"op": "remove", "path": "title"}]});
        assert!(read(other, Profile::Lenient).is_err());
    }

    #[test]
    fn malformed_bodies_are_invalid_syntax() {
        for body in [
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
            let error = read(body.clone(), Profile::Lenient).expect_err(&body.to_string());
            assert_eq!(error.scim_type, Some(ScimType::InvalidSyntax), "{body}");
        }
    }
}

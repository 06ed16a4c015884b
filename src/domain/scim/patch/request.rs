//! Parses the body of a PATCH (RFC 7644, section 3.5.2).

use crate::domain::excerpt;
use crate::domain::scim::error::describe;
use crate::domain::scim::message::Message;
use crate::domain::scim::{Reading, ScimError, ScimType, urn};
use crate::domain::similar::closest;
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

/// Parses the body of a PATCH. Member names and the values of `op` are case-insensitive. Unknown members of the body are
/// ignored, such as the resource's id.
///
/// # Errors
/// `invalidSyntax`, or `invalidPath` when a path is not a string.
pub fn read(body: Value, reading: &Reading) -> Result<Vec<Operation>, ScimError> {
    let mut message = Message::of_body(body, urn::PATCH, reading)?;
    let operations = message.operations()?;
    message.ignore_rest();
    if operations.is_empty() {
        return Err(invalid_syntax("Operations must be a list with at least one operation."));
    }
    operations.into_iter().map(|input| operation(input, reading)).collect()
}

fn operation(input: Value, reading: &Reading) -> Result<Operation, ScimError> {
    let mut message = Message::of_operation(input, reading)?;
    let op = message.text("op")?.ok_or_else(|| invalid_syntax("An operation must have an op."))?;
    let op = op.parse().map_err(|_| {
        let found = describe(&op.as_str().into());
        invalid_syntax(format!("op must be add, replace or remove, not {found}."))
    })?;
    let path = message.text("path").map_err(|error| error.with_type(ScimType::InvalidPath))?;
    let value = message.value("value");
    // Identity providers send the name of the attribute.
    message.value("name");
    let must_refuse = |name: &&str| !reading.is_lenient() || value.is_none() && could_be_value(name, op);
    if let Some(name) = message.rest().find(must_refuse) {
        let detail = format!("An operation can only have op, path, value and name, not '{}'.", excerpt(name));
        return Err(invalid_syntax(detail));
    }
    message.ignore_rest();
    Ok(Operation { op, path, value })
}

/// Whether an unknown member of an operation without `value` could be a misspelt `value`. A `remove` needs no value, but
/// the absence of a misspelt one would remove more than intended.
fn could_be_value(name: &str, op: Op) -> bool {
    op != Op::Remove || closest(name, ["value"]).is_some()
}

fn invalid_syntax(detail: impl Into<String>) -> ScimError {
    ScimType::InvalidSyntax.error(detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scim::Profile;
    use serde_json::json;

    fn read(body: Value, profile: Profile) -> Result<Vec<Operation>, ScimError> {
        super::read(body, &Reading::new(profile))
    }

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
    fn lenient_ignores_other_members_of_an_operation_unless_one_could_be_the_value() {
        let others =
            json!({"op": "replace", "path": "title", "value": "x", "comment": "c", "type": "t", "$id": "1"});
        let reading = Reading::new(Profile::Lenient);
        assert!(super::read(body(others.clone()), &reading).is_ok());
        let notes = "unknown-attribute $id, unknown-attribute comment, unknown-attribute type";
        assert_eq!(reading.into_notes().to_string(), notes);
        assert!(read(body(others), Profile::Strict).is_err());
        assert!(
            read(body(json!({"op": "remove", "path": "title", "comment": "c"})), Profile::Lenient).is_ok()
        );
        for refused in [
            json!({"op": "replace", "path": "title", "comment": "c"}),
            json!({"op": "add", "path": "title", "vlaue": "x"}),
            json!({"op": "remove", "path": "members", "values": [{"value": "x"}]}),
        ] {
            assert!(read(body(refused.clone()), Profile::Lenient).is_err(), "{refused}");
        }
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

//! References between the operations of a bulk request: `bulkId:` followed by the bulkId of an operation that creates a
//! resource (RFC 7644, section 3.7.2).

use crate::domain::scim::ScimError;
use serde_json::Value;
use std::collections::HashSet;

pub(super) const PREFIX: &str = "bulkId:";

/// The bulkIds that a text refers to. A reference is the whole text, or a quoted string as in the filter of a path.
pub(super) fn of_text(text: &str) -> Vec<&str> {
    match text.strip_prefix(PREFIX) {
        Some(bulk_id) => vec![bulk_id],
        None => text.split('"').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix(PREFIX)).collect(),
    }
}

/// The bulkIds that the strings of a value refer to.
pub(super) fn of_value(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => of_text(text),
        Value::Array(items) => items.iter().flat_map(of_value).collect(),
        Value::Object(map) => map.values().flat_map(of_value).collect(),
        _ => Vec::new(),
    }
}

/// Replaces the references in a text with ids.
pub(super) fn resolve_text(
    text: &str,
    id: &impl Fn(&str) -> Result<String, ScimError>,
) -> Result<String, ScimError> {
    if let Some(bulk_id) = text.strip_prefix(PREFIX) {
        return id(bulk_id);
    }
    let parts = text.split('"').enumerate().map(|(index, part)| match part.strip_prefix(PREFIX) {
        Some(bulk_id) if index % 2 == 1 => id(bulk_id),
        _ => Ok(part.to_owned()),
    });
    Ok(parts.collect::<Result<Vec<_>, _>>()?.join("\""))
}

/// Replaces the references in the strings of a value with ids.
pub(super) fn resolve_value(
    value: Value,
    id: &impl Fn(&str) -> Result<String, ScimError>,
) -> Result<Value, ScimError> {
    Ok(match value {
        Value::String(text) => resolve_text(&text, id)?.into(),
        Value::Array(items) => {
            items.into_iter().map(|item| resolve_value(item, id)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(map) => {
            let members = map.into_iter().map(|(name, value)| Ok((name, resolve_value(value, id)?)));
            Value::Object(members.collect::<Result<_, ScimError>>()?)
        }
        other => other,
    })
}

/// Sorts operations so that each comes after those that it refers to, given the indices of the latter. In a cycle, one
/// operation comes too early; this is harmless, because only a `manager` can be part of a cycle, and it need not exist yet.
pub(super) fn order(references: &[Vec<usize>]) -> Vec<usize> {
    let (mut visited, mut order) = (HashSet::new(), Vec::new());
    (0..references.len()).for_each(|index| visit(index, references, &mut visited, &mut order));
    order
}

fn visit(index: usize, references: &[Vec<usize>], visited: &mut HashSet<usize>, order: &mut Vec<usize>) {
    if visited.insert(index) {
        let referenced = references.get(index).into_iter().flatten();
        referenced.for_each(|other| visit(*other, references, visited, order));
        order.push(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_whole_text_or_a_quoted_string() {
        for (text, expected) in [
            ("bulkId:a", vec!["a"]),
            ("members[value eq \"bulkId:a\" or value eq \"bulkId:b\"]", vec!["a", "b"]),
            ("not bulkId:a", vec![]),
            ("\"x\" bulkId:a", vec![]),
        ] {
            assert_eq!(of_text(text), expected, "{text}");
        }
    }

    #[test]
    fn operations_come_after_those_that_they_refer_to() {
        assert_eq!(order(&[vec![2], vec![0], vec![3, 0], vec![]]), [3, 2, 0, 1]);
    }
}

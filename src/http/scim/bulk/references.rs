//! References between the operations of a bulk request: `bulkId:` followed by the bulkId of an operation that creates a
//! resource (RFC 7644, section 3.7.2).

use super::request::Data;
use crate::domain::scim::{Profile, Reading, ResourceType, ScimError, references};
use std::collections::HashSet;

pub(super) const PREFIX: &str = "bulkId:";

/// The bulkIds that a text refers to. A reference is the whole text, or a quoted string as in the filter of a path.
pub(super) fn of_text(text: &str) -> Vec<&str> {
    match text.strip_prefix(PREFIX) {
        Some(bulk_id) => vec![bulk_id],
        None => text.split('"').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix(PREFIX)).collect(),
    }
}

/// The strings in an operation's data that identify other resources, and can therefore contain references.
pub(super) fn identifiers(kind: ResourceType, data: &mut Data, profile: Profile) -> Vec<&mut String> {
    // What is converted is noted when the data is read.
    let reading = Reading::new(profile);
    match data {
        Data::Body(body) => references::of_body(kind, body, &reading),
        Data::Patch(Ok(operations)) => references::of_patch(kind, operations, &reading),
        Data::Patch(Err(_)) => Vec::new(),
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

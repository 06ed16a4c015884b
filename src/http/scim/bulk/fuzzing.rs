//! Properties of the parser of bulk requests. See [`crate::fuzzing`].

use super::references::{PREFIX, identifiers, of_text, order, resolve_text};
use super::request::{Operation, read};
use crate::domain::scim::{Profile, Reading, ResourceType};
use crate::fuzzing::accepted;
use crate::http::scim::fuzzing::search_body;
use crate::http::scim::limits::MAX_OPERATIONS;

/// Bulk requests, and the bodies of searches. References that are replaced by themselves do not change a text, and the
/// order of the operations contains each of them once.
pub(crate) fn bulk(input: &[u8]) {
    check_order(input);
    let Some(body) = accepted(input) else { return };
    search_body(&body);
    for profile in [Profile::Lenient, Profile::Strict] {
        let Ok((operations, _)) = read(body.clone(), &Reading::new(profile)) else { continue };
        assert!(operations.len() <= MAX_OPERATIONS);
        operations.into_iter().for_each(|operation| check_references(operation, profile));
    }
}

fn check_references(mut operation: Operation, profile: Profile) {
    for kind in ResourceType::ALL {
        let found = identifiers(kind, &mut operation.data, profile);
        for text in found.into_iter().map(|text| &*text).chain([&operation.path]) {
            let same = resolve_text(text, &|bulk_id| Ok(format!("{PREFIX}{bulk_id}")));
            assert_eq!(same.as_ref(), Ok(text));
            assert!(of_text(text).iter().all(|bulk_id| text.contains(bulk_id)));
        }
    }
}

/// Each byte is an operation, and its value the operation to which it refers.
fn check_order(input: &[u8]) {
    let input = input.get(..MAX_OPERATIONS).unwrap_or(input);
    let references: Vec<_> = input.iter().map(|byte| vec![usize::from(*byte) % input.len()]).collect();
    let mut indices = order(&references);
    indices.sort_unstable();
    assert!(indices.into_iter().eq(0..input.len()));
}

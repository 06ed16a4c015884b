//! Operations on the members of a group. They are translated into a [`MembershipEdit`], the changes to member rows, so that
//! their cost does not depend on the size of the group.

use super::{Op, Profile, Reading, ScimError, ScimType, require_value};
use crate::domain::filter::{Filter, Test, Value as FilterValue};
use crate::domain::member::MembershipEdit;
use crate::domain::parse_id;
use crate::domain::scim::error::describe;
use crate::domain::scim::normalize;
use crate::domain::scim::path::AttributePath;
use crate::domain::scim::reading::NoteCode;
use crate::domain::scim::schema::{Definition, Mutability};
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// Adds an operation on members to `membership`.
pub(super) fn apply(
    path: &AttributePath<'_>,
    op: Op,
    value: Option<&Value>,
    reading: &Reading,
    membership: &mut MembershipEdit,
) -> Result<(), ScimError> {
    let (members, profile) = (path.attribute, reading.profile());
    if path.sub_attribute.is_some_and(|inner| inner.mutability == Mutability::ReadOnly) {
        return reading.read_only(&path.name());
    }
    if op != Op::Remove && keeps_value(path, value, reading) {
        let ids = ids(members, require_value(value, "members")?.clone(), reading);
        // The lenient profile adds an element that no value filter matches.
        match profile {
            Profile::Lenient => membership.add(ids),
            Profile::Strict => membership.require_any(ids),
        }
        return Ok(());
    }
    if path.sub_attribute.is_some() || (path.value_filter.is_some() && op != Op::Remove) {
        let detail = "Members cannot be changed. Remove the member and add another one.";
        return Err(ScimType::Mutability.error(detail));
    }
    match (op, &path.value_filter) {
        (Op::Remove, Some(filter)) => match selected(&filter.filter).ok_or_else(unsupported_filter)? {
            Selected::All => membership.remove_all(),
            Selected::These(names) => remove(&names, profile, membership)?,
        },
        (Op::Remove, None) => match value.filter(|value| !value.is_null()) {
            None => membership.remove_all(),
            Some(value) => {
                let names = names(members, value.clone(), reading);
                if !names.is_empty() {
                    remove(&names, profile, membership)?;
                }
            }
        },
        (Op::Add, _) => membership.add(ids(members, require_value(value, "members")?.clone(), reading)),
        (Op::Replace, _) => {
            let ids = ids(members, require_value(value, "members")?.clone(), reading);
            membership.remove_all();
            membership.add(ids);
        }
    }
    Ok(())
}

/// Whether an operation writes to the selected member the value that it already has (RFC 7644, section 3.5.2).
fn keeps_value(path: &AttributePath<'_>, value: Option<&Value>, reading: &Reading) -> bool {
    let selected = path.value_filter.as_ref().and_then(|filter| selected(&filter.filter));
    match (selected, value) {
        (Some(Selected::These(selected)), Some(value)) => {
            !selected.is_empty() && names(path.attribute, value.clone(), reading) == selected
        }
        _ => false,
    }
}

/// Reads the ids of new members, without duplicates, from a body or an operation. An error is recorded in `reading` for each
/// element that is not a reference to a user.
pub(in crate::domain::scim) fn ids(members: &Definition, value: Value, reading: &Reading) -> Vec<Uuid> {
    let mut seen = HashSet::new();
    let ids = names(members, value, reading).into_iter().filter_map(|name| {
        reading.check(parse_id(&name).ok_or_else(|| {
            invalid(format!("members.value ({}) is not the id of a user.", describe(&name.into())))
        }))
    });
    ids.filter(|id| seen.insert(*id)).collect()
}

/// The texts that identify members, which need not be valid ids.
fn names(members: &Definition, value: Value, reading: &Reading) -> Vec<String> {
    let elements = normalize::elements(members, value, reading, members.name);
    elements.iter().filter_map(|element| reading.check(name(element, reading)).flatten()).collect()
}

/// The `value` of an element, or else the last segment of its `$ref`. In the lenient profile, an element with neither
/// is dropped.
fn name(element: &Value, reading: &Reading) -> Result<Option<String>, ScimError> {
    match element.get("type").and_then(Value::as_str) {
        Some(kind) if !kind.eq_ignore_ascii_case("User") => {
            return Err(invalid(format!("members.type must be User, not {}.", describe(&kind.into()))));
        }
        _ => {}
    }
    let text = |name| element.get(name).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
    let from_uri = || text("$ref")?.trim_end_matches('/').rsplit('/').next();
    match text("value").or_else(from_uri) {
        Some(name) => Ok(Some(name.to_owned())),
        None if reading.is_lenient() => {
            reading.note(NoteCode::NoValue, "members.value");
            Ok(None)
        }
        None => Err(invalid("Each element of members must have a value.")),
    }
}

/// Removes members. A name that is not a valid id cannot be a member: the lenient profile ignores it.
fn remove(names: &[String], profile: Profile, membership: &mut MembershipEdit) -> Result<(), ScimError> {
    let ids: Vec<Uuid> = names.iter().filter_map(|name| parse_id(name)).collect();
    if profile == Profile::Strict {
        if ids.is_empty() {
            let detail = "None of the users to remove is a member of the group.";
            return Err(ScimType::NoTarget.error(detail));
        }
        membership.require_any(ids.iter().copied());
    }
    membership.remove(ids);
    Ok(())
}

enum Selected {
    All,
    These(Vec<String>),
}

/// The members that a filter selects, or `None` if that depends on the stored members. Every member is a user.
fn selected(filter: &Filter) -> Option<Selected> {
    match filter {
        Filter::Is(path, test) => match (path.as_slice(), test) {
            (["value" | "type"], Test::Present) => Some(Selected::All),
            (["value"], Test::Equal(FilterValue::Text(id))) => Some(Selected::These(vec![id.clone()])),
            (["type"], Test::Equal(FilterValue::Text(kind))) if kind == "user" => Some(Selected::All),
            (["type"], Test::Equal(_)) => Some(Selected::These(Vec::new())),
            _ => None,
        },
        Filter::Any(parts) => {
            parts.iter().map(selected).try_fold(Selected::These(Vec::new()), |one, other| {
                Some(match (one, other?) {
                    (Selected::These(one), Selected::These(other)) => Selected::These([one, other].concat()),
                    _ => Selected::All,
                })
            })
        }
        Filter::All(parts) => parts.iter().map(selected).try_fold(Selected::All, |one, other| {
            Some(match (one, other?) {
                (Selected::These(mut one), Selected::These(other)) => {
                    one.retain(|id| other.contains(id));
                    Selected::These(one)
                }
                (Selected::All, some) | (some, Selected::All) => some,
            })
        }),
        _ => None,
    }
}

fn invalid(detail: impl Into<String>) -> ScimError {
    ScimType::InvalidValue.error(detail)
}

fn unsupported_filter() -> ScimError {
    let detail = "A filter on members supports only eq on value and type, combined with 'and' and 'or'.";
    ScimType::InvalidFilter.error(detail)
}

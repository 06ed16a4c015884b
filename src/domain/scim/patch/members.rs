//! Operations on a group's members: what they do to rows, so that their cost does not grow with the group.

use super::{Profile, ScimError, ScimType, Verb};
use crate::domain::filter::{Brackets, Filter, Test, Value as Kept};
use crate::domain::parse_id;
use crate::domain::scim::error::shown;
use crate::domain::scim::normal;
use crate::domain::scim::schema::Definition;
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// What becomes of a group's members. Whether an id is a user's is for the database to say: 400 `invalidValue` when a
/// member to be is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// These become members; those that are stay so.
    Add(Vec<Uuid>),
    /// These are members no more. In the strict profile it is 400 `noTarget` when none of them was.
    Remove(Vec<Uuid>),
    /// Nobody is a member any more.
    RemoveAll,
    /// These are the members, and no others.
    Replace(Vec<Uuid>),
}

/// Carries out an operation on members.
pub(super) fn change(
    members: &Definition,
    brackets: Option<&Brackets<'_>>,
    part: Option<&Definition>,
    verb: Verb,
    value: Option<&Value>,
    profile: Profile,
    changes: &mut Vec<MemberChange>,
) -> Result<(), ScimError> {
    let value = value.filter(|value| verb != Verb::Remove || !value.is_null());
    let change = match (verb, brackets, value) {
        _ if part.is_some() => return Err(unchangeable()),
        (Verb::Remove, Some(brackets), _) => match selected(&brackets.filter) {
            Some(Selected::All) => MemberChange::RemoveAll,
            Some(Selected::These(names)) => removal(names.into_iter(), profile)?,
            None => return Err(unselectable()),
        },
        (_, Some(_), _) => return Err(unchangeable()),
        (Verb::Remove, None, None) => MemberChange::RemoveAll,
        (Verb::Remove, None, Some(value)) => {
            let names = names(members, value.clone(), profile)?;
            if names.is_empty() {
                return Ok(());
            }
            removal(names.into_iter(), profile)?
        }
        (_, None, None) => return Err(ScimType::InvalidValue.error("the operation on members needs a value")),
        (Verb::Add, None, Some(value)) => MemberChange::Add(ids(members, value.clone(), profile)?),
        (Verb::Replace, None, Some(value)) => match ids(members, value.clone(), profile)? {
            ids if ids.is_empty() => MemberChange::RemoveAll,
            ids => MemberChange::Replace(ids),
        },
    };
    push(changes, change, profile);
    Ok(())
}

/// Entra ID sends one operation a member: what follows on its like becomes one with it.
fn push(changes: &mut Vec<MemberChange>, change: MemberChange, profile: Profile) {
    match (changes.last_mut(), change) {
        (_, MemberChange::Add(ids)) if ids.is_empty() => {}
        (Some(MemberChange::Add(before)), MemberChange::Add(ids)) => before.extend(ids),
        // Each must find somebody where that is asked for.
        (Some(MemberChange::Remove(before)), MemberChange::Remove(ids)) if profile == Profile::Lenient => {
            before.extend(ids);
        }
        (_, MemberChange::Remove(ids)) if ids.is_empty() => {}
        (_, change) => changes.push(change),
    }
}

/// The ids of members to be, each once, out of a body or an operation.
///
/// # Errors
/// `invalidValue` for what cannot be a member.
pub(in crate::domain::scim) fn ids(
    members: &Definition,
    value: Value,
    profile: Profile,
) -> Result<Vec<Uuid>, ScimError> {
    let mut seen = HashSet::new();
    let mut ids = Vec::new();
    for name in names(members, value, profile)? {
        let id = parse_id(&name);
        let id = id.ok_or_else(|| {
            invalid(format!("members.value ({}) is not the id of a user", shown(&name.into())))
        })?;
        if seen.insert(id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// What members are named by.
fn names(members: &Definition, value: Value, profile: Profile) -> Result<Vec<String>, ScimError> {
    let elements = normal::elements(members, value, profile, members.name)?;
    elements.into_iter().map(|element| name(&element)).collect()
}

fn name(element: &Value) -> Result<String, ScimError> {
    match element.get("type").and_then(Value::as_str) {
        Some(kind) if !kind.eq_ignore_ascii_case("User") => {
            return Err(invalid(format!("members.type must be User, not {}", shown(&kind.into()))));
        }
        _ => {}
    }
    let value = element.get("value").and_then(Value::as_str);
    value.map(str::to_owned).ok_or_else(|| invalid("members.value must be present"))
}

/// What is no id is nobody's: nothing to remove, where that is let pass.
fn removal(names: impl Iterator<Item = String>, profile: Profile) -> Result<MemberChange, ScimError> {
    let ids: Vec<Uuid> = names.filter_map(|name| parse_id(&name)).collect();
    match (ids.is_empty(), profile) {
        (true, Profile::Strict) => Err(ScimType::NoTarget.error("none of these is a member")),
        _ => Ok(MemberChange::Remove(ids)),
    }
}

/// The members that a filter selects.
enum Selected {
    All,
    These(Vec<String>),
}

/// Whom a filter selects, if that can be said without reading the members: all of them are users.
fn selected(filter: &Filter) -> Option<Selected> {
    match filter {
        Filter::Is(path, test) => match (path.as_slice(), test) {
            (["value" | "type"], Test::Present) => Some(Selected::All),
            (["value"], Test::Equal(Kept::Text(id))) => Some(Selected::These(vec![id.clone()])),
            (["type"], Test::Equal(Kept::Text(kind))) if kind == "user" => Some(Selected::All),
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

fn unchangeable() -> ScimError {
    ScimType::Mutability.error("a member is added or removed, and never changed")
}

fn unselectable() -> ScimError {
    ScimType::InvalidFilter.error("members are selected by value, with eq and or")
}

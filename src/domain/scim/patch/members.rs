//! Operations on a group's members: what they do to rows, so that their cost does not grow with the group.

use super::{Profile, ScimError, ScimType, Verb};
use crate::domain::filter::{Brackets, Filter, Test, Value as Kept};
use crate::domain::member::Membership;
use crate::domain::parse_id;
use crate::domain::scim::error::shown;
use crate::domain::scim::normal;
use crate::domain::scim::schema::Definition;
use serde_json::Value;
use std::collections::HashSet;
use uuid::Uuid;

/// Carries out an operation on members.
pub(super) fn change(
    members: &Definition,
    brackets: Option<&Brackets<'_>>,
    part: Option<&Definition>,
    verb: Verb,
    value: Option<&Value>,
    profile: Profile,
    membership: &mut Membership,
) -> Result<(), ScimError> {
    let value = value.filter(|value| verb != Verb::Remove || !value.is_null());
    match (verb, brackets, value) {
        _ if part.is_some() => return Err(unchangeable()),
        (Verb::Remove, Some(brackets), _) => match selected(&brackets.filter) {
            Some(Selected::All) => membership.remove_all(),
            Some(Selected::These(names)) => remove(names.into_iter(), profile, membership)?,
            None => return Err(unselectable()),
        },
        (_, Some(_), _) => return Err(unchangeable()),
        (Verb::Remove, None, None) => membership.remove_all(),
        (Verb::Remove, None, Some(value)) => {
            let names = names(members, value.clone(), profile)?;
            if !names.is_empty() {
                remove(names.into_iter(), profile, membership)?;
            }
        }
        (_, None, None) => return Err(ScimType::InvalidValue.error("the operation on members needs a value")),
        (Verb::Add, None, Some(value)) => membership.add(ids(members, value.clone(), profile)?),
        (Verb::Replace, None, Some(value)) => {
            let ids = ids(members, value.clone(), profile)?;
            membership.remove_all();
            membership.add(ids);
        }
    }
    Ok(())
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
    let text = |part| element.get(part).and_then(Value::as_str);
    let of_uri = || text("$ref")?.rsplit('/').next();
    let name = text("value").or_else(of_uri).map(str::to_owned);
    name.ok_or_else(|| invalid("members.value must be present"))
}

/// What is no id is nobody's: nothing to remove, where that is let pass.
fn remove(
    names: impl Iterator<Item = String>,
    profile: Profile,
    membership: &mut Membership,
) -> Result<(), ScimError> {
    let ids: Vec<Uuid> = names.filter_map(|name| parse_id(&name)).collect();
    if profile == Profile::Strict {
        if ids.is_empty() {
            return Err(ScimType::NoTarget.error("none of these is a member"));
        }
        membership.need(ids.iter().copied());
    }
    membership.remove(ids);
    Ok(())
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

//! Operations on lists by the values of their elements.

use super::attribute::{Writing, unassign};
use super::{Profile, ScimError, ScimType};
use crate::domain::document::fold_value;
use crate::domain::scim::normal;
use crate::domain::scim::schema::Definition;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Adds to a list, or replaces it.
pub(super) fn write(
    map: &mut Map<String, Value>,
    attribute: &'static Definition,
    value: Value,
    how: Writing,
    at: &str,
) -> Result<(), ScimError> {
    let elements = normal::elements(attribute, value, how.profile, at)?;
    if elements.is_empty() && !how.adds {
        return unassign(map, attribute, at);
    }
    let mut list = List::take(map, attribute);
    if how.adds {
        list.add(elements);
    } else {
        list.items = elements;
    }
    list.put(map, at)
}

/// Removes from a list the elements that mean the same as the values: so Entra ID names what it removes.
pub(super) fn take_out(
    map: &mut Map<String, Value>,
    attribute: &'static Definition,
    value: Value,
    profile: Profile,
    at: &str,
) -> Result<(), ScimError> {
    let values = normal::elements(attribute, value, profile, at)?;
    let mut list = List::take(map, attribute);
    let named: HashSet<String> = values.iter().map(|value| name(&list.folded(value))).collect();
    let stays = |item: &Value| {
        let item = list.folded(item);
        !named.contains(&identity(&item))
            && !item.get("value").is_some_and(|value| named.contains(&value.to_string()))
    };
    let left: Vec<Value> = list.items.iter().filter(|item| stays(item)).cloned().collect();
    if left.len() == list.items.len() && !named.is_empty() && profile == Profile::Strict {
        return Err(no_target(at));
    }
    list.items = left;
    list.put(map, at)
}

/// What a value, folded, names elements by: its `value` where it says no `type`, else all that makes an element itself.
fn name(wanted: &Value) -> String {
    match (wanted.get("value"), wanted.get("type")) {
        (Some(value), None) => value.to_string(),
        _ => identity(wanted),
    }
}

/// What makes an element, folded, the same as another: `type` and `value`, or all but `primary` where it has no value.
fn identity(folded: &Value) -> String {
    let Value::Object(map) = folded else { return folded.to_string() };
    let valued = map.contains_key("value");
    let is_part = |name: &str| if valued { name == "value" || name == "type" } else { name != "primary" };
    let parts: Map<_, _> =
        map.iter().filter(|(name, _)| is_part(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
    Value::Object(parts).to_string()
}

/// How long a list may be between operations: far longer than one may be in the end, but not without end, since each
/// operation looks at all of it.
const LIMIT: usize = 1_000;

/// A list that is being written.
pub(super) struct List {
    pub(super) attribute: &'static Definition,
    pub(super) items: Vec<Value>,
    /// Which elements the operation makes primary.
    pub(super) primary: HashSet<usize>,
}

impl List {
    pub(super) fn take(map: &mut Map<String, Value>, attribute: &'static Definition) -> Self {
        let items = match map.remove(attribute.name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        Self { attribute, items, primary: HashSet::new() }
    }

    /// Puts the list back, unless nothing is in it. One that became primary leaves no other so (RFC 7644, section
    /// 3.5.2).
    pub(super) fn put(mut self, map: &mut Map<String, Value>, at: &str) -> Result<(), ScimError> {
        if self.items.len() > LIMIT {
            return Err(ScimType::InvalidValue.error(format!("{at} must have at most 100 values")));
        }
        let has_primary = self.attribute.part("primary").is_some();
        for (index, item) in self.items.iter_mut().enumerate().filter(|_| has_primary) {
            let other = !self.primary.is_empty() && !self.primary.contains(&index);
            if let Value::Object(item) = item
                && (other || !item.contains_key("primary"))
            {
                item.insert("primary".to_owned(), false.into());
            }
        }
        if !self.items.is_empty() {
            map.insert(self.attribute.name.to_owned(), self.items.into());
        }
        Ok(())
    }

    /// Adds elements; one that is there already is not added again (RFC 7644, section 3.5.2.1), but written over.
    pub(super) fn add(&mut self, elements: Vec<Value>) {
        let identities = self.items.iter().map(|item| identity(&self.folded(item)));
        let mut places: HashMap<String, usize> =
            identities.enumerate().map(|(at, name)| (name, at)).collect();
        for element in elements {
            let parts = object(element.clone());
            let place = *places.entry(identity(&self.folded(&element))).or_insert(self.items.len());
            if is_primary(&parts) {
                self.primary.insert(place);
            }
            match self.items.get_mut(place) {
                Some(Value::Object(item)) => item.extend(parts),
                _ => self.items.push(element),
            }
        }
    }

    /// An element in the form in which it is compared.
    pub(super) fn folded(&self, element: &Value) -> Value {
        let mut folded = element.clone();
        if let Some(attribute) = self.attribute.attribute {
            fold_value(&mut folded, &attribute.kind);
        }
        folded
    }

    pub(super) fn items_at(
        &mut self,
        places: &HashSet<usize>,
    ) -> impl Iterator<Item = &mut Map<String, Value>> {
        let items = self.items.iter_mut().enumerate();
        items.filter(|(at, _)| places.contains(at)).filter_map(|(_, item)| item.as_object_mut())
    }
}

pub(super) fn is_primary(parts: &Map<String, Value>) -> bool {
    parts.get("primary") == Some(&Value::Bool(true))
}

/// An element's parts.
pub(super) fn object(element: Value) -> Map<String, Value> {
    match element {
        Value::Object(parts) => parts,
        _ => Map::new(),
    }
}

pub(super) fn no_target(at: &str) -> ScimError {
    ScimType::NoTarget.error(format!("the path of {at} leads to nothing that is there"))
}

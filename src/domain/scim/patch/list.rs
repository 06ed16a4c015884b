//! Operations on the elements of multi-valued attributes, selected by their values.

use super::target::Target;
use super::{Profile, ScimError, ScimType};
use crate::domain::document::fold_value;
use crate::domain::scim::normalize;
use crate::domain::scim::schema::Definition;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Adds elements to a list, or replaces its elements.
pub(super) fn write(map: &mut Map<String, Value>, target: Target<'_>, value: Value) -> Result<(), ScimError> {
    let elements = normalize::elements(target.attribute, value, target.reading, target.path);
    if elements.is_empty() && !target.appends {
        return target.unassign(map);
    }
    let mut list = List::take(map, target.attribute);
    if target.appends {
        list.add(elements);
    } else {
        list.items = elements;
    }
    list.put(map, target.path)
}

/// Removes the elements that equal one of the values. Entra ID removes elements in this form.
pub(super) fn remove_values(
    map: &mut Map<String, Value>,
    target: Target<'_>,
    value: Value,
) -> Result<(), ScimError> {
    let values = normalize::elements(target.attribute, value, target.reading, target.path);
    let mut list = List::take(map, target.attribute);
    let removed: HashSet<String> = values.iter().map(|value| match_key(&list.folded(value))).collect();
    let stays = |item: &Value| {
        let item = list.folded(item);
        !removed.contains(&identity(&item))
            && !item.get("value").is_some_and(|value| removed.contains(&value.to_string()))
    };
    let rest: Vec<Value> = list.items.iter().filter(|item| stays(item)).cloned().collect();
    if rest.len() == list.items.len() && !removed.is_empty() && target.reading.profile() == Profile::Strict {
        return Err(no_target(target.path));
    }
    list.items = rest;
    list.put(map, target.path)
}

/// The key by which a folded value selects elements: its `value` when it has no `type`, otherwise its identity.
fn match_key(folded: &Value) -> String {
    match (folded.get("value"), folded.get("type")) {
        (Some(value), None) => value.to_string(),
        _ => identity(folded),
    }
}

/// The identity of a folded element: its `type` and `value`, or all sub-attributes except `primary` when it has no `value`.
fn identity(folded: &Value) -> String {
    let Value::Object(map) = folded else { return folded.to_string() };
    let has_value = map.contains_key("value");
    let identifies =
        |name: &str| if has_value { name == "value" || name == "type" } else { name != "primary" };
    let identifying = map.iter().filter(|(name, _)| identifies(name));
    let identifying: Map<_, _> = identifying.map(|(name, value)| (name.clone(), value.clone())).collect();
    Value::Object(identifying).to_string()
}

/// The maximum length of a list between two operations. It exceeds the limit for a stored list, but bounds the cost of each
/// operation, which reads the whole list.
const MAX_INTERMEDIATE_LENGTH: usize = 1_000;

/// A list that is being modified.
pub(super) struct List {
    pub(super) attribute: &'static Definition,
    pub(super) items: Vec<Value>,
    /// The indices of the elements that the operation makes primary.
    pub(super) primary: HashSet<usize>,
}

impl List {
    /// Takes the attribute's list out of a resource.
    pub(super) fn take(map: &mut Map<String, Value>, attribute: &'static Definition) -> Self {
        let items = match map.remove(attribute.name) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        Self { attribute, items, primary: HashSet::new() }
    }

    /// Puts the list back unless it is empty. If an element became primary, all others become non-primary (RFC 7644,
    /// section 3.5.2).
    pub(super) fn put(mut self, map: &mut Map<String, Value>, path: &str) -> Result<(), ScimError> {
        if self.items.len() > MAX_INTERMEDIATE_LENGTH {
            return Err(ScimType::InvalidValue.error(format!("{path} must have at most 100 values.")));
        }
        let has_primary = self.attribute.sub_attribute("primary").is_some();
        for (index, item) in self.items.iter_mut().enumerate().filter(|_| has_primary) {
            let other_is_primary = !self.primary.is_empty() && !self.primary.contains(&index);
            if let Value::Object(item) = item
                && (other_is_primary || !item.contains_key("primary"))
            {
                item.insert("primary".to_owned(), false.into());
            }
        }
        if !self.items.is_empty() {
            map.insert(self.attribute.name.to_owned(), self.items.into());
        }
        Ok(())
    }

    /// Adds elements. An element with the identity of an existing one is merged into it (RFC 7644, section 3.5.2.1).
    pub(super) fn add(&mut self, elements: Vec<Value>) {
        let identities = self.items.iter().map(|item| identity(&self.folded(item)));
        let mut indices: HashMap<String, usize> =
            identities.enumerate().map(|(index, identity)| (identity, index)).collect();
        for element in elements {
            let sub_attributes = object(element.clone());
            let index = *indices.entry(identity(&self.folded(&element))).or_insert(self.items.len());
            if is_primary(&sub_attributes) {
                self.primary.insert(index);
            }
            match self.items.get_mut(index) {
                Some(Value::Object(item)) => item.extend(sub_attributes),
                _ => self.items.push(element),
            }
        }
    }

    pub(super) fn folded(&self, element: &Value) -> Value {
        folded(self.attribute, element)
    }

    pub(super) fn items_at(
        &mut self,
        indices: &HashSet<usize>,
    ) -> impl Iterator<Item = &mut Map<String, Value>> {
        let items = self.items.iter_mut().enumerate();
        items.filter(|(index, _)| indices.contains(index)).filter_map(|(_, item)| item.as_object_mut())
    }
}

/// An element in the form that is used for comparison.
fn folded(definition: &Definition, element: &Value) -> Value {
    let mut folded = element.clone();
    if let Some(attribute) = definition.attribute {
        fold_value(&mut folded, &attribute.kind);
    }
    folded
}

pub(super) fn is_primary(element: &Map<String, Value>) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// Whether a list has a primary element.
pub(super) fn has_primary(items: &[Value]) -> bool {
    items.iter().filter_map(Value::as_object).any(is_primary)
}

/// Makes the element that was primary in `before` primary again, if it is still in the list.
pub(super) fn restore_primary(attribute: &'static Definition, items: &mut [Value], before: &[Value]) {
    let folded = |item: &Value| identity(&folded(attribute, item));
    let primary = before.iter().find(|item| item.as_object().is_some_and(is_primary)).map(folded);
    let same = items.iter_mut().find(|item| primary.as_ref() == Some(&folded(item)));
    if let Some(Value::Object(item)) = same {
        item.insert("primary".to_owned(), true.into());
    }
}

/// The sub-attributes of an element.
pub(super) fn object(element: Value) -> Map<String, Value> {
    match element {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

pub(super) fn no_target(path: &str) -> ScimError {
    ScimType::NoTarget.error(format!("No value of {path} matches the operation."))
}

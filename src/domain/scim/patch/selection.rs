//! Operations on the elements of a list that a value filter selects.

use super::list::{List, is_primary, no_target, object};
use super::target::Target;
use super::{Profile, ScimError, ScimType};
use crate::domain::casefold::casefold;
use crate::domain::filter::{Filter, Test, Value as FilterValue, ValueFilter};
use crate::domain::scim::normalize;
use crate::domain::scim::schema::Definition;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The elements of a list that match a value filter.
pub(super) struct Selection<'s> {
    map: &'s mut Map<String, Value>,
    target: Target<'s>,
    list: List,
    /// The indices of the matching elements.
    matching: HashSet<usize>,
    filter: &'s ValueFilter<'s>,
}

impl<'s> Selection<'s> {
    /// Takes the list out of a resource until [`apply`](Self::apply) puts it back.
    pub(super) fn take(
        map: &'s mut Map<String, Value>,
        target: Target<'s>,
        filter: &'s ValueFilter<'s>,
    ) -> Self {
        let list = List::take(map, target.attribute);
        let matches =
            |(index, item): (usize, &Value)| filter.filter.matches(&list.folded(item)).then_some(index);
        let matching = list.items.iter().enumerate().filter_map(matches).collect();
        Self { map, target, list, matching, filter }
    }

    /// Writes the matching elements or one sub-attribute of each. Without a value, removes them.
    pub(super) fn apply(
        mut self,
        sub_attribute: Option<&'static Definition>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let value = match value {
            Some(value) => self.normalize(sub_attribute, value)?,
            None => None,
        };
        match (self.matching.is_empty(), sub_attribute, value) {
            (true, _, _) if self.target.reading.profile() == Profile::Strict => {
                return Err(no_target(self.target.path));
            }
            (true, _, None) => {}
            (true, sub_attribute, Some(value)) => self.create(sub_attribute, value)?,
            (false, None, None) => self.remove(),
            (false, Some(sub_attribute), None) => self.remove_sub_attribute(sub_attribute),
            (false, Some(sub_attribute), Some(value)) => {
                let written = Map::from_iter([(sub_attribute.name.to_owned(), value)]);
                self.write(&written, true);
            }
            (false, None, Some(value)) => self.write(&object(value), self.target.appends),
        }
        self.list.put(self.map, self.target.path)
    }

    /// Normalizes the value of a sub-attribute, or of the single element to write.
    fn normalize(
        &self,
        sub_attribute: Option<&'static Definition>,
        value: &Value,
    ) -> Result<Option<Value>, ScimError> {
        let Target { attribute, path, reading, .. } = self.target;
        if let Some(sub_attribute) = sub_attribute {
            return normalize::value(sub_attribute, value.clone(), reading, path);
        }
        let mut elements = normalize::elements(attribute, value.clone(), reading, path);
        match (elements.pop(), elements.is_empty()) {
            (element, true) => Ok(element),
            _ => Err(ScimType::InvalidValue.error(format!("{path} must be a single value."))),
        }
    }

    /// Adds the element that the filter describes. Entra ID expects this when no element matches.
    fn create(&mut self, sub_attribute: Option<&'static Definition>, value: Value) -> Result<(), ScimError> {
        let mut element = Map::new();
        let is_described = describe(&self.filter.filter, &self.filter.strings, &mut element);
        match sub_attribute {
            // The operation would change a sub-attribute that the filter already fixes, so it needs an existing element.
            Some(written) if element.contains_key(written.name) => return Err(no_target(self.target.path)),
            Some(written) => drop(element.insert(written.name.to_owned(), value)),
            None => element.extend(object(value)),
        }
        if !is_described {
            return Err(no_target(self.target.path));
        }
        self.list.add(vec![element.into()]);
        Ok(())
    }

    fn remove(&mut self) {
        let mut index = 0..;
        self.list.items.retain(|_| index.next().is_some_and(|index: usize| !self.matching.contains(&index)));
    }

    /// Removes a sub-attribute of the matching elements, and the elements that have only `type` and `primary` left.
    fn remove_sub_attribute(&mut self, sub_attribute: &Definition) {
        for item in self.list.items_at(&self.matching) {
            item.remove(sub_attribute.name);
        }
        let is_empty = |item: &Value| {
            item.as_object().is_some_and(|item| item.keys().all(|name| name == "type" || name == "primary"))
        };
        let items = self.list.items.iter().enumerate();
        let empty = items.filter(|(index, item)| self.matching.contains(index) && is_empty(item));
        self.matching = empty.map(|(index, _)| index).collect();
        self.remove();
    }

    /// Merges sub-attributes into the matching elements, or replaces the elements.
    fn write(&mut self, sub_attributes: &Map<String, Value>, merge: bool) {
        for item in self.list.items_at(&self.matching) {
            if !merge {
                item.clear();
            }
            item.extend(sub_attributes.clone());
        }
        if is_primary(sub_attributes) {
            self.list.primary.extend(&self.matching);
        }
    }
}

/// Collects the sub-attributes that a filter requires to equal a value. Returns false when the filter has any other term.
/// Strings keep the case in which they were sent.
fn describe(filter: &Filter, strings: &[String], element: &mut Map<String, Value>) -> bool {
    let (name, value) = match filter {
        Filter::All(parts) => return parts.iter().all(|part| describe(part, strings, element)),
        Filter::Is(path, Test::Equal(FilterValue::Boolean(value))) => (path.last(), Value::from(*value)),
        Filter::Is(path, Test::Equal(FilterValue::Text(text))) => {
            let as_sent = strings.iter().find(|string| *string == text || casefold(string) == *text);
            (path.last(), Value::from(as_sent.unwrap_or(text).clone()))
        }
        _ => return false,
    };
    name.is_some_and(|name| element.insert((*name).to_owned(), value).is_none())
}

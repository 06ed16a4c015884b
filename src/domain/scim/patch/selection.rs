//! Operations on the elements of a list that brackets select.

use super::attribute::Writing;
use super::list::{List, is_primary, no_target, object};
use super::{Profile, ScimError, ScimType};
use crate::domain::filter::{Brackets, Filter, Test, Value as Kept};
use crate::domain::fold::fold;
use crate::domain::scim::normal::{self, is_unassigned};
use crate::domain::scim::schema::Definition;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The elements of a list that brackets select.
pub(super) fn select<'s>(
    map: &'s mut Map<String, Value>,
    attribute: &'static Definition,
    brackets: &'s Brackets<'s>,
    at: &'s str,
) -> Selection<'s> {
    let list = List::take(map, attribute);
    let matches = |(index, item): (usize, &Value)| brackets.filter.holds(&list.folded(item)).then_some(index);
    let hits = list.items.iter().enumerate().filter_map(matches).collect();
    Selection { map, list, hits, brackets, at }
}

/// What a path with brackets leads to.
pub(super) struct Selection<'s> {
    map: &'s mut Map<String, Value>,
    list: List,
    hits: HashSet<usize>,
    brackets: &'s Brackets<'s>,
    at: &'s str,
}

impl Selection<'_> {
    /// Writes the selected elements, or a part of each; without a value they, or it, are removed.
    pub(super) fn change(
        mut self,
        part: Option<&'static Definition>,
        value: Option<&Value>,
        how: Writing,
    ) -> Result<(), ScimError> {
        let value = match value {
            Some(value) => self.read(part, value, how.profile)?,
            None => None,
        };
        match (self.hits.is_empty(), part, value) {
            // What is not there is removed already, and what is to be replaced is to be there.
            (true, _, _) if how.profile == Profile::Strict => return Err(no_target(self.at)),
            (true, _, None) => {}
            (true, part, Some(value)) => self.create(part, value)?,
            (false, None, None) => self.remove(),
            (false, Some(part), None) => self.remove_part(part),
            (false, Some(part), Some(value)) => {
                let written = Map::from_iter([(part.name.to_owned(), value)]);
                self.write(&written, true);
            }
            (false, None, Some(value)) => self.write(&object(value), how.adds),
        }
        self.list.put(self.map, self.at)
    }

    /// The value of a part, or the one element that is written.
    fn read(
        &self,
        part: Option<&'static Definition>,
        value: &Value,
        profile: Profile,
    ) -> Result<Option<Value>, ScimError> {
        if let Some(part) = part {
            return normal::value(part, value.clone(), profile, self.at);
        }
        if is_unassigned(value) {
            return Ok(None);
        }
        let mut elements = normal::elements(self.list.attribute, value.clone(), profile, self.at)?;
        match (elements.pop(), elements.is_empty()) {
            (element, true) => Ok(element),
            _ => Err(ScimType::InvalidValue.error(format!("{} must be one value", self.at))),
        }
    }

    /// Adds what the path describes, since it is not there: Entra ID relies on it.
    fn create(&mut self, part: Option<&'static Definition>, value: Value) -> Result<(), ScimError> {
        let mut element = Map::new();
        let described = describe(&self.brackets.filter, &self.brackets.strings, &mut element);
        match part {
            // Who would change what is not there does not mean to add what it would be.
            Some(part) if element.contains_key(part.name) => return Err(no_target(self.at)),
            Some(part) => drop(element.insert(part.name.to_owned(), value)),
            None => element.extend(object(value)),
        }
        if !described {
            return Err(no_target(self.at));
        }
        self.list.add(vec![element.into()]);
        Ok(())
    }

    fn remove(&mut self) {
        let mut index = 0..;
        self.list.items.retain(|_| index.next().is_some_and(|index: usize| !self.hits.contains(&index)));
    }

    /// An element of which only `type` and `primary` are left says nothing any more.
    fn remove_part(&mut self, part: &Definition) {
        for item in self.list.items_at(&self.hits) {
            item.remove(part.name);
        }
        let empty = |item: &Value| {
            item.as_object().is_some_and(|item| item.keys().all(|name| name == "type" || name == "primary"))
        };
        let items = self.list.items.iter().enumerate();
        self.hits =
            items.filter(|(index, item)| self.hits.contains(index) && empty(item)).map(|(i, _)| i).collect();
        self.remove();
    }

    /// Writes parts over the selected elements, or puts the parts in their place.
    fn write(&mut self, parts: &Map<String, Value>, over: bool) {
        for item in self.list.items_at(&self.hits) {
            if !over {
                item.clear();
            }
            item.extend(parts.clone());
        }
        if is_primary(parts) {
            self.list.primary.extend(&self.hits);
        }
    }
}

/// The element that a filter describes by saying what its parts equal; false when it says anything else. Strings are
/// written as they were sent, not folded.
fn describe(filter: &Filter, strings: &[String], element: &mut Map<String, Value>) -> bool {
    let (name, value) = match filter {
        Filter::All(parts) => return parts.iter().all(|part| describe(part, strings, element)),
        Filter::Is(path, Test::Equal(Kept::Boolean(value))) => (path.last(), Value::from(*value)),
        Filter::Is(path, Test::Equal(Kept::Text(text))) => {
            let sent = strings.iter().find(|sent| *sent == text || fold(sent) == *text);
            (path.last(), Value::from(sent.unwrap_or(text).clone()))
        }
        _ => return false,
    };
    name.is_some_and(|name| element.insert((*name).to_owned(), value).is_none())
}

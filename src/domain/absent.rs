//! Stored JSON without the values that an absent attribute has, such as null or an empty list, and the same JSON with
//! them, as responses show it.

use super::change::snapshot_of;
use super::{group, user};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use user::{Address, Attributes, Valued};

/// The values that the attributes of a resource have if they are absent. A list contains one element, which describes
/// those of real lists; the list itself is empty if it is absent.
pub(crate) type Defaults = LazyLock<Value>;

/// The attributes of a user, as changes record them.
pub(crate) static USER: Defaults = LazyLock::new(|| {
    let valued = || vec![Valued::default()];
    let attributes = Attributes {
        emails: valued(),
        phone_numbers: valued(),
        ims: valued(),
        photos: valued(),
        addresses: vec![Address::default()],
        entitlements: valued(),
        roles: valued(),
        x509_certificates: valued(),
        ..Attributes::default()
    };
    snapshot_of(&attributes, &BTreeMap::new()).into()
});

/// The attributes of a group, as changes record them.
pub(crate) static GROUP: Defaults =
    LazyLock::new(|| snapshot_of(&group::Attributes::default(), &BTreeMap::new()).into());

/// Removes absent attributes, and absent values inside the others.
pub(crate) fn remove(attributes: &mut Map<String, Value>, defaults: &Value) {
    remove_inside(attributes, defaults);
    attributes.retain(|name, value| defaults.get(name).is_none_or(|absent| !is_absent(value, absent)));
}

/// Removes absent values inside attributes, but keeps each attribute.
pub(crate) fn remove_inside(attributes: &mut Map<String, Value>, defaults: &Value) {
    for (name, value) in attributes {
        match (value, defaults.get(name)) {
            (Value::Object(parts), Some(absent)) => remove(parts, absent),
            (Value::Array(items), Some(absent)) => elements(items, absent, remove),
            _ => {}
        }
    }
}

/// Adds the attributes that [`remove`] has removed.
pub(crate) fn restore(attributes: &mut Map<String, Value>, defaults: &Value) {
    restore_inside(attributes, defaults);
    for (name, absent) in defaults.as_object().into_iter().flatten() {
        if !attributes.contains_key(name) {
            let value = if absent.is_array() { Value::Array(Vec::new()) } else { absent.clone() };
            attributes.insert(name.clone(), value);
        }
    }
}

/// Adds the values that [`remove_inside`] has removed.
pub(crate) fn restore_inside(attributes: &mut Map<String, Value>, defaults: &Value) {
    for (name, value) in attributes {
        match (value, defaults.get(name)) {
            (Value::Object(parts), Some(absent)) => restore(parts, absent),
            (Value::Array(items), Some(absent)) => elements(items, absent, restore),
            _ => {}
        }
    }
}

/// Applies a change to the elements of a list.
fn elements(items: &mut [Value], list: &Value, change: fn(&mut Map<String, Value>, &Value)) {
    let Some(defaults) = list.get(0) else { return };
    items.iter_mut().filter_map(Value::as_object_mut).for_each(|item| change(item, defaults));
}

fn is_absent(value: &Value, absent: &Value) -> bool {
    match (value, absent) {
        (Value::Array(items), Value::Array(_)) => items.is_empty(),
        (Value::Object(parts), Value::Object(_)) => parts.is_empty(),
        _ => value == absent,
    }
}

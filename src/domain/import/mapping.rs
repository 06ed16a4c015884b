//! The mapping of the columns of a CSV file to attributes.

use crate::domain::fields::{FieldError, Fields};
use crate::domain::json::pointer_token;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The columns of a CSV file whose names are not those of attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// The names of attributes, by column.
    pub(super) columns: BTreeMap<String, String>,
    /// The columns to ignore.
    pub(super) ignored: BTreeSet<String>,
}

impl Mapping {
    /// Reads `{"columns":{"Column":"attribute.name"},"ignore":["Column"]}`.
    ///
    /// # Errors
    /// A [`FieldError`] for each invalid field.
    pub fn read(mapping: Value) -> Result<Self, Vec<FieldError>> {
        Fields::read(mapping, |fields| {
            let mut read = Self::default();
            for (column, name) in fields.raw_object("columns") {
                match name {
                    Value::String(name) => drop(read.columns.insert(column, name)),
                    _ => {
                        let at = format!("columns/{}", pointer_token(&column));
                        fields.error_at(&at, "wrong-type", "must be the name of an attribute");
                    }
                }
            }
            match fields.take("ignore") {
                None => {}
                Some(Value::Array(names)) if names.iter().all(Value::is_string) => {
                    read.ignored = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                }
                Some(_) => fields.error("ignore", "wrong-type", "must be a list of columns"),
            }
            read
        })
    }
}

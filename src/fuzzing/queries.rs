//! The texts in URLs and headers that the domain parses.

use super::samples::{ID, USER, VIEW};
use super::text;
use crate::domain::attribute;
use crate::domain::condition::{Tag, Tags};
use crate::domain::cursor::List;
use crate::domain::filter::{Filter, InvalidFilter, Language, Literals, Parsed, ValueFilter};
use crate::domain::json::to_map;
use crate::domain::key::Secret;
use crate::domain::projection::{AttributeSet, Projection};
use crate::domain::schema::{ALL, USERS, Vocabulary};
use crate::domain::scim::projection::Projection as ScimProjection;
use crate::domain::scim::resource::render_user;
use crate::domain::scim::{Profile, Reading, ResourceType};
use crate::domain::snapshot_position::SnapshotPosition;
use crate::domain::sort::Sort;
use crate::domain::time::Timestamp;
use crate::domain::user::Representation;
use serde_json::{Map, Value};

/// A filter in parentheses means the same, a tree is no larger than its text, and an error is inside the text.
pub(super) fn filter(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let vocabularies = [Vocabulary::Native, Vocabulary::Scim];
    for (schema, vocabulary) in ALL.into_iter().flat_map(|schema| vocabularies.map(|names| (schema, names))) {
        for literals in [Literals::Typed, Literals::Converted] {
            let language = Language { schema, others: &ALL, vocabulary, literals };
            let Some(parsed) = within(text, Parsed::parse(text, language)) else { continue };
            assert!(size(&parsed.filter) <= text.len(), "{:?}", parsed.filter);
            // The parentheses can exceed a limit.
            if let Ok(same) = Parsed::parse(&format!("({text})"), language) {
                assert_eq!(same.filter, parsed.filter);
            }
        }
    }
    let emails = attribute::USER.iter().find(|attribute| attribute.name == "emails");
    let value_filter =
        emails.and_then(|list| within(text, ValueFilter::parse(text, list, Literals::Converted)));
    assert!(value_filter.is_none_or(|parsed| text.ends_with(parsed.rest)));
}

fn within<T>(text: &str, parsed: Result<T, InvalidFilter>) -> Option<T> {
    let Err(error) = parsed else { return parsed.ok() };
    assert!((1..=text.chars().count() + 1).contains(&error.position), "{error}");
    None
}

/// The number of nodes of a tree.
fn size(filter: &Filter) -> usize {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => 1 + parts.iter().map(size).sum::<usize>(),
        Filter::Not(inner) => 1 + size(inner),
        Filter::Element { test, .. } => 1 + size(test),
        Filter::Is(..) | Filter::Custom { .. } => 1,
    }
}

/// A cursor is the only spelling of its position, and a cursor with a forged checksum is safe.
pub(super) fn cursor(input: &[u8]) {
    let list = List::new(ID, &["users"]);
    if let Some(text) = text(input) {
        assert!(list.position(text).is_err(), "{text}");
    }
    let forged = list.token(input);
    if let Ok(position) = list.position(&forged) {
        assert_eq!(list.cursor(&position), forged);
    }
    assert!(List::new(ID, &["groups"]).position(&forged).is_err());
}

/// A secret is accepted as it is, and `Debug` hides it.
pub(super) fn secret(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let forged = Secret::with_checksum(text.to_owned());
    let Some(secret) = Secret::parse(&forged) else { return };
    assert_eq!(secret.reveal(), forged);
    let random = forged.rsplit('_').next().unwrap_or_default();
    assert!(!format!("{secret:?}{:?}", secret.hash()).contains(random));
    assert!(secret.hash().matches(&secret));
}

/// Entity tags, and other values with one spelling, are parsed from their own text.
pub(super) fn etag(input: &[u8]) {
    let Some(text) = text(input) else { return };
    if let Ok(tags) = Tags::parse(text) {
        assert_eq!(Tags::parse(&spelled(&tags)), Ok(tags));
    }
    if let Some(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
    }
    if let Some(position) = SnapshotPosition::parse(text) {
        assert_eq!(SnapshotPosition::parse(&position.to_string()), Some(position));
    }
}

fn spelled(tags: &Tags) -> String {
    let spell = |Tag { weak, opaque }: &Tag| format!("{}\"{opaque}\"", if *weak { "W/" } else { "" });
    match tags {
        Tags::Any => "*".to_owned(),
        Tags::List(tags) => tags.iter().map(spell).collect::<Vec<_>>().join(","),
    }
}

/// A list of names includes a part of each attribute, excludes a part, or both. A sort order is parsed from its own text.
pub(super) fn projection(input: &[u8]) {
    let Some(names) = text(input) else { return };
    if let Ok(set) = AttributeSet::parse(names, &USERS, Vocabulary::Native) {
        let (included, excluded) = (Projection::Include(set.clone()), Projection::Exclude(set));
        let user = to_map(&Representation::from(&*USER));
        check_complementary(&user, &included.apply(user.clone()), &excluded.apply(user.clone()));
    }
    for profile in [Profile::Lenient, Profile::Strict] {
        let parse = |included, excluded| {
            ScimProjection::parse(ResourceType::User, included, excluded, &Reading::new(profile))
        };
        if let (Ok(included), Ok(excluded)) = (parse(Some(names), None), parse(None, Some(names))) {
            let user = render_user(&USER, &VIEW);
            check_complementary(&user, &included.apply(user.clone()), &excluded.apply(user.clone()));
        }
    }
    if let Ok(sort) = Sort::parse(names, &USERS) {
        assert_eq!(Sort::parse(&sort.to_string(), &USERS), Ok(sort));
    }
}

fn check_complementary(
    all: &Map<String, Value>,
    included: &Map<String, Value>,
    excluded: &Map<String, Value>,
) {
    for name in all.keys() {
        assert!(included.contains_key(name) || excluded.contains_key(name), "{name}");
    }
    assert!(included.contains_key("id") && excluded.contains_key("id"));
}

//! Properties of the parsers of SCIM messages. See [`crate::fuzzing`].

pub(crate) use super::bulk::fuzzing::bulk;

use super::limits::MAX_COUNT;
use super::search::{Page, Search};
use crate::domain::schema;
use crate::domain::scim::{Profile, Reading, ResourceType};
use actix_web::HttpRequest;
use serde_json::Value;

/// The parameters of a search in a query.
pub(in crate::http) fn search_query(request: &HttpRequest) {
    if let Ok(search) = Search::from_query(request) {
        [Profile::Lenient, Profile::Strict].into_iter().for_each(|profile| check(&search, profile));
    }
}

/// The parameters of a search in a body.
pub(super) fn search_body(body: &Value) {
    for profile in [Profile::Lenient, Profile::Strict] {
        if let Ok(search) = Search::from_body(body.clone(), &Reading::new(profile)) {
            check(&search, profile);
        }
    }
}

/// A page starts at 1 and has a bounded size.
fn check(search: &Search, profile: Profile) {
    let reading = Reading::new(profile);
    drop(search.check_names(&reading));
    for (kind, schema) in ResourceType::ALL.into_iter().zip(schema::ALL) {
        let search = search.for_type(kind);
        drop((search.projection(kind, &reading), search.filter(schema, &reading), search.sort(schema)));
    }
    match search.page() {
        Ok(Page::Index(start, count)) => assert!(start >= 1 && count <= MAX_COUNT),
        Ok(Page::Cursor(_, count)) => assert!((1..=MAX_COUNT).contains(&count)),
        Err(_) => {}
    }
}

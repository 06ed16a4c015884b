//! The examples in SCIM's part of the OpenAPI document. They are rendered by the code that renders responses.

use crate::domain::cursor::InvalidCursor;
use crate::domain::filter::Filter;
use crate::domain::schema::{USERS, Vocabulary};
use crate::domain::scim::discovery::service_provider_config;
use crate::domain::scim::resource::{self, View};
use crate::domain::scim::{Profile, Reading, ResourceType, ScimType, patch as patching, urn};
use crate::http::openapi::{examples as native, problems};
use crate::http::problem::{Problem, sentence};
use crate::http::scim::limits::limits;
use crate::http::scim::response::conflict;
use crate::http::scim::response::list_of;
use crate::http::scim::search::{invalid_count, invalid_filter, unsupported_filter};
use crate::ops::OpError;
use serde_json::{Value, json};

/// The view of a connection.
const VIEW: View<'_> = View { base: native::SCIM_URL, source: native::CONNECTION };

fn strict() -> Reading {
    Reading::new(Profile::Strict)
}

/// The body of `POST /scim/v2/Users`, and of PUT.
pub(in crate::http::scim) fn new_user() -> Value {
    json!({
        "schemas": [urn::USER, urn::ENTERPRISE_USER],
        "userName": "ada",
        "externalId": "00u1815",
        "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "displayName": "Ada Lovelace",
        "emails": [{ "value": "ada@example.com", "type": "work", "primary": true }],
        "active": true,
        urn::ENTERPRISE_USER: { "department": "Engines", "manager": { "value": native::MANAGER } },
    })
}

/// The response to `GET /scim/v2/Users/{id}`.
pub(in crate::http::scim) fn user() -> Value {
    let draft = resource::read_user(new_user(), &VIEW, &strict());
    draft.map_or(Value::Null, |draft| resource::render_user(&native::user_of(draft), &VIEW).into())
}

/// The body of `POST /scim/v2/Groups`, and of PUT.
pub(in crate::http::scim) fn new_group() -> Value {
    json!({ "schemas": [urn::GROUP], "displayName": "Engineers", "members": [{ "value": native::USER }] })
}

/// The response to `GET /scim/v2/Groups/{id}`.
pub(in crate::http::scim) fn group() -> Value {
    let (draft, _) = resource::read_group(new_group(), &VIEW, &strict());
    draft.map_or(Value::Null, |draft| {
        resource::render_group(&native::group_of(draft), Some(&[native::ada()]), &VIEW).into()
    })
}

/// The body of `PATCH /scim/v2/Users/{id}` or `PATCH /scim/v2/Groups/{id}`.
pub(in crate::http::scim) fn patch(kind: ResourceType) -> Value {
    let operation = match kind {
        ResourceType::User => json!({ "op": "replace", "path": "displayName", "value": "Ada Lovelace" }),
        ResourceType::Group => {
            json!({ "op": "add", "path": "members", "value": [{ "value": native::USER }] })
        }
    };
    json!({ "schemas": [urn::PATCH], "Operations": [operation] })
}

/// The body of `POST /scim/v2/.search`.
pub(in crate::http::scim) fn search() -> Value {
    json!({ "schemas": [urn::SEARCH], "filter": "displayName pr", "count": 10 })
}

/// The response to a list request, such as `GET /scim/v2/Users`.
pub(in crate::http::scim) fn list(resources: Vec<Value>) -> Value {
    list_of(resources).into()
}

/// The body of `POST /scim/v2/Bulk`.
pub(in crate::http::scim) fn bulk_request() -> Value {
    let user = json!({ "schemas": [urn::USER], "userName": "ada" });
    let operation = json!({ "method": "POST", "path": "/Users", "bulkId": "ada", "data": user });
    json!({ "schemas": [urn::BULK_REQUEST], "failOnErrors": 1, "Operations": [operation] })
}

/// The response to `POST /scim/v2/Bulk`.
pub(in crate::http::scim) fn bulk_response() -> Value {
    let location = VIEW.location(ResourceType::User, native::USER);
    let operation = json!({
        "method": "POST",
        "bulkId": "ada",
        "version": resource::etag(1),
        "location": location,
        "status": "201",
    });
    json!({ "schemas": [urn::BULK_RESPONSE], "Operations": [operation] })
}

/// The response to `GET /scim/v2/ServiceProviderConfig`.
pub(in crate::http::scim) fn config() -> Value {
    service_provider_config(native::SCIM_URL, "https://roster.example.com/docs", &limits(1 << 20))
}

/// An example of each problem that SCIM can return.
pub(in crate::http::scim) fn problems() -> Vec<Problem> {
    let Value::Object(user) = user() else { return Vec::new() };
    let patched = |operation: Value| {
        let body = json!({ "schemas": [urn::PATCH], "Operations": [operation] });
        let reading = strict();
        let patched = patching::read(body, &reading).and_then(|operations| {
            let patched = patching::apply(ResourceType::User, &user, &operations, &reading);
            reading.finish(Ok(patched))
        });
        patched.map_or_else(Problem::from, problems::no_error)
    };
    let unknown = json!({ "schemas": [urn::USER], "userName": "ada", "nickname2": "Ada" });
    let mut all = vec![
        resource::read_user(unknown, &VIEW, &strict()).map_or_else(Problem::from, problems::no_error),
        patched(json!({ "op": "remove", "path": "emails[type eq \"home\"]" })),
        patched(json!({ "op": "remove", "path": "active" })),
        patched(json!({ "op": "replace", "path": "emails.type", "value": "work" })),
        patched(json!({ "op": "replace", "path": "active", "value": "maybe" })),
        Filter::parse("userName is \"ada\"", &USERS, Vocabulary::Scim)
            .map_or_else(|error| invalid_filter(&error).into(), problems::no_error),
        ScimType::InvalidCursor.error(sentence(InvalidCursor)).into(),
        invalid_count().into(),
        conflict("user", "userName", "ada", None),
        unsupported_filter().into(),
        problems::unsupported_media_type(&["application/scim+json", "application/json"]),
        OpError::Held(Box::new(native::held())).into(),
    ];
    all.extend(problems::common());
    all.sort_by_key(|problem| problem.scim_error().status);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_valid() {
        assert_eq!(user()["userName"], "ada");
        assert_eq!(group()["displayName"], "Engineers");
    }
}

//! Users as request bodies and as expected responses.

use serde_json::{Map, Value, json};

/// A user that was created with only a `userName`, as a response shows it. `id` and times are null.
pub(crate) fn minimal_user(user_name: &str) -> Value {
    json!({
        "id": null,
        "userName": user_name,
        "externalId": null,
        "name": {
            "formatted": null,
            "familyName": null,
            "givenName": null,
            "middleName": null,
            "honorificPrefix": null,
            "honorificSuffix": null,
        },
        "displayName": null,
        "nickName": null,
        "profileUrl": null,
        "title": null,
        "userType": null,
        "preferredLanguage": null,
        "locale": null,
        "timezone": null,
        "active": true,
        "emails": [],
        "phoneNumbers": [],
        "ims": [],
        "photos": [],
        "addresses": [],
        "entitlements": [],
        "roles": [],
        "x509Certificates": [],
        "enterprise": {
            "employeeNumber": null,
            "costCenter": null,
            "organization": null,
            "division": null,
            "department": null,
            "manager": null,
        },
        "custom": {},
        "extensions": {},
        "externalIds": {},
        "version": 1,
        "createdAt": null,
        "updatedAt": null,
    })
}

/// A body with every attribute of RFC 7643 and every native attribute.
pub(crate) fn full_user(user_name: &str) -> Value {
    let mut body = json!({
        "userName": user_name,
        "externalId": format!("{user_name}-701984"),
        "name": {
            "formatted": "Ms. Barbara J Jensen, III",
            "familyName": "Jensen",
            "givenName": "Barbara",
            "middleName": "Jane",
            "honorificPrefix": "Ms.",
            "honorificSuffix": "III",
        },
        "displayName": "Babs Jensen",
        "nickName": "Babs",
        "profileUrl": "https://login.example.com/bjensen",
        "title": "Tour Guide",
        "userType": "Employee",
        "preferredLanguage": "en-US",
        "locale": "en-US",
        "timezone": "America/Los_Angeles",
        "active": false,
        "enterprise": {
            "employeeNumber": "701984",
            "costCenter": "4130",
            "organization": "Universal Studios",
            "division": "Theme Park",
            "department": "Tour Operations",
            "manager": { "value": "26118915-6090-4610-87e4-49d8ca9f808d", "displayName": null },
        },
        "custom": { "badge": 7, "tags": ["a", null, { "b": [] }], "none": null, "π": "3.14" },
        "extensions": { "urn:example:params:scim:schemas:badge:1.0:User": { "colour": "red", "level": null } },
    });
    let lists = lists();
    body.as_object_mut().expect("the value is an object").extend(lists);
    body
}

/// Every multi-valued attribute with two values that have all sub-attributes.
fn lists() -> Map<String, Value> {
    let two = |one: &str, other: &str| {
        json!([
            { "value": one, "display": "One", "type": "work", "primary": true },
            { "value": other, "display": "Other", "type": "home", "primary": false },
        ])
    };
    let lists = json!({
        "emails": two("bjensen@example.com", "babs@jensen.org"),
        "phoneNumbers": two("tel:+1-555-555-8377", "tel:+1-555-555-5555"),
        "ims": two("someaimhandle", "someother"),
        "photos": two("https://photos.example.com/F", "https://photos.example.com/T"),
        "entitlements": two("parking", "canteen"),
        "roles": two("guide", "driver"),
        "x509Certificates": two("MIIDQzCCAqygAwIBAgICEAAwDQYJKoZI", "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZJ"),
        "addresses": [
            {
                "formatted": "100 Universal City Plaza\nHollywood, CA 91608 USA",
                "streetAddress": "100 Universal City Plaza",
                "locality": "Hollywood",
                "region": "CA",
                "postalCode": "91608",
                "country": "USA",
                "type": "work",
                "primary": true,
            },
            {
                "formatted": "456 Hollywood Blvd\nHollywood, CA 91608 USA",
                "streetAddress": "456 Hollywood Blvd",
                "locality": "Hollywood",
                "region": "CA",
                "postalCode": "91608",
                "country": "USA",
                "type": "home",
                "primary": false,
            },
        ],
    });
    lists.as_object().expect("the value is an object").clone()
}

/// The user that a response to `body` must show, with the id and times of `response`.
pub(crate) fn expected_user(body: &Value, version: u64, response: &Value) -> Value {
    let mut expected = minimal_user("");
    let members = body.as_object().expect("a body is an object").clone();
    expected.as_object_mut().expect("the value is an object").extend(members);
    for added in ["id", "createdAt", "updatedAt"] {
        expected[added] = response[added].clone();
    }
    expected["version"] = json!(version);
    expected["externalIds"] = match &expected["externalId"] {
        Value::Null => json!({}),
        native => json!({ "native": native }),
    };
    expected
}

/// A user or body with one field replaced.
pub(crate) fn with_field(user: &Value, name: &str, value: Value) -> Value {
    let mut changed = user.clone();
    changed[name] = value;
    changed
}

/// A user without the fields that every write changes.
pub(crate) fn without_version(user: &Value) -> Value {
    let mut content = user.clone();
    let members = content.as_object_mut().expect("a user is an object");
    members.remove("version");
    members.remove("updatedAt");
    content
}

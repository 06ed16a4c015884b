//! The components for request parameters and response headers.

use super::schemas;
use crate::domain::change::{ChangeKind, ResourceKind};
use crate::domain::inspector::explanation::EXPLANATIONS;
use crate::domain::schema::{GROUPS, Schema, USERS};
use actix_web::http::header::HeaderName;
use serde_json::{Map, Value, json};

/// The files that the page at `/docs` loads.
pub(in crate::http) const DOCS_FILES: [&str; 4] =
    ["start.js", "swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"];

/// A parameter with the name of its component.
type Parameter = (String, Value);

/// The parameters of the native API, by the names of their components.
pub(super) fn all() -> Map<String, Value> {
    let of_users = filter_and_projection(
        &USERS,
        "user",
        "emails.value ew \"@example.com\" and active eq true",
        &["externalId", "userName"],
    );
    let of_groups = filter_and_projection(
        &GROUPS,
        "group",
        "displayName sw \"eng\" and memberCount gt 0",
        &["externalId"],
    );
    // The parameters for groups have the same names as those for users, but name other attributes.
    let of_groups = of_groups.map(|(name, parameter)| {
        let (first, rest) = name.split_at(1);
        (format!("group{}{rest}", first.to_ascii_uppercase()), parameter)
    });
    of_paths()
        .into_iter()
        .chain(of_users)
        .chain(of_groups)
        .chain(of_lists())
        .chain(of_requests())
        .chain(of_imports())
        .chain(of_headers())
        .collect()
}

fn of_paths() -> [Parameter; 7] {
    let uuid = || json!({ "type": "string", "format": "uuid" });
    let text = || json!({ "type": "string" });
    [
        path("id", uuid(), "The id of the resource. An id that is not a UUID returns 404."),
        path("userId", uuid(), "The id of the user."),
        path("tokenId", uuid(), "The id of the token."),
        path("file", json!({ "type": "string", "enum": DOCS_FILES }), "The name of the file."),
        path("digest", text(), "The digest of all files of the admin page, which the page contains."),
        path("folder", text(), "The folder of the file."),
        path("asset", text(), "The name of the file."),
    ]
}

fn filter(noun: &str, example: &str) -> Parameter {
    let format = format!("{noun}-filter");
    let schema = json!({ "type": "string", "maxLength": 4096, "format": format, "examples": [example] });
    let description =
        format!("A filter in the language of RFC 7644, section 3.4.2.2, on the attributes of a {noun}.");
    query("filter", schema, &description)
}

/// The parameters that depend on the attributes of a type.
fn filter_and_projection(schema: &Schema, noun: &str, example: &str, matched: &[&str]) -> [Parameter; 5] {
    let sorts: Vec<_> = schema.sorts.iter().flat_map(|by| [by.to_string(), format!("-{by}")]).collect();
    let sort = json!({ "type": "string", "enum": sorts, "default": "id" });
    let names = json!({
        "type": "array",
        "minItems": 1,
        "maxItems": 100,
        "items": { "anyOf": [
            { "type": "string", "enum": schemas::attribute_names(schema) },
            { "type": "string", "pattern": "^custom\\.[A-Za-z]+$" },
        ] },
    });
    let about_attributes = "Returns only these attributes and `id`. Use dots for sub-attributes. Cannot be combined with \
                            `excludedAttributes`.";
    [
        filter(noun, example),
        query("sort", sort, "The sort order. A leading `-` means descending. `id` is the order of creation."),
        listed("attributes", names.clone(), about_attributes),
        listed("excludedAttributes", names, "Returns all attributes except these."),
        required(query(
            "match",
            json!({ "type": "string", "enum": matched }),
            "The attribute whose value in the body identifies the resource.",
        )),
    ]
}

/// The pattern of a UUID.
const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// The other query parameters.
fn of_lists() -> [Parameter; 14] {
    let limit = json!({ "type": "integer", "minimum": 1, "default": 50 });
    let cursor = json!({ "type": "string", "format": "cursor" });
    let after = json!({ "type": "integer", "format": "int64", "minimum": 0, "default": 0 });
    let types = json!({
        "type": "array",
        "minItems": 1,
        "items": { "type": "string", "enum": ChangeKind::ALL.map(ChangeKind::name) },
    });
    let resource = json!({ "anyOf": [
        { "type": "string", "enum": ResourceKind::ALL.map(ResourceKind::name) },
        { "type": "string", "format": "uuid" },
    ] });
    [
        named("connectionFilter", filter("connection", "name eq \"Okta\"")),
        query("limit", limit, "The page size. Values above 500 are lowered to 500."),
        query(
            "cursor",
            cursor,
            "The `nextCursor` of the previous page. The filter and the sort order must be unchanged.",
        ),
        query(
            "include",
            json!({ "type": "string", "enum": ["total"] }),
            "Adds `total`, the number of items in the whole list.",
        ),
        named(
            "includeInUsers",
            listed(
                "include",
                json!({ "type": "array", "minItems": 1, "items": { "type": "string", "enum": ["total", "groups"] } }),
                "`total` adds the number of users in the whole list, `groups` the groups of each user.",
            ),
        ),
        named(
            "includeInUser",
            listed(
                "include",
                json!({ "type": "array", "minItems": 1, "items": { "type": "string", "enum": ["groups", "externalIdSources"] } }),
                "`groups` adds the groups of the user, `externalIdSources` the names of the connections in `externalIds`. A \
                 tag in `If-None-Match` then has no effect.",
            ),
        ),
        named(
            "includeInGroup",
            query(
                "include",
                json!({ "type": "string", "enum": ["externalIdSources"] }),
                "Adds `externalIdSources`, the names of the connections in `externalIds`. A tag in `If-None-Match` then has \
                 no effect.",
            ),
        ),
        query(
            "at",
            json!({ "anyOf": [
                { "type": "integer", "format": "int64", "minimum": 0 },
                { "type": "string", "format": "date-time" },
            ] }),
            "A revision or a time. The response is the state after this revision, or at this time.",
        ),
        query(
            "erase",
            json!({ "type": "string", "enum": ["true"] }),
            "Also removes the user's values from the change feed. Requires the role `admin`.",
        ),
        query(
            "after",
            after,
            "The last revision that the client has processed. The response begins after it.",
        ),
        named(
            "exportAfter",
            query(
                "after",
                json!({ "type": "string", "pattern": format!("^((user|group):{UUID}|member:{UUID}:{UUID})$") }),
                "The position after which to resume: `user:<id>`, `group:<id>` or `member:<groupId>:<userId>` of the last \
                 line that the client has received.",
            ),
        ),
        query(
            "wait",
            json!({ "type": "integer", "minimum": 0, "maximum": 60, "default": 0 }),
            "The number of seconds to wait for a change if there is none. A stream ignores it.",
        ),
        listed("type", types, "Returns only changes of these types."),
        query(
            "resource",
            resource,
            "Returns only changes to this kind of resource, or to the resource with this id.",
        ),
    ]
}

fn of_requests() -> [Parameter; 6] {
    let time = || json!({ "type": "string", "format": "date-time" });
    let resource = json!({ "anyOf": [
        { "type": "string", "enum": ["user", "group"] },
        { "type": "string", "format": "uuid" },
    ] });
    let codes: Vec<_> = EXPLANATIONS.iter().map(|explanation| explanation.code).collect();
    let status = json!({ "type": "string", "pattern": "^[1-5]([0-9]{2}|xx)$" });
    [
        named(
            "requestStatus",
            query("status", status, "Returns only requests with this status, or a class such as `4xx`."),
        ),
        named(
            "requestResource",
            query(
                "resource",
                resource,
                "Returns only requests that concern this kind of resource, or the one with this id.",
            ),
        ),
        query(
            "user",
            json!({ "type": "string", "minLength": 1 }),
            "The id or the userName of a user. Returns only requests in which one of the two occurs, or in whose responses.",
        ),
        query("since", time(), "Returns only requests that arrived at this time or later."),
        query("until", time(), "Returns only requests that arrived before this time."),
        query(
            "note",
            json!({ "type": "string", "enum": codes }),
            "Returns only requests that have a note with this code.",
        ),
    ]
}

fn of_imports() -> [Parameter; 5] {
    let names = |names: &[&str]| json!({ "type": "string", "enum": names });
    [
        named(
            "importMatch",
            query(
                "match",
                names(&["userName", "externalId", "id"]),
                "The attribute that identifies existing users and groups. By default, lines of an export are matched by \
                 `id`, and others by `userName`.",
            ),
        ),
        query(
            "mode",
            json!({ "type": "string", "enum": ["upsert", "create"], "default": "upsert" }),
            "`create` refuses lines whose user or group exists.",
        ),
        query(
            "plan",
            json!({ "type": "boolean", "default": false }),
            "Reports what the import would change, without changing anything.",
        ),
        query(
            "expectHead",
            json!({ "type": "integer", "format": "int64", "minimum": 0 }),
            "The `head` of a plan. If the newest revision differs, the import is refused with 412.",
        ),
        query(
            "map",
            json!({ "type": "string", "examples": ["{\"columns\":{\"Login\":\"userName\"},\"ignore\":[\"Room\"]}"] }),
            "The meaning of CSV columns whose names are not those of attributes, as JSON.",
        ),
    ]
}

fn of_headers() -> [Parameter; 8] {
    let tags = json!({ "type": "string", "pattern": "^(\\*|(W/)?\"[!#-~]*\"(, *(W/)?\"[!#-~]*\")*)$" });
    let text = || json!({ "type": "string" });
    [
        header(
            "If-Match",
            tags.clone(),
            "The request fails with 412 unless one of these entity tags matches.",
        ),
        header(
            "If-None-Match",
            tags,
            "If one of these entity tags matches, GET returns 304 and a write fails with 412.",
        ),
        header(
            "Prefer",
            json!({ "type": "string", "examples": ["return=minimal"] }),
            "`return=minimal` omits the body of the response (RFC 7240).",
        ),
        header(
            "Idempotency-Key",
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" }),
            "Makes the request safe to retry: a repeat within 24 hours returns the first response again.",
        ),
        header(
            "Last-Event-ID",
            text(),
            "The `id` of the last event that the client has processed. A stream begins after it and ignores `after`.",
        ),
        header(
            "Roster-Tenant",
            text(),
            "The name of the tenant to act in. Requires the role `operator`. The default is the key's own tenant.",
        ),
        header(
            "X-Request-Id",
            text(),
            "The id of the request: 1 to 128 visible ASCII characters. If it is absent or invalid, the server generates one.",
        ),
        header(
            "traceparent",
            text(),
            "The trace that the request belongs to (W3C Trace Context). It is written to the log, and its id to the changes that \
             the request makes. An invalid value is ignored.",
        ),
    ]
}

/// A parameter whose component has another name.
pub(in crate::http) fn named(name: &str, (_, parameter): Parameter) -> Parameter {
    (name.to_owned(), parameter)
}

fn parameter(place: &str, name: &str, schema: Value, description: &str) -> Parameter {
    let required = place == "path";
    let parameter = json!({ "name": name, "in": place, "required": required, "schema": schema, "description": description });
    (name.to_owned(), parameter)
}

pub(in crate::http) fn path(name: &str, schema: Value, description: &str) -> Parameter {
    parameter("path", name, schema, description)
}

pub(in crate::http) fn query(name: &str, schema: Value, description: &str) -> Parameter {
    parameter("query", name, schema, description)
}

fn required((name, mut parameter): Parameter) -> Parameter {
    if let Some(parameter) = parameter.as_object_mut() {
        parameter.insert("required".to_owned(), true.into());
    }
    (name, parameter)
}

/// A query parameter with comma-separated values.
pub(in crate::http) fn listed(name: &str, schema: Value, description: &str) -> Parameter {
    let (name, mut parameter) = query(name, schema, description);
    if let Some(parameter) = parameter.as_object_mut() {
        parameter.insert("style".to_owned(), "form".into());
        parameter.insert("explode".to_owned(), false.into());
    }
    (name, parameter)
}

fn header(name: &str, schema: Value, description: &str) -> Parameter {
    parameter("header", name, schema, description)
}

const HEADERS: [(&str, &str); 13] = [
    ("X-Request-Id", "The id of the request, which is also in its log lines and changes."),
    ("ETag", "The version of the resource: `\"1\"`, in SCIM `W/\"1\"`."),
    ("Location", "The path of the new resource; in SCIM, its URI."),
    ("Link", "The URL of the next page, with `rel=\"next\"` (RFC 8288)."),
    ("Preference-Applied", "The preference that the server applied (RFC 7240)."),
    ("Idempotency-Replayed", "`true` if this is the stored response of an earlier request."),
    ("Retry-After", "The number of seconds to wait before a retry."),
    ("WWW-Authenticate", "The authentication schemes: `Bearer`; in SCIM, also `Basic`."),
    ("Allow", "The methods that the path supports."),
    ("Accept-Post", "The supported media types of bodies."),
    ("Accept-Patch", "The supported media types of bodies."),
    ("Accept", "The supported media types of bodies."),
    ("Accept-Encoding", "The supported content encodings of bodies."),
];

pub(super) fn headers() -> Value {
    let header = |(name, description): (&str, &str)| {
        (name.to_owned(), json!({ "description": description, "schema": { "type": "string" } }))
    };
    HEADERS.into_iter().map(header).collect::<Map<_, _>>().into()
}

/// The name of a header in its usual spelling.
pub(super) fn header_name(header: &HeaderName) -> &'static str {
    let mut names = HEADERS.iter().map(|(name, _)| *name);
    names.find(|name| name.eq_ignore_ascii_case(header.as_str())).unwrap_or_default()
}

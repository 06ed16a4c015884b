//! What the service says of itself (RFC 7644, section 4): what it can do, and what kinds of resources it has.

use super::{ResourceType, urn};
use serde_json::{Map, Value, json};

/// What the service's settings allow.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most operations of a bulk request.
    pub bulk_operations: usize,
    /// The most bytes of a bulk request.
    pub bulk_bytes: usize,
    /// How many resources a page has when the client does not say.
    pub page: usize,
    /// The most resources on a page.
    pub largest_page: usize,
    /// How many seconds a cursor is good for, if it ends.
    pub cursor_seconds: Option<u64>,
}

/// The ServiceProviderConfig (RFC 7643, section 5; RFC 9865, section 4).
#[must_use]
pub fn service_provider_config(base: &str, documentation: &str, limits: &Limits) -> Value {
    json!({
        "schemas": [urn::SERVICE_PROVIDER_CONFIG],
        "documentationUri": documentation,
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": limits.bulk_operations,
            "maxPayloadSize": limits.bulk_bytes,
        },
        "filter": { "supported": true, "maxResults": limits.largest_page },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A key, or a connection's token: Authorization: Bearer <token>",
            "specUri": "https://www.rfc-editor.org/info/rfc6750",
            "primary": true,
        }],
        "pagination": pagination(limits),
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

fn pagination(limits: &Limits) -> Value {
    let mut shown = Map::from_iter([
        ("cursor".to_owned(), true.into()),
        ("index".to_owned(), true.into()),
        ("defaultPaginationMethod".to_owned(), "index".into()),
        ("defaultPageSize".to_owned(), limits.page.into()),
        ("maxPageSize".to_owned(), limits.largest_page.into()),
    ]);
    shown.extend(limits.cursor_seconds.map(|seconds| ("cursorTimeout".to_owned(), seconds.into())));
    shown.into()
}

impl ResourceType {
    /// The kind as a resource (RFC 7643, section 6).
    #[must_use]
    pub fn shown(self, base: &str) -> Value {
        let extension = |urn| json!({ "schema": urn, "required": false });
        json!({
            "schemas": [urn::RESOURCE_TYPE],
            "id": self.name(),
            "name": self.name(),
            "description": self.schema().description,
            "endpoint": self.endpoint(),
            "schema": self.schema().id,
            "schemaExtensions": self.extensions().iter().map(extension).collect::<Vec<_>>(),
            "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", self.name()) },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::scim::schema::{self, Definition, Type};

    /// Whether a value is what the definitions say, and all of it that is required.
    fn conforms(definitions: &[Definition], value: &Value, at: &str) {
        let shown = value.as_object().unwrap_or_else(|| panic!("{at} is no object"));
        for definition in definitions {
            let at = format!("{at}.{}", definition.name);
            let Some(value) = shown.get(definition.name) else {
                assert!(!definition.required, "{at} is required");
                continue;
            };
            let values = match value {
                Value::Array(values) if definition.multi_valued => values.as_slice(),
                one => std::slice::from_ref(one),
            };
            for value in values {
                match definition.kind {
                    Type::Complex => conforms(&definition.parts, value, &at),
                    Type::Boolean => assert!(value.is_boolean(), "{at}"),
                    Type::Integer => assert!(value.is_u64(), "{at}"),
                    _ => assert!(value.is_string(), "{at}"),
                }
            }
        }
        let known = |name: &str| definitions.iter().any(|definition| definition.name == name);
        // The schema of schemas ends, as the RFC's does, where parts of parts would begin.
        let others = ["schemas", "meta", "id", "subAttributes"];
        assert!(shown.keys().all(|name| known(name) || others.contains(&name.as_str())), "{at}: {value}");
    }

    const LIMITS: Limits = Limits {
        bulk_operations: 1_000,
        bulk_bytes: 1 << 20,
        page: 100,
        largest_page: 500,
        cursor_seconds: Some(3_600),
    };

    #[test]
    fn item_5_the_config_says_how_pages_are_found() {
        let config = service_provider_config("https://r/scim/v2", "https://r/docs", &LIMITS);
        conforms(&schema::SERVICE_PROVIDER_CONFIG.attributes, &config, "config");
        let pagination = &config["pagination"];
        assert_eq!((&pagination["cursor"], &pagination["index"]), (&true.into(), &true.into()));
        assert_eq!(pagination["defaultPaginationMethod"], "index");
        assert_eq!(pagination["maxPageSize"], 500);
        assert_eq!(pagination["cursorTimeout"], 3_600);
    }

    #[test]
    fn item_28_passwords_cannot_be_changed() {
        let config = service_provider_config("https://r/scim/v2", "https://r/docs", &LIMITS);
        assert_eq!(config["changePassword"]["supported"], false);
    }

    #[test]
    fn item_54_bulk_says_its_limits() {
        let config = service_provider_config("https://r/scim/v2", "https://r/docs", &LIMITS);
        assert_eq!(config["bulk"]["maxOperations"], 1_000);
        assert_eq!(config["bulk"]["maxPayloadSize"], 1 << 20);
    }

    #[test]
    fn item_19_kinds_and_schemas_are_as_their_schemas_say() {
        for kind in ResourceType::ALL {
            conforms(&schema::RESOURCE_TYPE.attributes, &kind.shown("https://r/scim/v2"), kind.name());
        }
        for schema in schema::all() {
            conforms(&schema::SCHEMA.attributes, &schema.shown("https://r/scim/v2"), schema.name);
        }
        let user = ResourceType::User.shown("https://r/scim/v2");
        assert_eq!(user["endpoint"], "/Users");
        assert_eq!(user["schemaExtensions"], json!([{"schema": urn::ENTERPRISE_USER, "required": false}]));
        assert_eq!(user["meta"]["location"], "https://r/scim/v2/ResourceTypes/User");
    }
}

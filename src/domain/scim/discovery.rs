//! The representation of the discovery resources (RFC 7644, section 4): the service provider's configuration and the resource
//! types.

use super::{ResourceType, urn};
use serde_json::{Value, json};

/// The limits that the ServiceProviderConfig announces.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum number of operations in a bulk request.
    pub bulk_operations: usize,
    /// The maximum size of a bulk request, in bytes.
    pub bulk_bytes: usize,
    /// The number of resources on a page when the client does not specify `count`.
    pub default_page: usize,
    /// The maximum number of resources on a page.
    pub max_page: usize,
}

/// Renders the ServiceProviderConfig (RFC 7643, section 5; RFC 9865, section 4).
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
        "filter": { "supported": true, "maxResults": limits.max_page },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A connection's token or an API key, sent as Authorization: Bearer <token>",
                "specUri": "https://www.rfc-editor.org/info/rfc6750",
                "primary": true,
            },
            {
                "type": "httpbasic",
                "name": "HTTP Basic",
                "description": "A connection's token as the password, with any user name",
                "specUri": "https://www.rfc-editor.org/info/rfc7617",
                "primary": false,
            },
        ],
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": limits.default_page,
            "maxPageSize": limits.max_page,
        },
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

impl ResourceType {
    /// Renders the resource type as a resource (RFC 7643, section 6).
    pub fn render(self, base: &str) -> Value {
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

    /// Asserts that an object has the attributes that the definitions require, of the types that they state, and no others.
    fn assert_conforms(definitions: &[Definition], value: &Value, path: &str) {
        let object = value.as_object().unwrap_or_else(|| panic!("{path} is not an object"));
        for definition in definitions {
            let path = format!("{path}.{}", definition.name);
            let Some(value) = object.get(definition.name) else {
                assert!(!definition.required, "{path} is required");
                continue;
            };
            let values = match value {
                Value::Array(values) if definition.multi_valued => values.as_slice(),
                single => std::slice::from_ref(single),
            };
            for value in values {
                match definition.kind {
                    Type::Complex => assert_conforms(&definition.sub_attributes, value, &path),
                    Type::Boolean => assert!(value.is_boolean(), "{path}"),
                    Type::Integer => assert!(value.is_u64(), "{path}"),
                    _ => assert!(value.is_string(), "{path}"),
                }
            }
        }
        let defined = |name: &str| definitions.iter().any(|definition| definition.name == name);
        // Like the RFC's, the schema of schemas does not define sub-attributes of sub-attributes.
        let others = ["schemas", "meta", "id", "subAttributes"];
        assert!(
            object.keys().all(|name| defined(name) || others.contains(&name.as_str())),
            "{path}: {value}"
        );
    }

    #[test]
    fn the_config_conforms_to_its_schema_and_announces_the_limits() {
        let limits = Limits { bulk_operations: 1_000, bulk_bytes: 1 << 20, default_page: 100, max_page: 500 };
        let config = service_provider_config("https://r/scim/v2", "https://r/docs", &limits);
        assert_conforms(&schema::SERVICE_PROVIDER_CONFIG.attributes, &config, "config");
        assert_eq!(config["pagination"]["maxPageSize"], 500);
        assert_eq!(config["bulk"]["maxOperations"], 1_000);
        assert_eq!(config["bulk"]["maxPayloadSize"], 1 << 20);
        assert_eq!(config["changePassword"]["supported"], false);
    }

    #[test]
    fn resource_types_and_schemas_conform_to_their_own_schemas() {
        for kind in ResourceType::ALL {
            assert_conforms(
                &schema::RESOURCE_TYPE.attributes,
                &kind.render("https://r/scim/v2"),
                kind.name(),
            );
        }
        for schema in schema::all() {
            assert_conforms(&schema::SCHEMA.attributes, &schema.render("https://r/scim/v2"), schema.name);
        }
        let user = ResourceType::User.render("https://r/scim/v2");
        assert_eq!(user["endpoint"], "/Users");
        assert_eq!(user["schemaExtensions"], json!([{"schema": urn::ENTERPRISE_USER, "required": false}]));
        assert_eq!(user["meta"]["location"], "https://r/scim/v2/ResourceTypes/User");
    }
}

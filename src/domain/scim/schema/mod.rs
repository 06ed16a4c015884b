//! The SCIM schemas as data (RFC 7643, section 7). Request parsing and PATCH use the same definitions that `/Schemas`
//! returns, so the two cannot disagree.

mod common;
mod discovery;
mod group;
mod render;
#[cfg(test)]
mod tests;
mod user;

use crate::domain::attribute::Attribute;
use std::sync::LazyLock;

/// A core schema or an extension.
#[derive(Debug)]
pub struct Schema {
    /// The URN.
    pub id: &'static str,
    /// The human-readable name, such as `User`.
    pub name: &'static str,
    /// The description that `/Schemas` returns.
    pub description: &'static str,
    /// The top-level attributes.
    pub attributes: Vec<Definition>,
}

/// An attribute or sub-attribute with its characteristics (RFC 7643, section 2.2).
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "RFC 7643, section 7, defines the other fields")]
pub struct Definition {
    pub name: &'static str,
    pub description: &'static str,
    /// The characteristic `type`.
    pub kind: Type,
    pub multi_valued: bool,
    pub required: bool,
    pub case_exact: bool,
    pub mutability: Mutability,
    pub returned: Returned,
    pub uniqueness: Uniqueness,
    pub canonical_values: &'static [&'static str],
    pub reference_types: &'static [&'static str],
    pub sub_attributes: Vec<Definition>,
    /// The native attribute that determines how values are compared, where there is one.
    pub attribute: Option<&'static Attribute>,
}

/// The data types of RFC 7643, section 2.3.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 7643, section 2.3, defines them")]
#[display(rename_all = "camelCase")]
pub enum Type {
    String,
    Boolean,
    Integer,
    DateTime,
    Binary,
    Reference,
    Complex,
}

/// Whether and when clients can write an attribute.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
#[display(rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 7, defines them")]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    WriteOnly,
}

/// The responses that contain an attribute.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
#[display(rename_all = "camelCase")]
#[expect(missing_docs, reason = "RFC 7643, section 7, defines them")]
pub enum Returned {
    Always,
    Default,
    Request,
    Never,
}

/// The set of resources in which a value is unique.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
#[display(rename_all = "camelCase")]
pub enum Uniqueness {
    /// Values need not be unique.
    None,
    /// Unique among the resources of the same type in a tenant.
    Server,
}

/// RFC 7643, section 4.1.
pub static USER: LazyLock<Schema> = LazyLock::new(user::core);
/// RFC 7643, section 4.3.
pub static ENTERPRISE_USER: LazyLock<Schema> = LazyLock::new(user::enterprise);
/// RFC 7643, section 4.2.
pub static GROUP: LazyLock<Schema> = LazyLock::new(group::schema);
/// RFC 7643, section 5, and RFC 9865, section 4.
pub static SERVICE_PROVIDER_CONFIG: LazyLock<Schema> = LazyLock::new(discovery::service_provider_config);
/// RFC 7643, section 6.
pub static RESOURCE_TYPE: LazyLock<Schema> = LazyLock::new(discovery::resource_type);
/// RFC 7643, section 7.
pub static SCHEMA: LazyLock<Schema> = LazyLock::new(discovery::schema);
/// The attributes that every resource has and no schema lists (RFC 7643, sections 3 and 3.1).
pub static COMMON: LazyLock<Vec<Definition>> = LazyLock::new(common::attributes);

/// The schemas that `/Schemas` lists.
pub fn all() -> [&'static Schema; 6] {
    [&USER, &GROUP, &ENTERPRISE_USER, &SERVICE_PROVIDER_CONFIG, &RESOURCE_TYPE, &SCHEMA]
}

/// Finds a definition by its name, ignoring case.
pub(super) fn find<'d>(definitions: &'d [Definition], name: &str) -> Option<&'d Definition> {
    definitions.iter().find(|definition| definition.name.eq_ignore_ascii_case(name))
}

impl Schema {
    /// Finds an attribute by its name, ignoring case.
    pub fn attribute(&self, name: &str) -> Option<&Definition> {
        find(&self.attributes, name)
    }
}

impl Definition {
    /// Finds a sub-attribute by its name, ignoring case.
    pub fn sub_attribute(&self, name: &str) -> Option<&Definition> {
        find(&self.sub_attributes, name)
    }

    /// Whether an existing resource always has a value: true for required attributes, and for `active`, which has a default.
    pub fn is_always_assigned(&self) -> bool {
        self.required || self.name == "active"
    }

    /// Creates a single-valued attribute that clients can write and that is returned by default.
    fn new(name: &'static str, kind: Type, description: &'static str) -> Self {
        Self {
            name,
            description,
            kind,
            multi_valued: false,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            returned: Returned::Default,
            uniqueness: Uniqueness::None,
            canonical_values: &[],
            reference_types: &[],
            sub_attributes: Vec::new(),
            attribute: None,
        }
    }

    fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Type::String, description)
    }

    fn complex(name: &'static str, description: &'static str, sub_attributes: Vec<Self>) -> Self {
        Self { sub_attributes, ..Self::new(name, Type::Complex, description) }
    }

    fn reference(name: &'static str, to: &'static [&'static str], description: &'static str) -> Self {
        Self { case_exact: true, reference_types: to, ..Self::new(name, Type::Reference, description) }
    }

    fn multi_valued(self) -> Self {
        Self { multi_valued: true, ..self }
    }

    fn required(self) -> Self {
        Self { required: true, ..self }
    }

    fn case_exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    fn canonical(self, canonical_values: &'static [&'static str]) -> Self {
        Self { canonical_values, ..self }
    }

    fn immutable(self) -> Self {
        Self { mutability: Mutability::Immutable, ..self }
    }

    /// Makes the attribute and all its sub-attributes read-only.
    fn read_only(self) -> Self {
        let sub_attributes = self.sub_attributes.into_iter().map(Self::read_only).collect();
        Self { mutability: Mutability::ReadOnly, sub_attributes, ..self }
    }

    fn returned(self, returned: Returned) -> Self {
        Self { returned, ..self }
    }

    fn unique(self) -> Self {
        Self { uniqueness: Uniqueness::Server, ..self }
    }
}

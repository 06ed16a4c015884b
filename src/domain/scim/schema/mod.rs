//! The schemas as data (RFC 7643, section 7): what an attribute is, who may write it and when it is shown. Reading and
//! patching go by them, so that what `/Schemas` says is what Roster does.

mod common;
mod discovery;
mod group;
mod render;
#[cfg(test)]
mod tests;
mod user;

use crate::domain::attribute::Attribute;
use std::sync::LazyLock;

/// A schema: a core one or an extension.
#[derive(Debug)]
pub struct Schema {
    /// Its URN.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub description: &'static str,
    /// Its attributes.
    pub attributes: Vec<Definition>,
}

/// An attribute, or a part of one, with its characteristics (RFC 7643, section 2.2).
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// What its values are.
    pub kind: Type,
    /// Whether it is a list of such values.
    pub multi_valued: bool,
    /// Whether a resource must have it.
    pub required: bool,
    /// Whether its values are compared with case.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is shown.
    pub returned: Returned,
    /// Whether two resources may have the same value.
    pub uniqueness: Uniqueness,
    /// What its values usually are.
    pub canonical_values: &'static [&'static str],
    /// What it refers to.
    pub reference_types: &'static [&'static str],
    /// Its sub-attributes.
    pub parts: Vec<Definition>,
    /// How its values are compared: the attribute of the native API, or one that says the same of a list's elements.
    pub attribute: Option<&'static Attribute>,
}

/// What values are (RFC 7643, section 2.3).
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 7643, section 2.3, defines them")]
pub enum Type {
    #[display("string")]
    String,
    #[display("boolean")]
    Boolean,
    #[display("integer")]
    Integer,
    #[display("dateTime")]
    DateTime,
    #[display("binary")]
    Binary,
    #[display("reference")]
    Reference,
    #[display("complex")]
    Complex,
}

/// Who may write an attribute.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
pub enum Mutability {
    /// Roster alone.
    #[display("readOnly")]
    ReadOnly,
    /// Clients.
    #[display("readWrite")]
    ReadWrite,
    /// Clients, once.
    #[display("immutable")]
    Immutable,
    /// Clients, who never see it.
    #[display("writeOnly")]
    WriteOnly,
}

/// When an attribute is shown.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
pub enum Returned {
    /// Whatever is asked for.
    #[display("always")]
    Always,
    /// Unless something else is asked for.
    #[display("default")]
    Default,
    /// When it is asked for by name.
    #[display("request")]
    Request,
    /// In no answer.
    #[display("never")]
    Never,
}

/// Among which resources a value is unique.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq)]
pub enum Uniqueness {
    /// It need not be.
    #[display("none")]
    None,
    /// Among those of its kind in a tenant.
    #[display("server")]
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
/// What every resource has and no schema names (RFC 7643, sections 3 and 3.1).
pub static COMMON: LazyLock<Vec<Definition>> = LazyLock::new(common::attributes);

/// All schemas.
#[must_use]
pub fn all() -> [&'static Schema; 6] {
    [&USER, &GROUP, &ENTERPRISE_USER, &SERVICE_PROVIDER_CONFIG, &RESOURCE_TYPE, &SCHEMA]
}

/// The attribute of a name, which has no case.
pub(super) fn find<'d>(definitions: &'d [Definition], name: &str) -> Option<&'d Definition> {
    definitions.iter().find(|definition| definition.name.eq_ignore_ascii_case(name))
}

impl Schema {
    /// The attribute of a name, which has no case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Definition> {
        find(&self.attributes, name)
    }
}

impl Definition {
    /// The sub-attribute of a name, which has no case.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Definition> {
        find(&self.parts, name)
    }

    /// Whether a resource must have it once it is there: besides what is required, `active`, which a body may leave to
    /// its default.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.required || self.name == "active"
    }

    /// An attribute as most are: of a single value, written by clients, shown by default.
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
            parts: Vec::new(),
            attribute: None,
        }
    }

    fn text(name: &'static str, description: &'static str) -> Self {
        Self::new(name, Type::String, description)
    }

    fn complex(name: &'static str, description: &'static str, parts: Vec<Self>) -> Self {
        Self { parts, ..Self::new(name, Type::Complex, description) }
    }

    fn reference(name: &'static str, to: &'static [&'static str], description: &'static str) -> Self {
        Self { case_exact: true, reference_types: to, ..Self::new(name, Type::Reference, description) }
    }

    fn many(self) -> Self {
        Self { multi_valued: true, ..self }
    }

    fn required(self) -> Self {
        Self { required: true, ..self }
    }

    fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    fn one_of(self, canonical_values: &'static [&'static str]) -> Self {
        Self { canonical_values, ..self }
    }

    fn immutable(self) -> Self {
        Self { mutability: Mutability::Immutable, ..self }
    }

    /// Written by Roster alone, each part of it too.
    fn read_only(self) -> Self {
        let parts = self.parts.into_iter().map(Self::read_only).collect();
        Self { mutability: Mutability::ReadOnly, parts, ..self }
    }

    fn returned(self, returned: Returned) -> Self {
        Self { returned, ..self }
    }

    fn unique(self) -> Self {
        Self { uniqueness: Uniqueness::Server, ..self }
    }
}

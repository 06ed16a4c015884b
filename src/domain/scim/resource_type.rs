//! The kinds of resources (RFC 7643, section 6), and what names mean in them.

use super::schema::{self, Definition, Schema};
use super::urn;

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceType {
    /// RFC 7643, section 4.1.
    User,
    /// RFC 7643, section 4.2.
    Group,
}

impl ResourceType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::User, Self::Group];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// Where its resources are, below the base.
    #[must_use]
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// Its core schema.
    #[must_use]
    pub fn schema(self) -> &'static Schema {
        match self {
            Self::User => &schema::USER,
            Self::Group => &schema::GROUP,
        }
    }

    /// The extensions that Roster knows.
    #[must_use]
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::User => &[urn::ENTERPRISE_USER],
            Self::Group => &[],
        }
    }

    /// The attribute of a name, which has no case: a common one (RFC 7643, section 3.1) or one of the core schema.
    #[must_use]
    pub fn attribute(self, name: &str) -> Option<&'static Definition> {
        schema::find(&schema::COMMON, name).or_else(|| schema::find(&self.schema().attributes, name))
    }

    /// The known extension of a URN, which has no case.
    #[must_use]
    pub fn extension(self, urn: &str) -> Option<&'static Schema> {
        let known = self.extensions().iter().any(|known| known.eq_ignore_ascii_case(urn));
        if known {
            schema::all().into_iter().find(|schema| schema.id.eq_ignore_ascii_case(urn))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_7_attributes_and_extensions_have_no_case() {
        let user = ResourceType::User;
        assert_eq!(user.attribute("USERNAME").unwrap().name, "userName");
        assert_eq!(user.attribute("externalid").unwrap().name, "externalId");
        assert_eq!(user.extension(&urn::ENTERPRISE_USER.to_uppercase()).unwrap().id, urn::ENTERPRISE_USER);
        assert!(user.attribute("members").is_none());
        assert!(user.extension(urn::USER).is_none());
        assert!(ResourceType::Group.extension(urn::ENTERPRISE_USER).is_none());
    }
}

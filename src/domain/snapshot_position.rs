//! Positions in an export, from which an interrupted export can be resumed.

use super::parse_id;
use derive_more::Display;
use uuid::Uuid;

/// A position in an export, which contains users, then groups, then members, each in the order of their ids. It is the
/// position after the resource that it names. The resource need not exist.
#[derive(Clone, Copy, Debug, Display, PartialEq, Eq)]
pub enum SnapshotPosition {
    /// After a user.
    #[display("user:{_0}")]
    User(Uuid),
    /// After a group.
    #[display("group:{_0}")]
    Group(Uuid),
    /// After a member, given as the ids of its group and its user.
    #[display("member:{_0}:{_1}")]
    Member(Uuid, Uuid),
}

impl SnapshotPosition {
    /// The forms that [`Self::parse`] accepts.
    pub const FORMS: &str = "`user:<id>`, `group:<id>` or `member:<groupId>:<userId>`";

    /// The position before all resources.
    pub const START: Self = Self::User(Uuid::nil());
    /// The position before all groups.
    pub const GROUPS: Self = Self::Group(Uuid::nil());
    /// The position before all members.
    pub const MEMBERS: Self = Self::Member(Uuid::nil(), Uuid::nil());

    /// Parses one of [`Self::FORMS`]. An id without a kind is the id of a user.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => parse_id(text).map(Self::User),
            Some(("user", id)) => parse_id(id).map(Self::User),
            Some(("group", id)) => parse_id(id).map(Self::Group),
            Some(("member", ids)) => {
                let (group, user) = ids.split_once(':')?;
                Some(Self::Member(parse_id(group)?, parse_id(user)?))
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_parsed_as_they_are_displayed() {
        let [one, other] = [1, 2].map(Uuid::from_u128);
        for position in
            [SnapshotPosition::User(one), SnapshotPosition::Group(one), SnapshotPosition::Member(one, other)]
        {
            assert_eq!(SnapshotPosition::parse(&position.to_string()), Some(position));
        }
        assert_eq!(SnapshotPosition::parse(&one.to_string()), Some(SnapshotPosition::User(one)));
        for invalid in ["", "user:", "user:1", &format!("member:{one}"), &format!("key:{one}")] {
            assert_eq!(SnapshotPosition::parse(invalid), None, "{invalid}");
        }
    }
}

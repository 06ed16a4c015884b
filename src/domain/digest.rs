//! Digests of tenants, with which a follower of the change feed proves that its copy equals the source.

use super::change::{Change, ChangeKind, ResourceKind};
use derive_more::Display;
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::ops::{BitXor, BitXorAssign};
use uuid::Uuid;

/// The digest of a set of users, groups and members: the XOR of the first eight bytes, in big-endian order, of the SHA-256
/// of `user:<id>:<version>`, `group:<id>:<version>` and `member:<groupId>:<userId>` for each of them. Written as 16
/// lower-case hexadecimal digits. The default is the digest of the empty set.
#[derive(Clone, Copy, Debug, Default, Display, PartialEq, Eq)]
#[display("{_0:016x}")]
pub struct Digest(u64);

impl Digest {
    /// The digest of a user at a version.
    #[must_use]
    pub fn of_user(id: Uuid, version: i64) -> Self {
        Self::of(&format!("user:{id}:{version}"))
    }

    /// The digest of a group at a version, without its members.
    #[must_use]
    pub fn of_group(id: Uuid, version: i64) -> Self {
        Self::of(&format!("group:{id}:{version}"))
    }

    /// The digest of a membership.
    #[must_use]
    pub fn of_member(group: Uuid, user: Uuid) -> Self {
        Self::of(&format!("member:{group}:{user}"))
    }

    fn of(text: &str) -> Self {
        let hash: [u8; 32] = Sha256::digest(text).into();
        Self(hash.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl BitXor for Digest {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl BitXorAssign for Digest {
    fn bitxor_assign(&mut self, other: Self) {
        *self = *self ^ other;
    }
}

/// The stored form, with the same bits.
impl From<Digest> for i64 {
    fn from(digest: Digest) -> Self {
        digest.0.cast_signed()
    }
}

impl From<i64> for Digest {
    fn from(stored: i64) -> Self {
        Self(stored.cast_unsigned())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The facts of a change that affect the digest of its tenant.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the fields are those of `Change`")]
pub struct Step {
    pub kind: ChangeKind,
    pub id: Uuid,
    pub member: Option<Uuid>,
    pub version: i64,
    pub memberships: Digest,
}

impl From<&Change> for Step {
    fn from(change: &Change) -> Self {
        let Change { kind, id, member, version, memberships, .. } = *change;
        Self { kind, id, member, version, memberships }
    }
}

/// Computes by how much each change of a tenant, in the order of revisions, changes the digest. Of the changes that share
/// a version of a group, which directly follow one another, only the first replaces the previous version.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steps {
    /// The group of the previous change, and its version.
    group: Option<(Uuid, i64)>,
}

impl Steps {
    /// The XOR of the digests before and after the next change.
    pub fn next(&mut self, change: impl Into<Step>) -> Digest {
        let Step { kind, id, member, version, memberships } = change.into();
        let of_member = member.map(|user| Digest::of_member(id, user)).unwrap_or_default();
        let replaces = matches!(kind.resource(), ResourceKind::Group | ResourceKind::Member)
            && self.group.replace((id, version)) != Some((id, version));
        match kind {
            ChangeKind::USER_CREATED => Digest::of_user(id, version),
            ChangeKind::USER_UPDATED => Digest::of_user(id, version - 1) ^ Digest::of_user(id, version),
            ChangeKind::USER_DELETED => Digest::of_user(id, version - 1),
            ChangeKind::GROUP_CREATED => Digest::of_group(id, version),
            ChangeKind::GROUP_DELETED => Digest::of_group(id, version - 1) ^ memberships,
            ChangeKind::GROUP_UPDATED | ChangeKind::MEMBER_ADDED | ChangeKind::MEMBER_REMOVED if replaces => {
                Digest::of_group(id, version - 1) ^ Digest::of_group(id, version) ^ of_member
            }
            _ => of_member,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first 16 digits of `printf %s TEXT | sha256sum`.
    #[test]
    fn digests_are_the_first_eight_bytes_of_a_hash() {
        let [one, two] = [1, 2].map(Uuid::from_u128);
        let digests = [Digest::of_user(one, 3), Digest::of_group(one, 3), Digest::of_member(one, two)];
        assert_eq!(
            digests.map(|digest| digest.to_string()),
            ["45f7b9d268fba721", "68c85fce7de049df", "13ca3d899d8659d9"]
        );
        assert_eq!(Digest::default().to_string(), "0000000000000000");
        for digest in digests {
            assert_eq!(Digest::from(i64::from(digest)), digest);
        }
    }
}

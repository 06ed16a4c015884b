//! The digests of tenants: after any mix of operations, the digest of the head and of every change equals that of a
//! follower's copy and that of the tables.

use crate::contract::edits::edit;
use crate::contract::fixture::{NOON, TestDatabase, new_group, new_user};
use crate::contract::groups::delete as delete_group;
use crate::contract::probes::{call_queued, succeeded};
use crate::contract::users::{delete, patch};
use diesel::prelude::*;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use rand_xorshift::XorShiftRng;
use roster::db::{Class, Operation, Tx, digests};
use roster::domain::DEFAULT_TENANT;
use roster::domain::change::ChangeRecord;
use roster::domain::condition::Conditions;
use roster::domain::digest::Digest;
use roster::domain::group::Group;
use roster::domain::member::MembershipEdit;
use roster::domain::user::User;
use roster::ops::changes::{Feed, Read};
use roster::ops::digests::{CountDigest, NextUnknownDigest};
use roster::ops::members::{Add, Put, Remove};
use roster::ops::restore::Restore;
use roster::ops::users::Erase;
use roster::ops::{OpError, groups};
use roster::schema::heads;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use uuid::Uuid;

each_engine!(
    digests_equal_those_of_a_follower_and_of_the_tables,
    a_tenant_of_several_pages_is_counted,
    an_outdated_digest_is_unknown_until_it_is_counted,
);

const STEPS: usize = 150;

/// A follower's copy of a tenant, with the one number that it compares with the source.
#[derive(Default)]
struct Follower {
    users: BTreeMap<Uuid, i64>,
    groups: BTreeMap<Uuid, i64>,
    members: BTreeSet<(Uuid, Uuid)>,
    deleted_users: BTreeSet<Uuid>,
    deleted_groups: BTreeSet<Uuid>,
    restored: usize,
    digest: Digest,
    after: i64,
}

impl Follower {
    /// Applies a change as documented in `docs/api.md`: XORs the old state out and the new state in.
    fn apply(&mut self, change: &ChangeRecord) {
        let (id, version) = (change.id, change.version);
        let member = change.member.map(|user| (id, user));
        match change.kind.as_str() {
            "user.created" | "user.updated" => {
                self.restored += usize::from(self.deleted_users.remove(&id));
                self.set_user(id, Some(version));
            }
            "user.deleted" => {
                self.deleted_users.insert(id);
                self.set_user(id, None);
            }
            "group.created" | "group.updated" => {
                self.restored += usize::from(self.deleted_groups.remove(&id));
                self.set_group(id, Some(version));
            }
            "group.deleted" => {
                self.deleted_groups.insert(id);
                self.set_group(id, None);
                let removed: Vec<_> =
                    self.members.iter().copied().filter(|(group, _)| *group == id).collect();
                removed.into_iter().for_each(|member| self.toggle_member(member));
            }
            "member.added" | "member.removed" => {
                self.set_group(id, Some(version));
                self.toggle_member(member.unwrap());
            }
            "user.erased" => {}
            other => panic!("an unexpected change: {other}"),
        }
    }

    fn set_user(&mut self, id: Uuid, version: Option<i64>) {
        self.digest ^= replace(&mut self.users, id, version, Digest::of_user);
    }

    fn set_group(&mut self, id: Uuid, version: Option<i64>) {
        self.digest ^= replace(&mut self.groups, id, version, Digest::of_group);
    }

    fn toggle_member(&mut self, member: (Uuid, Uuid)) {
        if !self.members.remove(&member) {
            self.members.insert(member);
        }
        self.digest ^= Digest::of_member(member.0, member.1);
    }

    /// Reads the new changes in pages and compares the digest after each change and each page.
    async fn follow(&mut self, db: &TestDatabase, limit: usize) {
        loop {
            let feed = read(db, self.after, limit).await;
            for change in &feed.changes {
                self.apply(change);
                assert_eq!(change.digest, Some(self.digest), "{change:?}");
            }
            self.after = feed.next;
            assert_eq!(feed.digest, Some(self.digest), "at revision {}", feed.next);
            if feed.next == feed.span.head {
                return;
            }
        }
    }

    fn any_user(&self, rng: &mut XorShiftRng) -> Uuid {
        self.users.keys().copied().choose(rng).unwrap_or_default()
    }

    fn any_group(&self, rng: &mut XorShiftRng) -> Uuid {
        self.groups.keys().copied().choose(rng).unwrap_or_default()
    }

    fn some_users(&self, rng: &mut XorShiftRng) -> Vec<Uuid> {
        self.users.keys().copied().sample(rng, 5)
    }
}

/// Sets or removes a version. Returns the XOR of the digests of the old and of the new state.
fn replace(
    versions: &mut BTreeMap<Uuid, i64>,
    id: Uuid,
    version: Option<i64>,
    of: fn(Uuid, i64) -> Digest,
) -> Digest {
    let old = match version {
        Some(version) => versions.insert(id, version),
        None => versions.remove(&id),
    };
    let digest = |version: Option<i64>| version.map(|version| of(id, version)).unwrap_or_default();
    digest(old) ^ digest(version)
}

async fn read(db: &TestDatabase, after: i64, limit: usize) -> Feed {
    let read = Read { tenant: DEFAULT_TENANT, after, limit, types: None, resource: None, admin: true };
    db.call(read).await.unwrap().unwrap()
}

/// Counts the digest of the tables.
struct Count;

impl Operation for Count {
    type Output = Digest;
    type Error = OpError;
    const CLASS: Class = Class::Read;

    fn run(&self, tx: &mut Tx<'_>) -> Result<Digest, OpError> {
        Ok(digests::count(tx, DEFAULT_TENANT)?)
    }
}

async fn digests_equal_those_of_a_follower_and_of_the_tables(db: &TestDatabase) {
    let mut rng = XorShiftRng::seed_from_u64(17);
    let mut follower = Follower::default();
    for step in 0..STEPS {
        write(db, &mut rng, &follower, step).await;
        follower.follow(db, 5).await;
        assert_eq!(db.call(Count).await, Ok(follower.digest), "after step {step}");
    }
    let Follower { users, groups, members, restored, .. } = follower;
    assert!(users.len() > 9 && groups.len() > 2 && members.len() > 9, "{users:?} {groups:?} {members:?}");
    assert!(restored > 4, "{restored}");
}

/// Runs a random operation or batch. Some calls fail, and some change nothing.
async fn write(db: &TestDatabase, rng: &mut XorShiftRng, follower: &Follower, step: usize) {
    let (user, group, users) = (follower.any_user(rng), follower.any_group(rng), follower.some_users(rng));
    let title = json!({"title": rng.random_range(0..3).to_string()});
    let conditions = Conditions::default;
    let tenant = DEFAULT_TENANT;
    let now = NOON.into();
    match rng.random_range(0..16) {
        0 | 1 => drop(
            db.create_user(json!({"userName": format!("u{step}"), "externalId": step.to_string()})).await,
        ),
        2 => {
            // The first and the last have the same name.
            let names = [0, 1, 2, 3, 0].map(|n| format!("u{step}-{n}"));
            let creates = names.map(|name| new_user(json!({ "userName": name }))).into();
            assert_eq!(succeeded(&call_queued(db, creates).await), 4);
        }
        3 => drop(db.call(patch(user, title)).await),
        4 => drop(call_queued(db, users.iter().map(|id| patch(*id, title.clone())).collect()).await),
        5 => drop(db.call(delete(user)).await),
        6 => drop(db.call(Erase { tenant, id: user, conditions: conditions(), now }).await),
        7 => {
            let mut members = MembershipEdit::default();
            members.add(users);
            let group = new_group(json!({"displayName": format!("g{step}")}));
            db.call(groups::Create { members, ..group }).await.unwrap();
        }
        8 => {
            let Ok(found) = db.call(crate::contract::groups::find(group)).await else { return };
            let change = move |members: &mut MembershipEdit| {
                members.remove(users.iter().take(2).copied());
                members.add(users.iter().skip(2).copied());
            };
            let name = json!({"displayName": rng.random_range(0..3).to_string()});
            db.call(edit(&found, name, change)).await.unwrap().unwrap();
        }
        9 => drop(db.call(Add { tenant, group, users, conditions: conditions(), now }).await),
        10 | 11 => {
            let groups = || follower.groups.keys().copied().cycle();
            let put =
                |(user, group): (Uuid, Uuid)| Put { tenant, group, user, conditions: conditions(), now };
            drop(call_queued(db, users.into_iter().zip(groups()).map(put).collect()).await);
        }
        12 => {
            let members = follower.members.iter().copied().sample(rng, 4);
            let remove =
                |(group, user): (Uuid, Uuid)| Remove { tenant, group, user, conditions: conditions(), now };
            drop(call_queued(db, members.into_iter().map(remove).collect()).await);
        }
        13 if !follower.deleted_users.is_empty() => {
            let id = follower.deleted_users.iter().copied().choose(rng).unwrap_or_default();
            drop(db.call(Restore::<User> { tenant, id, now, of: PhantomData }).await);
        }
        14 if !follower.deleted_groups.is_empty() => {
            let id = follower.deleted_groups.iter().copied().choose(rng).unwrap_or_default();
            drop(db.call(Restore::<Group> { tenant, id, now, of: PhantomData }).await);
        }
        _ => drop(db.call(delete_group(group)).await),
    }
}

async fn a_tenant_of_several_pages_is_counted(db: &TestDatabase) {
    for batch in 0..6 {
        let create = |n: usize| new_user(json!({ "userName": format!("u{batch}-{n}") }));
        assert_eq!(succeeded(&call_queued(db, (0..200).map(create).collect()).await), 200);
    }
    let mut follower = Follower::default();
    follower.follow(db, 500).await;
    for name in ["a", "b"] {
        let mut members = MembershipEdit::default();
        members.add(follower.users.keys().copied());
        let group = new_group(json!({ "displayName": name }));
        db.call(groups::Create { members, ..group }).await.unwrap();
    }
    follower.follow(db, 500).await;
    assert_eq!((follower.users.len(), follower.members.len()), (1_200, 2_400));
    assert_eq!(db.call(Count).await, Ok(follower.digest));
}

/// Makes the digest look as if a server of the previous release had written a later revision.
struct Outdate;

impl Operation for Outdate {
    type Output = ();
    type Error = OpError;
    const CLASS: Class = Class::Write;

    fn run(&self, tx: &mut Tx<'_>) -> Result<(), OpError> {
        tx.execute(diesel::update(heads::table).set(heads::revision.eq(heads::revision + 1)))?;
        Ok(())
    }
}

async fn an_outdated_digest_is_unknown_until_it_is_counted(db: &TestDatabase) {
    let next = || db.call(NextUnknownDigest { after: Uuid::nil() });
    db.create_user(json!({"userName": "ada"})).await.unwrap();
    assert_eq!(next().await, Ok(None));
    db.call(Outdate).await.unwrap();
    let user = db.create_user(json!({"userName": "bob"})).await.unwrap();
    db.call(patch(user.id, json!({"title": "x"}))).await.unwrap();
    let feed = read(db, 2, 9).await;
    assert_eq!(feed.changes.iter().map(|change| change.digest).collect::<Vec<_>>(), [None, None]);
    assert_eq!(feed.digest, None);

    assert_eq!(next().await, Ok(Some(DEFAULT_TENANT)));
    db.call(CountDigest { tenant: DEFAULT_TENANT }).await.unwrap();
    assert_eq!(next().await, Ok(None));
    let counted = db.call(Count).await.unwrap();
    assert_eq!(read(db, 4, 9).await.digest, Some(counted));
    db.create_user(json!({"userName": "eve"})).await.unwrap();
    let feed = read(db, 4, 9).await;
    assert_eq!((feed.changes[0].digest, feed.digest), (feed.digest, Some(db.call(Count).await.unwrap())));
}

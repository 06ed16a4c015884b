//! What is done about one member does not read who else is in the group, however many they are.

use crate::plans::explain::seen;
use crate::plans::listing::{is_narrow, plan, reads_table};
use roster::db::{Connection, Database, Operation};
use roster::domain::DEFAULT_TENANT;
use roster::domain::condition::Conditions;
use roster::domain::filter::Filter;
use roster::domain::group::{Draft, Group, WriteMode};
use roster::domain::member::MembershipEdit;
use roster::domain::origin::Origin;
use roster::domain::schema::{GROUPS, USERS, Vocabulary};
use roster::domain::sort::Sort;
use roster::domain::user::User;
use roster::ops::listing::{self, Query};
use roster::ops::members::{Add, Find, GroupsOf, List, NamesOf, Put, Remove};
use roster::ops::resource::Resource;
use roster::ops::{groups, users};
use serde_json::json;
use std::marker::PhantomData;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// One of the users of [`crate::plans::people`].
fn user(number: u128) -> Uuid {
    Uuid::from_u128(0x018f_0000_0000_7000_8000_0000_0000_0000 + number)
}

/// Puts every user but the first hundred into one group, ten into another. There are many others, or to read them all would
/// be no bad plan.
async fn settle(database: &Database, connection: &mut Connection) -> [Uuid; 2] {
    let (all, few) = (create(database, "all").await, create(database, "few").await);
    let as_id = |id: Uuid| match connection {
        Connection::Postgres(_) => format!("'{id}'::uuid"),
        Connection::Sqlite(_) => format!("x'{}'", id.simple()),
    };
    let (all_id, few_id, first, tenth) = (as_id(all), as_id(few), as_id(user(120)), as_id(user(30)));
    let others = as_id(user(5_000));
    connection
        .batch_execute(&format!(
            "INSERT INTO groups SELECT tenant_id, id, 'group', 'group', NULL, '{{}}', '{{}}', 0, 1, 0, 0 FROM users \
             WHERE id < {others};
             INSERT INTO members (tenant_id, group_id, user_id, added_at) \
             SELECT tenant_id, {all_id}, id, 0 FROM users WHERE id >= {first};
             INSERT INTO members (tenant_id, group_id, user_id, added_at) \
             SELECT tenant_id, {few_id}, id, 0 FROM users WHERE id < {tenth};
             UPDATE groups SET member_count = 99900 WHERE id = {all_id};
             UPDATE groups SET member_count = 10 WHERE id = {few_id};"
        ))
        .unwrap();
    [all, few]
}

async fn create(database: &Database, name: &str) -> Uuid {
    let draft = Draft::read(json!({ "displayName": name }), WriteMode::Create).unwrap();
    let (id, members) = (Uuid::now_v7(), MembershipEdit::default());
    let create = groups::Create { tenant: DEFAULT_TENANT, id, draft, members, now: 0.into() };
    database.call(&Origin::server(), create).await.unwrap().id
}

pub(crate) async fn explained(database: &Database, connection: &mut Connection) {
    let groups = settle(database, connection).await;
    for state in ["as loaded", "analyzed"] {
        if let Connection::Postgres(_) = connection
            && state == "analyzed"
        {
            connection.batch_execute("ANALYZE").unwrap();
        }
        println!("\nmembers, {state}");
        let costs = [costs(database, groups[0]).await, costs(database, groups[1]).await];
        println!("of 100,000: {:?}\nof ten:     {:?}", costs[0], costs[1]);
        lists(database, groups).await;
    }
    leaving(database).await;
}

/// What was seen but what numbers changes, which is the same for every write.
fn written() -> Vec<String> {
    let mut statements = seen();
    statements.retain(|statement| !statement.contains("heads") && !statement.contains("changes"));
    statements
}

/// How long a call takes, no statement of which reads more than it must.
async fn narrow<O: Operation>(database: &Database, operation: O) -> Duration {
    seen();
    let begun = Instant::now();
    database.call(&Origin::server(), operation).await.unwrap();
    let took = begun.elapsed();
    for statement in written() {
        let plan = plan(database, &statement).await;
        let reads_list =
            |step: &String| step.ends_with("(tenant_id=? AND group_id=?)") && !statement.contains("ORDER BY");
        assert!(plan.iter().all(|step| is_narrow(step) && !reads_list(step)), "{statement}\n{plan:#?}");
        let of_members = plan.iter().any(|step| step.contains("members"));
        let by_group = plan.iter().any(|step| step.contains("Index Cond") && step.contains("group_id"));
        let by_user = plan.iter().any(|step| step.contains("Index Cond") && step.contains("user_id"));
        assert!(!of_members || by_group == by_user, "{statement}\n{plan:#?}");
    }
    took
}

/// Who is not in the group is put into it, found there, and removed; then some more at once.
async fn costs(database: &Database, group: Uuid) -> [Duration; 5] {
    let (tenant, user_id, now) = (DEFAULT_TENANT, user(50), 0.into());
    let users = (60..90).map(user).collect();
    let costs = [
        narrow(database, Put { tenant, group, user: user_id, now }).await,
        narrow(database, Find { tenant, group, user: user_id }).await,
        narrow(database, Remove { tenant, group, user: user_id, now }).await,
        narrow(database, Add { tenant, group, users, now }).await,
        narrow(database, swap(group, user(50), user(60))).await,
    ];
    narrow(database, swap(group, user(60), user(50))).await;
    for number in 60..90 {
        narrow(database, Remove { tenant, group, user: user(number), now }).await;
    }
    costs
}

/// One comes and one goes, in one step.
fn swap(id: Uuid, comes: Uuid, goes: Uuid) -> impl Operation {
    let edit = move |group: &Group| {
        let mut members = MembershipEdit::default();
        members.add([comes]);
        members.remove([goes]);
        Draft::patch(group, &json!({})).map(|draft| (draft, members))
    };
    groups::Edit { tenant: DEFAULT_TENANT, id, edit, conditions: Conditions::default(), now: 0.into() }
}

/// Pages of members, of a user's groups, and of what filters find by either.
async fn lists(database: &Database, groups: [Uuid; 2]) {
    let (tenant, limit) = (DEFAULT_TENANT, 50);
    for group in groups {
        for after in [None, Some(user(500)), Some(user(99_000))] {
            narrow(database, List { tenant, group, after, limit, total: true }).await;
        }
    }
    narrow(database, GroupsOf { tenant, user: user(500), after: None, limit, total: false }).await;
    seen();
    let names = NamesOf { tenant, users: (500..520).map(user).collect(), most: 100 };
    assert_eq!(database.call(&Origin::server(), names).await.unwrap().len(), 20);
    for statement in seen() {
        let plan = plan(database, &statement).await;
        assert!(plan.iter().all(|step| is_narrow(step)), "{statement}\n{plan:#?}");
    }
    let few = format!("groups.value eq \"{}\"", groups[1]);
    assert_eq!(finds::<User>(database, &few, "id", is_narrow).await, 10);
    assert_eq!(finds::<User>(database, &few, "-userName", is_narrow).await, 10);
    assert_eq!(finds::<User>(database, &format!("{few} and title pr"), "id", is_narrow).await, 10);
    for (number, count) in [(500, 1), (25, 1), (110, 0)] {
        let filter = format!("members eq \"{}\"", user(number));
        assert_eq!(finds::<Group>(database, &filter, "id", is_narrow).await, count, "{number}");
        let probe = format!("id eq \"{}\" and {filter}", groups[0]);
        assert_eq!(finds::<Group>(database, &probe, "id", is_narrow).await, usize::from(number == 500));
    }
    assert_eq!(finds::<Group>(database, "displayName sw \"a\"", "id", is_narrow).await, 1);
    // Of what has more members than are looked up, a window is read.
    let is_index = |step: &str| !reads_table(step);
    let all = format!("groups eq \"{}\"", groups[0]);
    assert_eq!(finds::<User>(database, &all, "id", is_index).await, 50);
    assert_eq!(finds::<User>(database, &format!("not ({all})"), "id", is_index).await, 50);
    assert_eq!(finds::<User>(database, &format!("{few} or {all}"), "id", is_index).await, 50);
    assert_eq!(finds::<Group>(database, "members pr", "displayName", is_index).await, 2);
}

/// How many are on the first page, each step to which is a good one.
async fn finds<R: Resource>(
    database: &Database,
    filter: &str,
    sort: &str,
    is_good: impl Fn(&str) -> bool,
) -> usize {
    let schema = if R::SCHEMA.plural == "users" { &USERS } else { &GROUPS };
    let filter = Filter::parse(filter, schema, Vocabulary::Native).unwrap();
    let query: Query<R> = Query {
        tenant: DEFAULT_TENANT,
        filter: Some(filter),
        sort: Sort::parse(sort, schema).unwrap(),
        after: None,
        limit: 50,
        total: false,
        skip: None,
        source: roster::domain::NATIVE_SOURCE.into(),
        of: PhantomData,
    };
    seen();
    let page = listing::list(database, &Origin::server(), query).await.unwrap();
    for statement in seen() {
        let plan = plan(database, &statement).await;
        assert!(plan.iter().all(|step| is_good(step)), "{statement}\n{plan:#?}");
    }
    page.items.len()
}

/// A user that is deleted takes its memberships along by their index.
async fn leaving(database: &Database) {
    let (id, conditions, now) = (user(700), Conditions::default(), 0.into());
    seen();
    let delete = users::Delete { tenant: DEFAULT_TENANT, id, conditions, now };
    database.call(&Origin::server(), delete).await.unwrap();
    for statement in written() {
        let plan = plan(database, &statement).await;
        assert!(plan.iter().all(|step| is_narrow(step)), "{statement}\n{plan:#?}");
    }
}

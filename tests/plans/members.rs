//! Query plans of the operations on members: none of them reads the other members of the group.

use crate::plans::dataset::user;
use crate::plans::explain::{forget_statements, take_statements};
use crate::plans::listing::{is_narrow, plan, query, reads_table};
use crate::plans::{history, reverts};
use roster::db::{Connection, Database, Operation};
use roster::domain::DEFAULT_TENANT;
use roster::domain::condition::Conditions;
use roster::domain::group::{Draft, Group, WriteMode};
use roster::domain::member::MembershipEdit;
use roster::domain::origin::Origin;
use roster::domain::user::User;
use roster::ops::listing;
use roster::ops::members::{Add, Find, GroupsOf, List, ListGroups, MAX_GROUPS, Put, Remove};
use roster::ops::resource::Resource;
use roster::ops::{PageQuery, changes, groups, users};
use serde_json::json;
use std::marker::PhantomData;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Creates a group with all users but the first hundred, a group with ten, and many others, without which a scan of the
/// groups would be a good plan.
async fn create_groups(database: &Database, connection: &mut Connection) -> [Uuid; 2] {
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

pub(crate) async fn check_plans(database: &Database, connection: &mut Connection) {
    let groups = create_groups(database, connection).await;
    for state in ["as loaded", "analyzed"] {
        if let Connection::Postgres(_) = connection
            && state == "analyzed"
        {
            connection.batch_execute("ANALYZE").unwrap();
        }
        println!("\nmembers, {state}");
        let costs = [costs(database, groups[0]).await, costs(database, groups[1]).await];
        println!("group of 100,000: {:?}\ngroup of 10:      {:?}", costs[0], costs[1]);
        check_lists(database, groups).await;
    }
    check_history(database).await;
    check_user_deletion(database).await;
    history::check_plans(database, connection, groups[0]).await;
    reverts::check_plans(database, connection, history::OLD, 2 * history::OLD).await;
}

/// The recorded statements without those that number changes, which are the same for every write.
fn take_own_statements() -> Vec<String> {
    let mut statements = take_statements();
    statements.retain(|statement| !statement.contains("heads") && !statement.contains("changes"));
    statements
}

/// Calls an operation, checks that no statement reads more than necessary, and returns the time that the call took.
async fn check_narrow<O: Operation>(database: &Database, operation: O) -> Duration {
    forget_statements();
    let start = Instant::now();
    database.call(&Origin::server(), operation).await.unwrap();
    let took = start.elapsed();
    for statement in take_own_statements() {
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

/// The times to add, find and remove a member, to add several, and to swap two.
async fn costs(database: &Database, group: Uuid) -> [Duration; 5] {
    let (tenant, user_id, now) = (DEFAULT_TENANT, user(50), 0.into());
    let users = (60..90).map(user).collect();
    let none = Conditions::default;
    let costs = [
        check_narrow(database, Put { tenant, group, user: user_id, conditions: none(), now }).await,
        check_narrow(database, Find { tenant, group, user: user_id }).await,
        check_narrow(database, Remove { tenant, group, user: user_id, conditions: none(), now }).await,
        check_narrow(database, Add { tenant, group, users, conditions: none(), now }).await,
        check_narrow(database, swap(group, user(50), user(60))).await,
    ];
    check_narrow(database, swap(group, user(60), user(50))).await;
    for number in 60..90 {
        check_narrow(database, Remove { tenant, group, user: user(number), conditions: none(), now }).await;
    }
    costs
}

/// Adds one member and removes another.
fn swap(id: Uuid, added: Uuid, removed: Uuid) -> impl Operation {
    let edit = move |group: &Group| {
        let mut members = MembershipEdit::default();
        members.add([added]);
        members.remove([removed]);
        Draft::patch(group, &json!({})).map(|draft| (draft, members))
    };
    groups::Edit { tenant: DEFAULT_TENANT, id, edit, conditions: Conditions::default(), now: 0.into() }
}

/// Checks lists of members, lists of a user's groups, and filters on both.
async fn check_lists(database: &Database, groups: [Uuid; 2]) {
    let (tenant, limit) = (DEFAULT_TENANT, 50);
    for group in groups {
        for after in [None, Some(user(500)), Some(user(99_000))] {
            let page = PageQuery { after, limit, total: true };
            check_narrow(database, List { tenant, group, page }).await;
        }
    }
    let page = PageQuery { after: None, limit, total: false };
    check_narrow(database, ListGroups { tenant, user: user(500), page }).await;
    forget_statements();
    let of_users = GroupsOf { tenant, users: (500..550).map(user).collect(), max_groups: MAX_GROUPS };
    assert_eq!(database.call(&Origin::server(), of_users).await.unwrap().len(), 50);
    for statement in take_statements() {
        let plan = plan(database, &statement).await;
        assert!(plan.iter().all(|step| is_narrow(step)), "{statement}\n{plan:#?}");
    }
    forget_statements();
    let with_groups = listing::Query { max_groups: Some(MAX_GROUPS), ..query::<User>(None, "id") };
    let page = listing::list(database, &Origin::server(), with_groups, &mut None).await.unwrap();
    assert!(page.items.iter().all(|user| user.groups.is_some()));
    let statements = take_statements();
    assert_eq!(statements.iter().filter(|text| text.contains("FROM members")).count(), 1, "{statements:#?}");
    let few = format!("groups.value eq \"{}\"", groups[1]);
    assert_eq!(count_found::<User>(database, &few, "id", is_narrow).await, 10);
    assert_eq!(count_found::<User>(database, &few, "-userName", is_narrow).await, 10);
    assert_eq!(count_found::<User>(database, &format!("{few} and title pr"), "id", is_narrow).await, 10);
    for (number, count) in [(500, 1), (25, 1), (110, 0)] {
        let filter = format!("members eq \"{}\"", user(number));
        assert_eq!(count_found::<Group>(database, &filter, "id", is_narrow).await, count, "{number}");
        let probe = format!("id eq \"{}\" and {filter}", groups[0]);
        assert_eq!(count_found::<Group>(database, &probe, "id", is_narrow).await, usize::from(number == 500));
    }
    assert_eq!(count_found::<Group>(database, "displayName sw \"a\"", "id", is_narrow).await, 1);
    // A group with too many members for a lookup causes a scan in windows.
    let is_windowed = |step: &str| !reads_table(step);
    let all = format!("groups eq \"{}\"", groups[0]);
    assert_eq!(count_found::<User>(database, &all, "id", is_windowed).await, 50);
    assert_eq!(count_found::<User>(database, &format!("not ({all})"), "id", is_windowed).await, 50);
    assert_eq!(count_found::<User>(database, &format!("{few} or {all}"), "id", is_windowed).await, 50);
    assert_eq!(count_found::<Group>(database, "members pr", "displayName", is_windowed).await, 2);
}

/// Number of resources on the first page of a list. Checks every step of its plans.
async fn count_found<R: Resource>(
    database: &Database,
    filter: &str,
    sort: &str,
    is_allowed: impl Fn(&str) -> bool,
) -> usize {
    forget_statements();
    let page =
        listing::list(database, &Origin::server(), query::<R>(Some(filter), sort), &mut None).await.unwrap();
    for statement in take_statements() {
        let plan = plan(database, &statement).await;
        assert!(plan.iter().all(|step| is_allowed(step)), "{statement}\n{plan:#?}");
    }
    page.items.len()
}

/// Checks that the history of a user finds its own changes and those of its memberships by index.
async fn check_history(database: &Database) {
    let resource = Some(changes::Resource::One(user(50)));
    let read =
        changes::Read { tenant: DEFAULT_TENANT, after: 0, limit: 50, types: None, resource, admin: true };
    forget_statements();
    let feed = database.call(&Origin::server(), read).await.unwrap().expect("the revision exists");
    assert!(feed.changes.iter().any(|change| change.member == Some(user(50))));
    let statements = take_statements();
    for (column, index) in [("resource_id", "changes_resource"), ("member_id", "changes_membership")] {
        let condition = format!("changes.{column} = ");
        let statement = statements.iter().find(|statement| statement.contains(&condition)).unwrap();
        let plan = plan(database, statement).await;
        assert!(plan.iter().any(|step| step.contains(index)), "{statement}\n{plan:#?}");
    }
}

/// Checks that the deletion of a user finds its memberships by index.
async fn check_user_deletion(database: &Database) {
    let (id, conditions, now) = (user(700), Conditions::default(), 0.into());
    forget_statements();
    let delete = users::Delete { tenant: DEFAULT_TENANT, id, conditions, now, of: PhantomData };
    database.call(&Origin::server(), delete).await.unwrap();
    for statement in take_own_statements() {
        let plan = plan(database, &statement).await;
        assert!(plan.iter().all(|step| is_narrow(step)), "{statement}\n{plan:#?}");
    }
}

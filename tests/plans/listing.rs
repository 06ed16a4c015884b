//! The query plan of each filter and order.

use crate::plans::dataset::{FIRST_CREATED, create_users, open, user};
use crate::plans::explain::{Explain, forget_statements, record, take_statements};
use crate::plans::members;
use crate::support::api::ORDERS;
use crate::support::{postgres, sqlite};
use roster::db::{Connection, Database, DbError};
use roster::domain::DEFAULT_TENANT;
use roster::domain::filter::Filter;
use roster::domain::origin::Origin;
use roster::domain::schema::{GROUPS, USERS, Vocabulary};
use roster::domain::sort::Sort;
use roster::domain::time::Timestamp;
use roster::domain::user::User;
use roster::ops::OpError;
use roster::ops::listing::{self, ListPage, Query};
use roster::ops::resource::Resource;
use std::marker::PhantomData;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Only one database can be recorded at a time.
static RECORDING: Mutex<()> = Mutex::new(());

#[test]
fn sqlite() {
    let database = sqlite::Database::create();
    check_plans(&database.url());
}

#[test]
fn postgres() {
    let database = postgres::Database::create();
    check_plans(&database.url());
}

/// A filter that uses indexes.
struct Indexed {
    filter: String,
    /// The indexes that find the candidates.
    indexes: &'static [&'static str],
    /// Number of users that the filter finds.
    count: usize,
}

fn indexed() -> Vec<Indexed> {
    let at = |second: i64| Timestamp::from(FIRST_CREATED + second * 1_000_000).to_string();
    let case = |filter: &str, indexes, count| Indexed { filter: filter.to_owned(), indexes, count };
    let name = r#"userName eq "ADA-00-001234@example.com""#;
    vec![
        case(&format!("id eq \"{}\"", user(4_660)), USERS_ID, 1),
        // The first eight digits of an id change every 65.536 seconds.
        case(&format!("id sw \"{:.8}\"", user(65_536).to_string()), USERS_ID, 65),
        case(name, USER_NAME, 1),
        case(r#"userName sw "ada-00-0012""#, USER_NAME, 100),
        case(r#"userName gt "grace-16-00499""#, USER_NAME, 11),
        case(r#"externalId eq "E-00-001234""#, EXTERNAL_ID, 1),
        case(r#"externalId sw "E-00-0012""#, EXTERNAL_ID, 100),
        case(r#"displayName eq "ada 00 001234""#, DISPLAY_NAME, 1),
        case(r#"displayName sw "Ada 00 0012""#, DISPLAY_NAME, 100),
        case(r#"displayName ge "grace 16 00499""#, DISPLAY_NAME, 11),
        case(r#"emails.value eq "ada.00.001234@EXAMPLE.com""#, EMAIL, 1),
        case(r#"emails sw "ada.00.0012""#, EMAIL, 100),
        case(r#"emails[type eq "work" and value eq "ada.00.001234@example.com"]"#, EMAIL, 1),
        case(r#"emails[type eq "home"].value eq "ada.00.001234@example.com""#, EMAIL, 0),
        case(&format!("createdAt gt \"{}\"", at(99_999)), USERS_ID, 20),
        case(&format!("createdAt ge \"{}\" and createdAt lt \"{}\"", at(50_000), at(50_100)), USERS_ID, 100),
        case(&format!("createdAt eq \"{}\"", at(50_000)), USERS_ID, 1),
        case(r#"active eq false"#, INACTIVE, 1_500),
        case(&format!("updatedAt le \"{}\"", at(99)), UPDATED_AT, 100),
        case(&format!("active eq false and createdAt ge \"{}\"", at(99_000)), USERS_ID, 51),
        case(r#"userName sw "ada-00-000" and title eq "engineer""#, USER_NAME, 999),
        case(r#"userName sw "ada-00-000" or userName sw "ada-05-000""#, USER_NAME, 1998),
        case(&format!("{name} and title eq \"Engineer\" and active eq true"), USER_NAME, 1),
        case(&format!("title co \"gin\" and not (userType pr) and {name}"), USER_NAME, 1),
        case(&format!("{name} or emails eq \"00.000001@home.example\""), USER_NAME_AND_EMAIL, 2),
        case(
            &format!("title pr and ({name} or externalId eq \"E-01-000001\")"),
            USER_NAME_AND_EXTERNAL_ID,
            2,
        ),
    ]
}

// SQLite generates the names of the indexes for PRIMARY KEY and UNIQUE.
const USERS_ID: &[&str] = &["users_pkey|sqlite_autoindex_users_1"];
const USER_NAME: &[&str] = &["users_user_name|sqlite_autoindex_users_2"];
const DISPLAY_NAME: &[&str] = &["users_display_name"];
const INACTIVE: &[&str] = &["users_inactive"];
const UPDATED_AT: &[&str] = &["users_updated_at"];
const EMAIL: &[&str] = &["user_emails_value"];
const EXTERNAL_ID: &[&str] = &["user_external_ids_pkey|PRIMARY KEY"];
const USER_NAME_AND_EMAIL: &[&str] = &["users_user_name|sqlite_autoindex_users_2", "user_emails_value"];
const USER_NAME_AND_EXTERNAL_ID: &[&str] =
    &["users_user_name|sqlite_autoindex_users_2", "user_external_ids_pkey|PRIMARY KEY"];

/// Filters that no index serves, with the number of users that they find. A page fills quickly if that number is high.
const SCANNED: [(&str, usize); 9] = [
    (r#"active eq true"#, 98_500),
    (r#"title eq "engineer""#, 35_000),
    (r#"name.familyName eq "family 004321""#, 20),
    (r#"userName co "-004321@""#, 20),
    (r#"not (title pr)"#, 0),
    (r#"phoneNumbers[type eq "home" and value pr]"#, 0),
    (r#"emails ew "004321@home.example""#, 20),
    (r#"enterprise.department eq "department 07" and active eq true"#, 3_500),
    (
        r#"name.familyName co "x" or title co "x" or emails.display co "x" or phoneNumbers co "x" or nickName pr"#,
        0,
    ),
];

/// Filters on the sorted attribute that find too many users for a lookup by index.
const BOUNDED: [(&str, &str); 5] = [
    ("createdAt", r#"createdAt ge "2026-01-02T00:00:00Z""#),
    ("-updatedAt", r#"updatedAt lt "2026-01-02T00:00:00Z" and title pr"#),
    ("userName", r#"userName ge "edsger" and active eq true"#),
    ("id", r#"id gt "019b7d55-d600-7000-8000-000000010000""#),
    ("id", r#"createdAt ge "2026-01-02T00:00:00Z""#),
];

fn check_plans(url: &str) {
    let _recording = RECORDING.lock();
    record(url);
    actix_web::rt::System::new().block_on(async {
        let database = create_users(url).await;
        let mut connection = Connection::open(&url.parse().unwrap()).unwrap();
        // Directly after a bulk load, and with statistics, which SQLite never collects.
        for state in ["as loaded", "analyzed"] {
            if let Connection::Postgres(_) = connection
                && state == "analyzed"
            {
                connection.batch_execute("ANALYZE").unwrap();
            }
            println!("\n{state}");
            for case in indexed() {
                check_index_use(&database, &case).await;
            }
            for sort in ORDERS {
                check_sorted_by_index(&database, sort).await;
            }
        }
        for (sort, filter) in BOUNDED {
            check_bounded_scan(&database, sort, filter).await;
        }
        for (filter, count) in SCANNED {
            check_scan(&database, filter, count).await;
        }
        members::check_plans(&database, &mut connection).await;
        database.close().await;
        check_short_deadlines(url).await;
    });
}

/// Checks that a list uses the expected indexes, and that no statement reads all rows of a tenant.
async fn check_index_use(database: &Database, case: &Indexed) {
    let (page, took) = timed(database, &query(Some(&case.filter), "id")).await;
    let found = page.items.len();
    let (counted, _) =
        timed(database, &Query { total: true, ..query(Some(&case.filter), "-userName") }).await;
    assert_eq!(counted.total, i64::try_from(case.count).ok(), "{}", case.filter);
    assert_eq!(found, case.count.min(50), "{}", case.filter);

    forget_statements();
    list(database, &query(Some(&case.filter), "id")).await;
    let statements = take_statements();
    for statement in &statements {
        let plan = plan(database, statement).await;
        // All rows of a partial index match, so the range need not be narrow.
        let is_partial = plan.iter().any(|step| step.contains(INACTIVE[0]));
        let is_narrow = is_partial || plan.iter().all(|step| is_narrow(step));
        assert!(is_narrow, "{}\n{statement}\n{plan:#?}", case.filter);
    }
    for (index, statement) in case.indexes.iter().zip(&statements) {
        let plan = plan(database, statement).await.join("\n");
        assert!(index.split('|').any(|name| plan.contains(name)), "{}\n{statement}\n{plan}", case.filter);
    }
    println!("{took:>10.1?}  {:<85} {}", case.filter, case.indexes.join(", "));
}

/// Whether a step reads neither a whole table nor all rows of a tenant.
pub(crate) fn is_narrow(step: &str) -> bool {
    let of_tenant = "Index Cond: (tenant_id = '00000000-0000-7000-8000-000000000001'::uuid)";
    !(reads_table(step) || step.ends_with("(tenant_id=?)") || step == of_tenant)
}

/// Whether a step reads a whole table.
pub(crate) fn reads_table(step: &str) -> bool {
    let reads = |table: &&str| {
        step.contains(&format!("Seq Scan on {table}")) || step.starts_with(&format!("SCAN {table}"))
    };
    ["user", "group", "member"].iter().any(reads)
}

/// Checks that the first three pages come from an index without sorting.
async fn check_sorted_by_index(database: &Database, sort: &str) {
    let mut query = query::<User>(None, sort);
    let (page, took) = timed(database, &query).await;
    for _ in 0..3 {
        forget_statements();
        let page = list(database, &query).await;
        assert_eq!(page.items.len(), 50, "{sort}");
        for statement in take_statements() {
            let plan = plan(database, &statement).await;
            let sorts = plan.iter().any(|step| step.contains("Sort") || step.contains("TEMP B-TREE"));
            assert!(!sorts && plan.iter().all(|step| !reads_table(step)), "{sort}\n{statement}\n{plan:#?}");
        }
        query.after = page.next;
    }
    assert!(page.next.is_some());
    println!("{took:>10.1?}  sort={sort}");
}

/// Checks that a scan starts at the first user that the filter allows, instead of at the first user of the order.
async fn check_bounded_scan(database: &Database, sort: &str, filter: &str) {
    let query = query(Some(filter), sort);
    let (page, took) = timed(database, &query).await;
    assert_eq!(page.items.len(), 50, "{filter}");
    forget_statements();
    list(database, &query).await;
    let statements = take_statements();
    let windows = statements.iter().filter(|statement| statement.contains("OFFSET")).count();
    // A scan from the first user would read tens of thousands of rows, in about 18 windows. The range of ids for
    // `createdAt` begins five minutes, or 300 users, early.
    assert!(windows <= 8, "{filter}: {statements:#?}");
    println!("{took:>10.1?}  sort={sort} {filter}");
}

/// Reads the whole list, and checks that no statement reads more than its window of rows.
async fn check_scan(database: &Database, filter: &str, count: usize) {
    let mut query = query(Some(filter), "id");
    query.limit = 500;
    let (first, took) = timed(database, &query).await;
    forget_statements();
    list(database, &query).await;
    for statement in take_statements() {
        let plan = plan(database, &statement).await;
        assert!(plan.iter().all(|step| !reads_table(step)), "{filter}\n{statement}\n{plan:#?}");
    }
    let start = Instant::now();
    let mut found = first.items.len();
    query.after = first.next;
    while query.after.is_some() {
        let page = list(database, &query).await;
        found += page.items.len();
        query.after = page.next;
    }
    assert_eq!(found, count, "{filter}");
    println!("{took:>10.1?} for the first page, {:>10.1?} for the others: {filter}", start.elapsed());
}

/// With a short deadline, a list consists of short pages, each of which continues where the previous one ended. A total
/// that cannot be counted in time is an error.
async fn check_short_deadlines(url: &str) {
    let database = open(url, Duration::from_millis(120));
    let mut query = query::<User>(Some(r#"name.familyName eq "family 004321""#), "id");
    let (mut found, mut pages) = (0, 0);
    loop {
        match listing::list(&database, &Origin::server(), query.clone(), &mut None).await {
            Ok(page) => {
                found += page.items.len();
                pages += 1;
                query.after = page.next;
            }
            // On a loaded machine, even one window may take too long.
            Err(error) => assert_eq!(error, OpError::Database(DbError::DeadlinePassed)),
        }
        if query.after.is_none() && pages > 0 {
            break;
        }
    }
    assert_eq!(found, 20);
    assert!(pages > 1, "the list had only {pages} page");
    let counted = listing::list(&database, &Origin::server(), Query { total: true, ..query }, &mut None)
        .await
        .map(drop);
    assert!(
        matches!(
            counted,
            Err(OpError::Uncountable
                | OpError::Database(DbError::Overloaded)
                | OpError::Database(DbError::DeadlinePassed))
        ),
        "{counted:?}"
    );
    database.close().await;
}

pub(crate) fn query<R: Resource>(filter: Option<&str>, sort: &str) -> Query<R> {
    let schema = if R::SCHEMA.plural == "users" { &USERS } else { &GROUPS };
    let filter = filter.map(|text| Filter::parse(text, schema, Vocabulary::Native).unwrap());
    Query {
        tenant: DEFAULT_TENANT,
        filter,
        sort: Sort::parse(sort, schema).unwrap(),
        after: None,
        limit: 50,
        total: false,
        max_groups: None,
        skip: None,
        source: roster::domain::NATIVE_SOURCE.into(),
        of: PhantomData,
    }
}

pub(crate) async fn plan(database: &Database, statement: &str) -> Vec<String> {
    database.call(&Origin::server(), Explain(statement.to_owned())).await.unwrap()
}

async fn list(database: &Database, query: &Query<User>) -> ListPage<User> {
    listing::list(database, &Origin::server(), query.clone(), &mut None).await.unwrap()
}

/// The last page of several runs, and the median of their times. A debug build, whose times mean little, runs once.
async fn timed(database: &Database, query: &Query<User>) -> (ListPage<User>, Duration) {
    let runs = if cfg!(debug_assertions) { 1 } else { 9 };
    let mut times = Vec::new();
    let mut page = ListPage::default();
    for _ in 0..runs {
        let start = Instant::now();
        page = list(database, query).await;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    (page, times[times.len() / 2])
}

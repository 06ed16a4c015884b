//! Sorting of users (`GET /users?sort=`), and the cursors and links of sorted lists.

use crate::api::problem::{assert_problem, check_queries_rejected};
use crate::api::query::{follow_links, items, list_pages, list_users, names, quoted, users_target};
use crate::support::api::{Api, ORDERS, path, text};
use serde_json::{Value, json};

engine_tests! {
    every_order_works_in_both_directions
    equal_times_are_ordered_by_id
    the_order_of_creation_is_the_order_of_ids
    orders_reflect_every_write
    sort_names_ignore_case
    invalid_orders_are_rejected
    filtered_lists_keep_the_order
    a_cursor_belongs_to_one_order
    a_cursor_belongs_to_one_filter
    other_parameters_can_change_between_pages
    sorting_does_not_require_the_sorted_attribute_to_be_selected
    cursors_stay_valid_after_their_user_is_deleted
    links_preserve_every_parameter
    the_total_counts_only_matching_users
    the_last_match_ends_pagination
}

/// userNames that are created in no language's alphabetical order, and displayNames, some of which are equal or absent.
const PEOPLE: [(&str, Option<&str>); 10] = [
    ("zoe", Some("beta")),
    ("Émile", None),
    ("ADA", Some("Alpha")),
    ("bob", Some("ALPHA")),
    ("straße", Some("Éclair")),
    ("Straf", None),
    ("😀", Some("～")),
    ("～x", Some("😀")),
    ("adam", Some("gamma")),
    ("B-b", Some("alphabet")),
];

const BY_NAME: [&str; 10] = ["ADA", "adam", "B-b", "bob", "Straf", "straße", "zoe", "Émile", "～x", "😀"];

const BY_DISPLAY_NAME: [&str; 10] =
    ["ADA", "bob", "B-b", "zoe", "adam", "straße", "😀", "～x", "Émile", "Straf"];

async fn create_people(api: &Api) -> Vec<Value> {
    let mut created = Vec::new();
    for (name, display) in PEOPLE {
        created.push(api.create(&json!({ "userName": name, "displayName": display })).await);
    }
    created
}

/// Checks an order and its reverse with several page sizes.
async fn check_order(api: &Api, sort: &str, expected: &[&str]) {
    let reverse: Vec<_> = expected.iter().rev().copied().collect();
    for (sort, expected) in [(sort.to_owned(), expected), (format!("-{sort}"), &reverse)] {
        for limit in ["1", "2", "3", "7", "10", "500"] {
            let found = list_users(&api.client, &[("sort", &sort), ("limit", limit)]).await;
            assert_eq!(names(&found), expected, "{sort} by {limit}");
        }
    }
}

/// The names of users, sorted by one of their times and then by id.
fn by_time<'a>(users: &'a [Value], attribute: &str) -> Vec<&'a str> {
    let mut sorted: Vec<_> = users.iter().collect();
    // Times have a fixed format, so they are ordered as strings.
    sorted.sort_by_key(|user| (text(&user[attribute]), text(&user["id"])));
    sorted.into_iter().map(|user| text(&user["userName"])).collect()
}

async fn every_order_works_in_both_directions(api: Api) {
    let created = create_people(&api).await;
    for index in [3, 0, 8] {
        api.patch(&created[index], &json!({ "title": "patched" })).await;
    }
    let all = list_users(&api.client, &[("limit", "500")]).await;
    assert_eq!(names(&all), PEOPLE.map(|(name, _)| name));
    check_order(&api, "id", &PEOPLE.map(|(name, _)| name)).await;
    check_order(&api, "userName", &BY_NAME).await;
    check_order(&api, "displayName", &BY_DISPLAY_NAME).await;
    check_order(&api, "createdAt", &by_time(&all, "createdAt")).await;
    let by_update = by_time(&all, "updatedAt");
    assert_eq!(by_update[7..], ["bob", "zoe", "adam"]);
    check_order(&api, "updatedAt", &by_update).await;
}

async fn equal_times_are_ordered_by_id(api: Api) {
    create_people(&api).await;
    let mut sql = crate::support::sql::Sql::open(&api.database_url());
    sql.execute(
        "UPDATE users SET updated_at = (SELECT min(updated_at) FROM users) WHERE user_name IN ('zoe', 'Straf', 'B-b')",
    );
    sql.execute(
        "UPDATE users SET updated_at = (SELECT min(updated_at) - 1 FROM users) WHERE user_name IN ('😀', 'adam')",
    );
    let all = list_users(&api.client, &[("limit", "500")]).await;
    let expected = by_time(&all, "updatedAt");
    assert_eq!(expected[..5], ["😀", "adam", "zoe", "Straf", "B-b"]);
    check_order(&api, "updatedAt", &expected).await;
}

/// In the rows of earlier releases, the time in an id and `createdAt` differ. Cursors of such lists contain both.
async fn the_order_of_creation_is_the_order_of_ids(api: Api) {
    create_people(&api).await;
    let mut sql = crate::support::sql::Sql::open(&api.database_url());
    sql.execute(
        "UPDATE users SET created_at = created_at - 100000000 WHERE user_name IN ('zoe', 'Straf', 'B-b')",
    );
    check_order(&api, "createdAt", &PEOPLE.map(|(name, _)| name)).await;
    for filter in [r#"title eq null"#, r#"userName sw "" and active eq true"#] {
        for sort in ["createdAt", "-createdAt"] {
            let all = list_users(&api.client, &[("sort", sort), ("limit", "3"), ("filter", filter)]).await;
            let mut expected = PEOPLE.map(|(name, _)| name);
            if sort.starts_with('-') {
                expected.reverse();
            }
            assert_eq!(names(&all), expected, "{filter}");
        }
    }
}

async fn orders_reflect_every_write(api: Api) {
    let created = create_people(&api).await;
    api.patch(&created[6], &json!({ "userName": "AAA", "displayName": null })).await;
    api.patch(&created[1], &json!({ "displayName": "aaa" })).await;
    api.client.delete(&path(&created[0])).send().await.expect(204);
    check_order(&api, "userName", &["AAA", "ADA", "adam", "B-b", "bob", "Straf", "straße", "Émile", "～x"])
        .await;
    check_order(
        &api,
        "displayName",
        &["Émile", "ADA", "bob", "B-b", "adam", "straße", "～x", "Straf", "AAA"],
    )
    .await;
}

async fn sort_names_ignore_case(api: Api) {
    create_people(&api).await;
    for sort in ["username", "USERNAME", "UserName"] {
        check_order(&api, sort, &BY_NAME).await;
    }
    check_order(&api, "DISPLAYNAME", &BY_DISPLAY_NAME).await;
    check_order(&api, "ID", &PEOPLE.map(|(name, _)| name)).await;
    for sort in ["createdat", "-CREATEDAT", "UPDATEDAT", "-updatedat"] {
        assert_eq!(list_users(&api.client, &[("sort", sort), ("limit", "3")]).await.len(), 10, "{sort}");
    }
}

async fn invalid_orders_are_rejected(api: Api) {
    create_people(&api).await;
    let invalid = [
        "",
        "-",
        "--id",
        "+id",
        " id",
        "id ",
        "- id",
        "-+id",
        "id-",
        "title",
        "-title",
        "externalId",
        "active",
        "version",
        "name.familyName",
        "emails",
        "emails.value",
        "custom",
        "custom.badge",
        "foo",
        "user_name",
        "user_name_key",
        "id,userName",
        "userName desc",
        "userName:desc",
        "id;",
        "1",
        "*",
        "idé",
        "ıd",
        "\0",
        "urn:foo:userName",
        "id\n",
    ];
    for sort in invalid {
        let body = assert_problem(
            &api.client.get(&users_target(&[("sort", sort)])).send().await,
            400,
            "invalid-parameter",
        );
        assert!(text(&body["detail"]).contains("sort"), "{body}");
    }
    // A plus sign means a space.
    let invalid = ["sort=+id", "sort", "sort=id&sort=id", "sort=id&sort=-id", "Sort=id", "sortBy=id"];
    check_queries_rejected(&api.client, "/users", &invalid).await;
}

async fn filtered_lists_keep_the_order(api: Api) {
    let created = create_people(&api).await;
    for index in [0, 2, 3, 5, 8] {
        api.patch(&created[index], &json!({ "title": "some" })).await;
    }
    let filters: [(&str, &[&str]); 4] = [
        (r#"title eq "Some""#, &["zoe", "ADA", "bob", "Straf", "adam"]),
        (r#"userName sw "a" or userName sw "s""#, &["ADA", "adam", "Straf", "straße"]),
        ("active eq true and not (title pr)", &["Émile", "straße", "😀", "～x", "B-b"]),
        ("displayName eq null", &["Émile", "Straf"]),
    ];
    for (filter, matches) in filters {
        for (sort, order) in [("userName", BY_NAME), ("displayName", BY_DISPLAY_NAME)] {
            let mut expected: Vec<_> = order.into_iter().filter(|name| matches.contains(name)).collect();
            for sort in [sort.to_owned(), format!("-{sort}")] {
                for limit in ["1", "3", "500"] {
                    let query = [("sort", sort.as_str()), ("filter", filter), ("limit", limit)];
                    let found = list_users(&api.client, &query).await;
                    assert_eq!(names(&found), expected, "{sort} of {filter} by {limit}");
                }
                expected.reverse();
            }
        }
    }
}

/// The cursor of the first page of a query.
async fn cursor(api: &Api, parameters: &[(&str, &str)]) -> String {
    let page = api.client.get(&users_target(parameters)).send().await.expect(200).json();
    text(&page["nextCursor"]).to_owned()
}

async fn a_cursor_belongs_to_one_order(api: Api) {
    create_people(&api).await;
    for sort in ORDERS {
        let first_cursor = cursor(&api, &[("limit", "2"), ("sort", sort)]).await;
        for other in ORDERS.into_iter().filter(|other| *other != sort) {
            let response =
                api.client.get(&users_target(&[("sort", other), ("cursor", &first_cursor)])).send().await;
            assert_problem(&response, 400, "invalid-cursor");
        }
        let unsorted = api.client.get(&users_target(&[("cursor", &first_cursor)])).send().await;
        // The default order is `id`.
        match sort {
            "id" => assert_eq!(items(&unsorted.expect(200).json()).len(), 8),
            _ => drop(assert_problem(&unsorted, 400, "invalid-cursor")),
        }
        let spelled = sort.to_uppercase();
        let same =
            api.client.get(&users_target(&[("sort", &spelled), ("cursor", &first_cursor)])).send().await;
        assert_eq!(items(&same.expect(200).json()).len(), 8, "{sort}");
    }
    let first_cursor = cursor(&api, &[("limit", "2")]).await;
    let explicit = api.client.get(&users_target(&[("sort", "id"), ("cursor", &first_cursor)])).send().await;
    assert_eq!(items(&explicit.expect(200).json()).len(), 8);
}

async fn a_cursor_belongs_to_one_filter(api: Api) {
    create_people(&api).await;
    let filters =
        ["", "userName pr", "active eq true", "not (title pr)", r#"title ne "a""#, r#"title ne "B""#];
    for sort in ["id", "-userName"] {
        let query = |filter: &'static str| {
            let mut query = vec![("limit", "2"), ("sort", sort)];
            query.extend((!filter.is_empty()).then_some(("filter", filter)));
            query
        };
        for filter in filters {
            let first_cursor = cursor(&api, &query(filter)).await;
            let with = |filter| [query(filter), vec![("cursor", first_cursor.as_str())]].concat();
            assert_eq!(api.client.get(&users_target(&with(filter))).send().await.code(), 200);
            for other in filters.into_iter().filter(|other| *other != filter) {
                let response = api.client.get(&users_target(&with(other))).send().await;
                assert_problem(&response, 400, "invalid-cursor");
            }
            let damaged = [query(filter), vec![("cursor", &first_cursor[1..])]].concat();
            assert_problem(&api.client.get(&users_target(&damaged)).send().await, 400, "invalid-cursor");
        }
    }
    // If both the filter and the cursor are invalid, either error may be reported.
    let response =
        api.client.get(&users_target(&[("filter", "foo pr"), ("cursor", "x")])).send().await.expect(400);
    assert!(
        matches!(text(&response.json()["code"]), "invalid-filter" | "invalid-cursor"),
        "{}",
        response.text()
    );
}

async fn other_parameters_can_change_between_pages(api: Api) {
    create_people(&api).await;
    let bound = [("sort", "-displayName"), ("filter", "active eq true")];
    let mut expected: Vec<_> = BY_DISPLAY_NAME.to_vec();
    expected.reverse();
    let others: [&[(&str, &str)]; 5] = [
        &[("limit", "2")],
        &[("limit", "3"), ("include", "total")],
        &[("limit", "1"), ("attributes", "userName")],
        &[("limit", "2"), ("excludedAttributes", "displayName,createdAt")],
        &[("attributes", "userName"), ("include", "total")],
    ];
    let (mut found, mut next_cursor) = (Vec::new(), None);
    for other in others {
        let mut query = [&bound[..], other].concat();
        query.extend(next_cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = api.client.get(&users_target(&query)).send().await.expect(200).json();
        found.extend(names(items(&page)).into_iter().map(str::to_owned));
        assert_eq!(page.get("total").is_some(), other.contains(&("include", "total")), "{page}");
        next_cursor = page.get("nextCursor").map(|cursor| text(cursor).to_owned());
    }
    assert_eq!((found, next_cursor), (expected.into_iter().map(str::to_owned).collect(), None));
}

/// The cursor contains the sort value even if it is not selected.
async fn sorting_does_not_require_the_sorted_attribute_to_be_selected(api: Api) {
    let created = create_people(&api).await;
    for (sort, expected) in [("userName", BY_NAME), ("displayName", BY_DISPLAY_NAME)] {
        for projection in [("attributes", "id"), ("excludedAttributes", "userName,displayName")] {
            let found = list_users(&api.client, &[("sort", sort), projection, ("limit", "3")]).await;
            let name = |projected: &Value| {
                let user =
                    created.iter().find(|user| user["id"] == projected["id"]).expect("the user was created");
                text(&user["userName"]).to_owned()
            };
            assert_eq!(found.iter().map(name).collect::<Vec<_>>(), expected, "{sort} {projection:?}");
        }
    }
}

/// A page continues after the last user of the previous one even if that user was deleted.
async fn cursors_stay_valid_after_their_user_is_deleted(api: Api) {
    let created = create_people(&api).await;
    let sort = ("sort", "displayName");
    let first_cursor = cursor(&api, &[sort, ("limit", "3")]).await;
    for name in ["ADA", "B-b", "zoe"] {
        let user = created.iter().find(|user| user["userName"] == name).expect("the user was created");
        api.client.delete(&path(user)).send().await.expect(204);
    }
    let api = api.restart();
    let page =
        api.client.get(&users_target(&[sort, ("cursor", &first_cursor)])).send().await.expect(200).json();
    assert_eq!(names(items(&page)), BY_DISPLAY_NAME[4..]);
    // The same applies to users without a sort value.
    let first_cursor = cursor(&api, &[sort, ("limit", "6")]).await;
    let user = created.iter().find(|user| user["userName"] == "Émile").expect("the user was created");
    api.client.delete(&path(user)).send().await.expect(204);
    let page =
        api.client.get(&users_target(&[sort, ("cursor", &first_cursor)])).send().await.expect(200).json();
    assert_eq!((names(items(&page)), page.get("nextCursor")), (vec!["Straf"], None));
}

async fn links_preserve_every_parameter(api: Api) {
    let special = "a&b=c#d+é%20\"\\😀;?/ <>[]{}|^`'";
    for index in 0..7 {
        let title = if index == 3 { "other" } else { special };
        let body = json!({ "userName": format!("u{index}"), "title": title, "displayName": format!("{}", index % 3) });
        api.create(&body).await;
    }
    let filter = format!("title eq {} and userName sw \"U\"", quoted(special));
    let parameters = [
        ("filter", filter.as_str()),
        ("sort", "-displayName"),
        ("attributes", "userName, name.familyName"),
        ("include", "total"),
        ("limit", "2"),
    ];
    for target in [users_target(&parameters), users_target(&parameters).replace("%20", "+")] {
        let mut seen = Vec::new();
        for page in follow_links(&api.client, &target).await {
            assert_eq!(page["total"], 6, "{target}");
            assert!(items(&page).len() <= 2, "{target}");
            for user in items(&page) {
                let expected =
                    json!({ "id": user["id"], "userName": user["userName"], "name": { "familyName": null } });
                assert_eq!(user, &expected, "{target}");
            }
            seen.extend(names(items(&page)).into_iter().map(str::to_owned));
        }
        assert_eq!(seen, ["u5", "u2", "u4", "u1", "u6", "u0"]);
    }
}

async fn the_total_counts_only_matching_users(api: Api) {
    let created = create_people(&api).await;
    for index in [1, 4, 6] {
        api.patch(&created[index], &json!({ "active": false, "title": "x" })).await;
    }
    for (filter, total) in [("active eq false", 3), ("title pr", 3), ("userName pr", 10), (r#"id eq "x""#, 0)]
    {
        for sort in ["id", "-updatedAt", "displayName"] {
            let query = [("filter", filter), ("sort", sort), ("include", "total"), ("limit", "2")];
            let pages = list_pages(&api.client, "/users", &query).await;
            assert!(pages.iter().all(|page| page["total"] == total), "{pages:?}");
            assert_eq!(
                pages.iter().map(|page| items(page).len()).sum::<usize>(),
                total,
                "{filter} by {sort}"
            );
        }
    }
}

/// If an index supports the filter, the page with the last match has no cursor.
async fn the_last_match_ends_pagination(api: Api) {
    let created = create_people(&api).await;
    for index in [1, 4, 6] {
        api.patch(&created[index], &json!({ "active": false })).await;
    }
    let id = text(&created[5]["id"]);
    let by_id = format!("id eq \"{id}\"");
    let cases = [
        ("active eq false", 3),
        (r#"userName eq "ada""#, 1),
        (r#"userName sw "a""#, 2),
        (r#"displayName sw "alpha""#, 3),
        (r#"userName eq "bob" or userName eq "zoe""#, 2),
        (by_id.as_str(), 1),
    ];
    for (filter, count) in cases {
        let page = api
            .page(&users_target(&[("filter", filter), ("limit", &count.to_string())])["/users".len()..])
            .await;
        assert_eq!((items(&page).len(), page.get("nextCursor")), (count, None), "{filter}");
        let found = list_pages(&api.client, "/users", &[("filter", filter), ("limit", "1")]).await;
        assert!(
            found.iter().all(|page| items(page).len() == 1) && found.len() == count,
            "{filter}: {found:?}"
        );
    }
    for sort in
        ["id", "-id", "userName", "-userName", "displayName", "-displayName", "createdAt", "-updatedAt"]
    {
        let page = api.page(&format!("?sort={sort}&limit=10")).await;
        assert_eq!((items(&page).len(), page.get("nextCursor")), (10, None), "{sort}");
    }
}

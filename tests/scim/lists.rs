//! Reading, lists, filters, sorting, pagination and discovery (RFC 7644, sections 3.4 and 4; RFC 9865).

use crate::scim::client::{ENTERPRISE, LIST, Scim, filter_path, names, path};
use crate::support::api::{Api, text};
use crate::support::table::{section, section_with_values};
use serde_json::{Value, json};

// The first test filters by a boolean as a string, which only the lenient profile accepts. The second starts its own server.
engine_tests! {
    schemas_resource_types_groups_and_managers_can_be_filtered
    filters_are_limited_in_time
}

profile_tests! {
    a_filter_without_matches_returns_an_empty_list
    an_unknown_id_returns_404_with_a_string_status
    out_of_range_start_index_and_count_are_clamped
    empty_parameters_are_ignored
    count_is_capped_and_index_pages_are_stable
    cursor_pages_return_every_resource_once
    user_name_filters_ignore_case_and_id_filters_do_not
    filter_names_operators_and_urns_ignore_case
    value_path_filters_match_a_single_element
    filters_on_a_multi_valued_attribute_match_its_values
    filter_precedence_is_not_then_and_then_or
    invalid_filters_are_rejected_and_name_the_cause
    times_in_filters_are_compared_as_instants
    pr_requires_a_non_empty_value
    filters_are_limited_in_size_depth_and_terms
    attributes_and_excluded_attributes_select_the_result
    a_membership_is_found_by_group_and_member
    search_requests_return_lists
    the_root_lists_all_types
    an_attribute_that_a_type_lacks_has_no_value_in_a_search_of_all_types
    every_simple_attribute_can_be_sorted_by
    lists_are_sorted_by_the_primary_value_otherwise_the_first
    long_sort_values_have_short_cursors
    discovery_needs_no_token_and_rejects_filters
}

async fn a_filter_without_matches_returns_an_empty_list(scim: Scim) {
    for kind in ["Users", "Groups"] {
        let name = if kind == "Users" { "userName" } else { "displayName" };
        let list = scim.get(&filter_path(kind, &format!("{name} eq \"nobody\""))).await;
        let expected = json!({
            "schemas": [LIST], "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [],
        });
        assert_eq!(list, expected);
    }
}

async fn an_unknown_id_returns_404_with_a_string_status(scim: Scim) {
    for path in ["/Users/nobody", "/Groups/00000000-0000-7000-8000-000000000000"] {
        for (method, body) in [
            ("GET", Value::Null),
            ("DELETE", Value::Null),
            ("PUT", json!({"userName": "a", "displayName": "a"})),
        ] {
            let body = match (&body, path.starts_with("/Users")) {
                (Value::Null, _) => Value::Null,
                (_, true) => json!({"userName": "a"}),
                (_, false) => json!({"displayName": "a"}),
            };
            scim.expect_error((404, ""), method, path, body).await;
        }
    }
}

async fn out_of_range_start_index_and_count_are_clamped(scim: Scim) {
    for name in ["a", "b", "c"] {
        scim.create_user(name).await;
    }
    for (query, start, expected) in [
        ("startIndex=0", 1, &["a", "b", "c"][..]),
        ("startIndex=-3&count=2", 1, &["a", "b"]),
        ("startIndex=2&count=1", 2, &["b"]),
        ("startIndex=4", 4, &[]),
        ("startIndex=99999999999999999999", usize::MAX, &[]),
        ("startIndex=99999999999999999999&filter=userName%20ne%20%22x%22", usize::MAX, &[]),
        ("startIndex=99999999999999999999&sortBy=title", usize::MAX, &[]),
        ("startIndex=99999999999999999999&filter=userName%20co%20%22%22&sortBy=title", usize::MAX, &[]),
        ("count=-5", 1, &[]),
        ("count=0", 1, &[]),
        ("count=0&filter=userName%20ne%20%22x%22", 1, &[]),
        ("startIndex=2&filter=userName%20ne%20%22x%22", 2, &["b", "c"]),
        ("startIndex=2&sortBy=title", 2, &["b", "c"]),
        ("startIndex=2&sortBy=displayName&sortOrder=descending", 2, &["b", "a"]),
    ] {
        let list = scim.get(&format!("/Users?{query}")).await;
        assert_eq!(names(&list), expected, "{query}");
        assert_eq!(
            (&list["totalResults"], &list["itemsPerPage"]),
            (&json!(3), &json!(expected.len())),
            "{query}"
        );
        assert!(list["startIndex"] == start || start == usize::MAX, "{query}");
    }
    scim.expect_error((400, "invalidValue"), "GET", "/Users?count=many", Value::Null).await;
}

async fn empty_parameters_are_ignored(scim: Scim) {
    scim.create_user("ada").await;
    let empty = "filter=&sortBy=&sortOrder=&count=&startIndex=&attributes=&excludedAttributes=";
    assert_eq!(scim.get(&format!("/Users?{empty}")).await, scim.get("/Users").await);
    let search = json!({"filter": "", "sortBy": "", "sortOrder": "", "attributes": ""});
    assert_eq!(scim.call(200, "POST", "/Users/.search", search).await, scim.get("/Users").await);
    assert!(
        scim.get("/Users?cursor=").await.get("startIndex").is_none(),
        "an empty cursor requests the first page"
    );
}

async fn count_is_capped_and_index_pages_are_stable(scim: Scim) {
    let operations: Vec<_> = (0..501)
        .map(|n| json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": {"userName": format!("user-{n:03}")}}))
        .collect();
    scim.call(200, "POST", "/Bulk", json!({"Operations": operations})).await;
    let list = scim.get("/Users?count=100000").await;
    assert_eq!((&list["totalResults"], &list["itemsPerPage"]), (&json!(501), &json!(500)));
    let mut found = Vec::new();
    for start in (1..=501).step_by(100) {
        let list = scim.get(&format!("/Users?startIndex={start}&count=100")).await;
        assert_eq!(list["totalResults"], 501);
        found.extend(names(&list));
    }
    found.sort_unstable();
    assert_eq!(found, (0..501).map(|n| format!("user-{n:03}")).collect::<Vec<_>>());
    assert_eq!(names(&scim.get("/Users").await).len(), 100, "the default page size");
}

async fn cursor_pages_return_every_resource_once(scim: Scim) {
    for name in ["a", "b", "c", "d", "e"] {
        scim.create("/Users", json!({"userName": name, "title": name})).await;
    }
    for query in ["", "&sortBy=userName", "&sortBy=title", "&filter=title%20pr"] {
        let (mut cursor, mut found) = (String::new(), Vec::new());
        loop {
            let page = scim.get(&format!("/Users?cursor={cursor}&count=2&startIndex=4{query}")).await;
            assert!(page.get("startIndex").is_none() && page["schemas"] == json!([LIST]), "{page}");
            found.extend(names(&page));
            match page.get("nextCursor") {
                Some(next) => cursor = text(next).to_owned(),
                None => break,
            }
            assert_eq!(page["itemsPerPage"], 2);
            assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)));
        }
        assert_eq!(found, ["a", "b", "c", "d", "e"], "{query}");
    }
    let cursor = scim.get("/Users?cursor&count=1").await["nextCursor"].clone();
    let cursor = text(&cursor);
    for (query, scim_type) in [
        ("cursor&count=0".to_owned(), "invalidCount"),
        ("cursor&count=-1".to_owned(), "invalidCount"),
        ("cursor=nonsense".to_owned(), "invalidCursor"),
        (format!("cursor={cursor}&sortBy=userName"), "invalidCursor"),
        (format!("cursor={cursor}&filter=title%20pr"), "invalidCursor"),
    ] {
        scim.expect_error((400, scim_type), "GET", &format!("/Users?{query}"), Value::Null).await;
    }
    scim.expect_error((400, "invalidCursor"), "GET", &format!("/Groups?cursor={cursor}"), Value::Null).await;
    let config = scim.get("/ServiceProviderConfig").await;
    let expected = json!({
        "cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100, "maxPageSize": 500,
    });
    assert_eq!(config["pagination"], expected);
}

/// Filters and the resources that match them, or parts of their errors.
const TABLE: &str = include_str!("lists.txt");

/// Checks which resources match the filters in a section of the table.
async fn check_filters(scim: &Scim, kind: &str, name: &str, values: &[(&str, &str)]) {
    for (filter, expected) in section_with_values(TABLE, name, values) {
        assert_eq!(scim.find(kind, &filter).await.join(" "), expected, "{filter}");
    }
}

async fn user_name_filters_ignore_case_and_id_filters_do_not(scim: Scim) {
    scim.create("/Users", json!({"userName": "BJensen@x", "externalId": "Ext"})).await;
    check_filters(&scim, "Users", "user_name_filters_ignore_case_and_id_filters_do_not", &[]).await;
}

async fn filter_names_operators_and_urns_ignore_case(scim: Scim) {
    let body = json!({
        "userName": "ada", "displayName": "Ada", "emails": [{"value": "a@x", "type": "work"}],
        (ENTERPRISE): {"department": "Poetry"},
    });
    scim.create("/Users", body).await;
    check_filters(&scim, "Users", "filter_names_operators_and_urns_ignore_case", &[]).await;
}

async fn value_path_filters_match_a_single_element(scim: Scim) {
    let emails = json!([{"value": "a@x", "type": "work"}, {"value": "b@x", "type": "other"}]);
    scim.create("/Users", json!({"userName": "ada", "emails": emails})).await;
    check_filters(&scim, "Users", "value_path_filters_match_a_single_element", &[]).await;
}

async fn filters_on_a_multi_valued_attribute_match_its_values(scim: Scim) {
    scim.create("/Users", json!({"userName": "ada", "emails": [{"value": "ada@example.com"}]})).await;
    check_filters(&scim, "Users", "filters_on_a_multi_valued_attribute_match_its_values", &[]).await;
}

async fn filter_precedence_is_not_then_and_then_or(scim: Scim) {
    for (name, title) in [("a", "x"), ("b", "y"), ("c", "q\"\u{e9}")] {
        scim.create("/Users", json!({"userName": name, "title": title})).await;
    }
    check_filters(&scim, "Users", "filter_precedence_is_not_then_and_then_or", &[]).await;
}

async fn invalid_filters_are_rejected_and_name_the_cause(scim: Scim) {
    for (kind, name) in [("Users", "invalid_user_filters"), ("Groups", "invalid_group_filters")] {
        for (filter, cause) in section(TABLE, name).into_iter().chain([(" ", "position")]) {
            let filter = filter_path(kind, filter);
            let detail = scim.expect_error((400, "invalidFilter"), "GET", &filter, Value::Null).await;
            assert!(detail.contains(cause), "{filter}: {detail}");
        }
    }
}

async fn schemas_resource_types_groups_and_managers_can_be_filtered(scim: Scim) {
    let ada = scim.create_user("ada").await;
    let body = json!({"userName": "bob", "active": false, (ENTERPRISE): {"manager": {"value": ada["id"]}}});
    let bob = scim.create("/Users", body).await;
    let poets = scim.create_group("Poets", &[&ada]).await;
    let values = [("{ada}", text(&ada["id"])), ("{bob}", text(&bob["id"])), ("{poets}", text(&poets["id"]))];
    check_filters(&scim, "Users", "schemas_resource_types_groups_and_managers_of_users", &values).await;
    check_filters(&scim, "Groups", "members_of_groups", &values).await;
    let probe = format!("id eq {} and manager eq {}", bob["id"], ada["id"]);
    let list = scim.get(&format!("{}&attributes=id", filter_path("Users", &probe))).await;
    assert_eq!((&list["totalResults"], &list["Resources"][0]["id"]), (&json!(1), &bob["id"]));
    for (kind, expected) in [("User", &["ada", "bob"][..]), ("Group", &["Poets"])] {
        let search = json!({"filter": format!("meta.resourceType eq \"{kind}\"")});
        let list = scim.call(200, "POST", "/.search", search).await;
        assert_eq!(names(&list), expected);
        assert_eq!(list["totalResults"], expected.len());
    }
}

async fn times_in_filters_are_compared_as_instants(scim: Scim) {
    let user = scim.create_user("ada").await;
    let modified = text(&user["meta"]["lastModified"]).trim_end_matches('Z');
    let values = [("{modified}", modified)];
    check_filters(&scim, "Users", "times_in_filters_are_compared_as_instants", &values).await;
    for invalid in ["yesterday", "2024-13-01T00:00:00Z", "2024-01-01"] {
        let filter = filter_path("Users", &format!("meta.lastModified gt \"{invalid}\""));
        scim.expect_error((400, "invalidFilter"), "GET", &filter, Value::Null).await;
    }
}

async fn pr_requires_a_non_empty_value(scim: Scim) {
    for (name, title) in [("a", json!("x")), ("b", json!("")), ("c", Value::Null)] {
        scim.create("/Users", json!({"userName": name, "title": title})).await;
    }
    check_filters(&scim, "Users", "pr_requires_a_non_empty_value", &[]).await;
}

async fn filters_are_limited_in_size_depth_and_terms(scim: Scim) {
    let terms = |count: usize| vec!["userName eq \"a\""; count].join(" or ");
    let deep = |depth: usize| format!("{}userName pr{}", "(".repeat(depth), ")".repeat(depth));
    for filter in [terms(101), deep(17), format!("userName eq \"{}\"", "a".repeat(4_096))] {
        scim.expect_error((400, "invalidFilter"), "GET", &filter_path("Users", &filter), Value::Null).await;
    }
    assert_eq!(scim.find("Users", &deep(16)).await.len(), 0);
    assert_eq!(scim.find("Users", &terms(100)).await.len(), 0);
}

async fn filters_are_limited_in_time(scim: Scim) {
    let api = Api::start(scim.api.engine, &[("ROSTER_REQUEST_DEADLINE", "600ms")]);
    let limited = Scim { client: api.client.clone(), api, adds_schemas: true };
    let slow: Vec<_> = (0..100).map(|n| format!("emails co \"{n}@y\"")).collect();
    let slow = filter_path("Users", &slow.join(" or "));
    let emails: Vec<_> = (0..20).map(|n| json!({"value": format!("{n}@x")})).collect();
    // How many users can be scanned within the deadline depends on the machine.
    for round in 0..50 {
        let operation = |n: i32| {
            let user = json!({"userName": format!("{round}-{n}"), "emails": emails});
            json!({"method": "POST", "path": "/Users", "bulkId": n.to_string(), "data": user})
        };
        let operations: Vec<_> = (0..400).map(operation).collect();
        limited.call(200, "POST", "/Bulk", json!({ "Operations": operations })).await;
        let response = limited.send("GET", &slow, &Value::Null).await;
        if response.code() != 200 {
            assert_eq!((response.code(), &response.json()["scimType"]), (400, &json!("tooMany")));
            return;
        }
        assert_eq!(response.json()["totalResults"], 0);
    }
    panic!("20,000 users were scanned before the deadline");
}

async fn attributes_and_excluded_attributes_select_the_result(scim: Scim) {
    let ada = scim
        .create("/Users", json!({"userName": "ada", "name": {"givenName": "Ada", "familyName": "L"}}))
        .await;
    let poets = scim.create_group("Poets", &[&ada]).await;
    let keys = |resource: &Value| {
        resource.as_object().expect("the value is an object").keys().cloned().collect::<Vec<_>>()
    };
    for (query, expected) in [
        ("attributes=userName", &["id", "schemas", "userName"][..]),
        ("attributes=NAME.givenname", &["id", "name", "schemas"]),
        ("attributes=meta", &["id", "meta", "schemas"]),
        ("excludedAttributes=name,id,schemas,active,groups", &["id", "meta", "schemas", "userName"]),
    ] {
        let one = scim.get(&format!("{}?{query}", path(&ada))).await;
        assert_eq!(keys(&one), expected, "{query}");
        assert_eq!(scim.get(&format!("/Users?{query}")).await["Resources"], json!([one]), "{query}");
    }
    for at in [path(&poets), "/Groups".to_owned()] {
        let shown =
            |response: Value| response.get("Resources").map_or(response.clone(), |list| list[0].clone());
        assert_eq!(shown(scim.get(&at).await)["members"][0]["value"], ada["id"]);
        let without = shown(scim.get(&format!("{at}?excludedAttributes=members")).await);
        assert_eq!(keys(&without), ["displayName", "id", "meta", "schemas"]);
    }
    let probe = format!("{}&excludedAttributes=members", filter_path("Groups", "displayName eq \"poets\""));
    assert_eq!(keys(&scim.get(&probe).await["Resources"][0]), ["displayName", "id", "meta", "schemas"]);
    let search = json!({"excludedAttributes": ["members"], "filter": "displayName eq \"Poets\""});
    let found = scim.call(200, "POST", "/Groups/.search", search).await;
    assert!(found["Resources"][0].get("members").is_none());
    scim.expect_error(
        (400, "invalidValue"),
        "GET",
        "/Users?attributes=id&excludedAttributes=meta",
        Value::Null,
    )
    .await;
    let many = json!({"attributes": vec!["nope"; 101]});
    for at in ["/.search", "/Users/.search"] {
        scim.expect_error((400, "invalidValue"), "POST", at, many.clone()).await;
    }
}

async fn a_membership_is_found_by_group_and_member(scim: Scim) {
    let (ada, bob) = (scim.create_user("ada").await, scim.create_user("bob").await);
    let poets = scim.create_group("Poets", &[&ada]).await;
    scim.create_group("Others", &[&ada, &bob]).await;
    let probe = |user: &Value| {
        let filter = format!("id eq \"{}\" and members eq \"{}\"", text(&poets["id"]), text(&user["id"]));
        format!("{}&attributes=id", filter_path("Groups", &filter))
    };
    let found = scim.get(&probe(&ada)).await;
    assert_eq!((&found["totalResults"], &found["Resources"][0]["id"]), (&json!(1), &poets["id"]));
    assert_eq!(found["Resources"][0].as_object().map(|group| group.len()), Some(2), "{found}");
    assert_eq!(scim.get(&probe(&bob)).await["totalResults"], 0);
    assert_eq!(scim.find("Groups", &format!("members.value eq \"{}\"", text(&bob["id"]))).await, ["Others"]);
    assert_eq!(scim.find("Users", &format!("groups eq \"{}\"", text(&poets["id"]))).await, ["ada"]);
}

/// `GET /` is `/.search` with the parameters in the query (RFC 7644, section 3.4.2.1).
async fn the_root_lists_all_types(scim: Scim) {
    let ada = scim.create_user("ada").await;
    scim.create_group("Poets", &[&ada]).await;
    for (query, search) in [
        ("", json!({})),
        ("/", json!({})),
        ("?count=1&startIndex=2", json!({"count": 1, "startIndex": 2})),
        (
            "/?filter=displayName%20pr&attributes=displayName",
            json!({"filter": "displayName pr", "attributes": "displayName"}),
        ),
        ("?cursor&count=1", json!({"cursor": "", "count": 1})),
    ] {
        assert_eq!(scim.get(query).await, scim.call(200, "POST", "/.search", search).await, "{query}");
    }
    assert_eq!(names(&scim.get("").await), ["ada", "Poets"]);
    scim.expect_error((400, "invalidValue"), "GET", "?sortBy=id", Value::Null).await;
    scim.expect_error((405, ""), "POST", "", json!({})).await;
}

/// RFC 7644, section 3.4.2.1.
async fn an_attribute_that_a_type_lacks_has_no_value_in_a_search_of_all_types(scim: Scim) {
    let email = json!([{"value": "a@x", "type": "work"}]);
    let ada =
        scim.create("/Users", json!({"userName": "ada", "displayName": "Poets", "emails": email})).await;
    let poets = scim.create_group("Poets", &[&ada]).await;
    let values = [("{ada}", text(&ada["id"])), ("{poets}", text(&poets["id"]))];
    for (filter, expected) in section_with_values(TABLE, "searches_of_all_types", &values) {
        let found = scim.get(&filter_path("", &filter)).await;
        let by_body = scim.call(200, "POST", "/.search", json!({"filter": filter})).await;
        assert_eq!(found, by_body);
        let found_names = names(&found);
        assert_eq!(found["totalResults"], found_names.len(), "{filter}");
        assert_eq!(found_names.join(" "), expected, "{filter}");
        let (mut cursor, mut paged) = (json!(""), Vec::new());
        while !cursor.is_null() {
            let page = scim
                .call(200, "POST", "/.search", json!({"filter": filter, "cursor": cursor, "count": 1}))
                .await;
            paged.extend(names(&page));
            cursor = page["nextCursor"].clone();
        }
        assert_eq!(paged, found_names, "{filter}");
    }
    for (filter, cause) in section(TABLE, "invalid_filters_of_all_types") {
        let detail =
            scim.expect_error((400, "invalidFilter"), "GET", &filter_path("", filter), Value::Null).await;
        assert!(detail.contains(cause), "{filter}: {detail}");
    }
}

async fn search_requests_return_lists(scim: Scim) {
    scim.create_group("Poets", &[&scim.create_user("ada").await]).await;
    scim.create_user("bob").await;
    let urn = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    let search = json!({
        "schemas": [urn], "filter": "userName sw \"a\"", "attributes": ["userName"], "startIndex": 1, "count": 10,
        "sortBy": "userName", "sortOrder": "ascending", "unknown": 1,
    });
    let found = scim.call(200, "POST", "/Users/.search", search).await;
    assert_eq!((names(&found), &found["schemas"]), (vec!["ada".to_owned()], &json!([LIST])));
    for (search, expected) in [
        (json!({}), &["ada", "bob", "Poets"][..]),
        (json!({"startIndex": 3}), &["Poets"]),
        (json!({"startIndex": 2, "count": 1}), &["bob"]),
        (json!({"startIndex": 2, "count": 2}), &["bob", "Poets"]),
        (json!({"filter": "displayName eq \"poets\""}), &["Poets"]),
        (json!({"filter": "userName eq \"ada\""}), &["ada"]),
    ] {
        let found = scim.call(200, "POST", "/.search", search.clone()).await;
        assert_eq!(names(&found), expected, "{search}");
    }
    let (mut cursor, mut found) = (json!(""), Vec::new());
    while !cursor.is_null() {
        let page = scim.call(200, "POST", "/.search", json!({"cursor": cursor, "count": 1})).await;
        found.extend(names(&page));
        cursor = page["nextCursor"].clone();
    }
    assert_eq!(found, ["ada", "bob", "Poets"]);
    let projected = scim
        .call(200, "POST", "/.search", json!({"attributes": ["name", "displayName"], "startIndex": 2}))
        .await;
    let keys = |n: usize| projected["Resources"][n].as_object().expect("the value is an object").len();
    assert_eq!((keys(0), keys(1)), (2, 3), "{projected}");
    scim.expect_error((400, "invalidFilter"), "POST", "/.search", json!({"filter": "nope pr"})).await;
    scim.expect_error((400, "invalidValue"), "POST", "/.search", json!({"sortBy": "userName"})).await;
    scim.expect_error((400, "invalidValue"), "POST", "/Users/.search", json!({"count": "one"})).await;
}

async fn every_simple_attribute_can_be_sorted_by(scim: Scim) {
    let users = [
        json!({"userName": "c", "name": {"familyName": "Zimt"}, "active": true, "title": "B", "externalId": "2",
            (ENTERPRISE): {"department": "x", "manager": {"value": "7"}}}),
        json!({"userName": "B", "name": {"familyName": "adler"}, "active": false, "title": "a", "externalId": "1",
            (ENTERPRISE): {"department": "W", "manager": {"value": "6"}}}),
        json!({"userName": "a"}),
    ];
    for user in users {
        scim.create("/Users", user).await;
    }
    let by = |name: &str| format!("{ENTERPRISE}:{name}");
    for (attribute, ascending) in [
        ("userName".to_owned(), ["a", "B", "c"]),
        ("NAME.familyname".to_owned(), ["B", "c", "a"]),
        ("title".to_owned(), ["B", "c", "a"]),
        ("externalId".to_owned(), ["B", "c", "a"]),
        (by("department"), ["B", "c", "a"]),
        (by("manager.value"), ["B", "c", "a"]),
        ("meta.created".to_owned(), ["c", "B", "a"]),
        ("id".to_owned(), ["c", "B", "a"]),
        ("nickName".to_owned(), ["c", "B", "a"]),
        ("active".to_owned(), ["B", "c", "a"]),
    ] {
        let list = scim.get(&format!("/Users?sortBy={attribute}")).await;
        assert_eq!(names(&list), ascending, "{attribute}");
        let list = scim.get(&format!("/Users?sortBy={attribute}&sortOrder=Descending")).await;
        assert_eq!(names(&list), [ascending[2], ascending[1], ascending[0]], "{attribute}");
        let page =
            scim.get(&format!("/Users?sortBy={attribute}&startIndex=2&count=1&filter=userName%20pr")).await;
        assert_eq!((names(&page), &page["totalResults"]), (vec![ascending[1].to_owned()], &json!(3)));
    }
    scim.create_group("b", &[]).await;
    scim.create_group("A", &[]).await;
    assert_eq!(names(&scim.get("/Groups?sortBy=displayName").await), ["A", "b"]);
    for query in
        ["sortBy=addresses", "sortBy=name", "sortBy=nope", "sortBy=password", "sortBy=userName&sortOrder=up"]
    {
        scim.expect_error((400, "invalidValue"), "GET", &format!("/Users?{query}"), Value::Null).await;
    }
}

async fn lists_are_sorted_by_the_primary_value_otherwise_the_first(scim: Scim) {
    let email = |value: &str, primary: bool| json!({"value": value, "primary": primary, "type": "work"});
    let users = [
        json!({"userName": "a", "emails": [email("a@x", false), email("Z@x", true)], "addresses": [{"locality": "Ulm"}]}),
        json!({"userName": "b", "emails": [email("m@x", false), email("b@x", false)], "addresses": [{"locality": "aix"}]}),
        json!({"userName": "c"}),
        json!({"userName": "d", "emails": [email("C@x", true)], "addresses": [{"region": "r"}, {"locality": "Bonn"}]}),
    ];
    for user in users {
        scim.create("/Users", user).await;
    }
    for (attribute, ascending) in [
        ("emails", ["d", "b", "a", "c"]),
        ("emails.value", ["d", "b", "a", "c"]),
        ("EMAILS.primary", ["b", "a", "d", "c"]),
        ("emails.type", ["a", "b", "d", "c"]),
        ("addresses.locality", ["b", "a", "c", "d"]),
        ("phoneNumbers", ["a", "b", "c", "d"]),
    ] {
        let list = scim.get(&format!("/Users?sortBy={attribute}")).await;
        assert_eq!(names(&list), ascending, "{attribute}");
        let search = json!({"sortBy": attribute, "sortOrder": "descending", "startIndex": 2, "count": 2});
        let page = scim.call(200, "POST", "/Users/.search", search).await;
        assert_eq!(names(&page), [ascending[2], ascending[1]], "{attribute}");
        let (mut cursor, mut found) = (String::new(), Vec::new());
        for _ in 0..4 {
            let query = format!("sortBy={attribute}&count=1&filter=userName%20pr&cursor={cursor}");
            let page = scim.get(&format!("/Users?{query}")).await;
            found.extend(names(&page));
            cursor = page["nextCursor"].as_str().unwrap_or_default().to_owned();
        }
        assert_eq!((found, cursor), (ascending.map(str::to_owned).to_vec(), String::new()), "{attribute}");
    }
}

/// Values are sorted by their first 256 characters, then by id.
async fn long_sort_values_have_short_cursors(scim: Scim) {
    let long = |first: &str, last: &str| format!("{first}{}{last}", "é".repeat(25_000));
    for (name, title) in
        [("a", long("x", "b")), ("b", long("x", "a")), ("c", long("w", "")), ("d", "y".to_owned())]
    {
        scim.create("/Users", json!({"userName": name, "title": title})).await;
    }
    for (order, expected) in [("ascending", ["c", "a", "b", "d"]), ("descending", ["d", "b", "a", "c"])] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let query = format!("/Users?sortBy=title&sortOrder={order}&count=1&cursor={cursor}");
            let page = scim.get(&query).await;
            found.extend(names(&page));
            let Some(next) = page["nextCursor"].as_str() else { break };
            assert!(next.len() < 2_000, "{next}");
            next.clone_into(&mut cursor);
        }
        assert_eq!(found, expected);
    }
}

async fn discovery_needs_no_token_and_rejects_filters(scim: Scim) {
    let anonymous = Scim {
        client: crate::support::http::Client::anonymous(&scim.api.server),
        api: scim.api,
        adds_schemas: true,
    };
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/schemas", "/resourcetypes"] {
        let found = anonymous.get(path).await;
        assert!(!found.to_string().contains("null"), "{path}");
        anonymous.expect_error((403, ""), "GET", &format!("{path}?filter=id%20pr"), Value::Null).await;
    }
    for (path, count) in [("/Schemas", 6), ("/ResourceTypes", 2)] {
        let list = anonymous.get(path).await;
        assert_eq!((&list["schemas"], &list["totalResults"]), (&json!([LIST]), &json!(count)));
        for resource in list["Resources"].as_array().expect("the response has Resources") {
            let at = format!("{path}/{}", text(&resource["id"]));
            assert_eq!(&anonymous.get(&at).await, resource);
            assert!(text(&resource["meta"]["location"]).ends_with(&format!("/scim/v2{at}")));
        }
        anonymous.expect_error((404, ""), "GET", &format!("{path}/nope"), Value::Null).await;
    }
    let types = anonymous.get("/ResourceTypes").await;
    assert_eq!(types["Resources"][0]["schemaExtensions"], json!([{"schema": ENTERPRISE, "required": false}]));
}

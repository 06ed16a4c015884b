//! Filters (`GET /users?filter=`): which users match.

use crate::api::callers::check_head;
use crate::api::query::{check_filters, items, list_users, matching_names, names, users_target};
use crate::support::api::{Api, path, send_concurrently};
use crate::support::table::section;
use serde_json::{Value, json};

engine_tests! {
    names_can_have_a_schema_urn
    plus_signs_mean_spaces
    head_accepts_filters
    filters_reflect_every_write
    sparse_matches_are_found_with_every_page_size
    filters_can_have_a_hundred_terms
}

/// Filters and the users of [`create_people`] that match them.
const TABLE: &str = include_str!("filters.txt");

table_tests! { TABLE by check_section:
    operators_apply_to_indexed_strings
    operators_apply_to_unindexed_strings
    operators_apply_to_multi_valued_attributes
    negation_matches_absent_values
    present_matches_non_empty_values
    null_means_no_value
    and_binds_tighter_than_or
    brackets_match_one_element_and_dots_match_any
    brackets_can_be_followed_by_a_sub_attribute
    multi_valued_attributes_are_compared_by_value
    nested_attributes_can_be_filtered
    names_and_operators_ignore_case;
    names_can_have_a_schema_urn
}

async fn check_section(api: Api, name: &str) {
    create_people(&api).await;
    check_filters(&api, &section(TABLE, name)).await;
}

/// Creates Ada and Grace, who have most attributes, Alan, who has empty strings, and Bob, who has only a name.
pub(crate) async fn create_people(api: &Api) -> Vec<Value> {
    let ada = json!({
        "userName": "Ada",
        "externalId": "E-Ada",
        "displayName": "Ada Lovelace",
        "name": { "familyName": "Lovelace", "givenName": "Ada" },
        "nickName": "Enchantress",
        "title": "Countess",
        "profileUrl": "https://Example.com/Ada",
        "emails": [
            { "value": "ada@x.com", "type": "work", "primary": true },
            { "value": "ada@home.org", "type": "home", "display": "At home" },
        ],
        "phoneNumbers": [{ "value": "tel:+44-1", "type": "Mobile" }],
        "photos": [{ "value": "https://Photos.example/A" }],
        "roles": [{ "value": "Poet" }],
        "x509Certificates": [{ "value": "MIIAbcde" }],
        "addresses": [{ "country": "UK", "locality": "London" }],
        "enterprise": { "employeeNumber": "E7", "department": "Engines", "manager": { "value": "B-1" } },
    });
    let grace = json!({
        "userName": "grace",
        "externalId": "e-grace",
        "displayName": "Grace Hopper",
        "name": { "familyName": "Hopper" },
        "title": "Admiral",
        "active": false,
        "emails": [
            { "value": "grace@navy.mil", "type": "work" },
            { "value": "hopper@x.com", "type": "home", "primary": true },
        ],
        "addresses": [{ "country": "US", "locality": "Arlington" }, { "country": "UK" }],
        "enterprise": { "department": "Navy" },
    });
    let alan = json!({
        "userName": "alan",
        "name": { "givenName": "" },
        "nickName": "",
        "enterprise": { "manager": { "value": "" } },
    });
    let bob = json!({ "userName": "bob" });
    let mut created = Vec::new();
    for body in [ada, grace, alan, bob] {
        created.push(api.create(&body).await);
    }
    created
}

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn names_can_have_a_schema_urn(api: Api) {
    create_people(&api).await;
    let spellings: [fn(&str) -> String; 3] = [str::to_owned, str::to_uppercase, str::to_lowercase];
    for spelling in spellings {
        for (filter, expected) in section(TABLE, "names_can_have_a_schema_urn") {
            let filter =
                filter.replace("{core}", &spelling(CORE)).replace("{enterprise}", &spelling(ENTERPRISE));
            check_filters(&api, &[(&filter, expected)]).await;
            let others = matching_names(&api, &format!("userName pr and not ({filter})")).await;
            let count = |names: &str| names.split_terminator(' ').count();
            assert_eq!(count(expected) + count(&others), 4, "{filter}");
        }
    }
}

async fn plus_signs_mean_spaces(api: Api) {
    create_people(&api).await;
    let plus = json!({ "userName": "plus", "emails": [{ "value": "a+b@x.com" }], "title": "a b" });
    api.create(&plus).await;
    for (query, expected) in [
        ("filter=userName+eq+%22ada%22", "Ada"),
        ("filter=userName+eq+%22ada%22+or%20userName%20eq+%22bob%22", "Ada bob"),
        ("filter=title+eq+%22a+b%22", "plus"),
        ("filter=emails.value+eq+%22a%2Bb@x.com%22", "plus"),
        ("filter=emails.value+eq+%22a+b@x.com%22", ""),
        ("%66ilter=userName%20eq%20%22%61da%22", "Ada"),
    ] {
        let page = api.page(&format!("?{query}")).await;
        assert_eq!(names(items(&page)).join(" "), expected, "{query}");
    }
}

async fn head_accepts_filters(api: Api) {
    create_people(&api).await;
    for (filter, status) in [(r#"userName eq "ada""#, 200), ("title pr", 200), ("title", 400), ("", 400)] {
        let target = users_target(&[("filter", filter), ("sort", "-userName"), ("limit", "1")]);
        check_head(&api.client, &target, status).await;
    }
}

async fn filters_reflect_every_write(api: Api) {
    let created = create_people(&api).await;
    let by_email = r#"emails.value eq "new@x.com""#;
    let cases = [by_email, r#"userName eq "renamed""#, r#"displayName sw "new""#, r#"externalId eq "n""#];
    for filter in cases {
        check_filters(&api, &[(filter, "")]).await;
    }
    let body = json!({ "userName": "Renamed", "displayName": "New", "externalId": "n", "emails": [{ "value": "new@x.com" }] });
    api.patch(&created[0], &body).await;
    for filter in cases {
        check_filters(&api, &[(filter, "Renamed")]).await;
    }
    for former in [r#"userName eq "ada""#, r#"emails eq "ada@x.com""#, r#"externalId eq "E-Ada""#] {
        check_filters(&api, &[(former, "")]).await;
    }
    api.replace(&created[0], &json!({ "userName": "Renamed" })).await;
    check_filters(&api, &[(by_email, ""), ("displayName pr", "grace"), ("externalId pr", "grace")]).await;
    api.client.delete(&path(&created[0])).send().await.expect(204);
    check_filters(&api, &[(r#"userName eq "renamed""#, ""), ("userName pr", "grace alan bob")]).await;
}

/// The filters scan many users per page.
async fn sparse_matches_are_found_with_every_page_size(api: Api) {
    let create = |index: usize| {
        let nick = if index == 271 { "needle" } else { "hay" };
        let body =
            json!({ "userName": format!("u{index}"), "nickName": nick, "active": index.is_multiple_of(3) });
        api.client.post("/users", &body)
    };
    let responses = send_concurrently(300, create).await;
    assert!(responses.iter().all(|response| response.code() == 201));
    for limit in ["1", "7", "500"] {
        let needle =
            list_users(&api.client, &[("filter", r#"nickName eq "Needle""#), ("limit", limit)]).await;
        assert_eq!(names(&needle), ["u271"], "{limit}");
        let active =
            list_users(&api.client, &[("filter", r#"active eq true and nickName co "a""#), ("limit", limit)])
                .await;
        assert_eq!(active.len(), 100, "{limit}");
        let none = list_users(&api.client, &[("filter", r#"title eq "x""#), ("limit", limit)]).await;
        assert_eq!(none.len(), 0, "{limit}");
    }
    let total = users_target(&[("filter", r#"nickName eq "hay""#), ("include", "total"), ("limit", "1")]);
    assert_eq!(api.client.get(&total).send().await.expect(200).json()["total"], 299);
}

async fn filters_can_have_a_hundred_terms(api: Api) {
    for index in [0, 50, 99, 100] {
        api.create(&json!({ "userName": format!("u{index}"), "title": format!("t{index}") })).await;
    }
    for (attribute, letter) in [("userName", 'u'), ("title", 't')] {
        let terms: Vec<_> = (0..100).map(|index| format!("{attribute} eq \"{letter}{index}\"")).collect();
        check_filters(&api, &[(&terms.join(" or "), "u0 u50 u99"), (&terms.join(" and "), "")]).await;
        let others: Vec<_> = (0..100).map(|index| format!("{attribute} ne \"{letter}{index}\"")).collect();
        check_filters(&api, &[(&others.join(" and "), "u100"), (&others.join(" or "), "u0 u50 u99 u100")])
            .await;
    }
}

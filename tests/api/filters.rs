//! Filters (`GET /users?filter=`): which users match.

use crate::api::query::{check_filters, items, list_users, matching_names, names, users_target};
use crate::support::api::{Api, path};
use reqwest::Method;
use serde_json::{Value, json};

engine_tests! {
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
    names_can_have_a_schema_urn
    names_and_operators_ignore_case
    plus_signs_mean_spaces
    head_accepts_filters
    filters_see_every_write
    sparse_matches_are_found_with_every_page_size
    filters_can_have_a_hundred_terms
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

async fn operators_apply_to_indexed_strings(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"userName eq "ADA""#, "Ada"),
        (r#"userName ne "ada""#, "grace alan bob"),
        (r#"userName co "A""#, "Ada grace alan"),
        (r#"userName sw "A""#, "Ada alan"),
        (r#"userName ew "A""#, "Ada"),
        (r#"userName gt "Alan""#, "grace bob"),
        (r#"userName ge "Alan""#, "grace alan bob"),
        (r#"userName lt "Alan""#, "Ada"),
        (r#"userName le "Alan""#, "Ada alan"),
        ("userName pr", "Ada grace alan bob"),
        (r#"userName eq "ad""#, ""),
        (r#"userName eq """#, ""),
        (r#"userName sw """#, "Ada grace alan bob"),
        (r#"displayName eq "ada lovelace""#, "Ada"),
        (r#"displayName ne "ada lovelace""#, "grace alan bob"),
        (r#"displayName co "LACE""#, "Ada"),
        (r#"displayName sw "G""#, "grace"),
        (r#"displayName ew "hopper""#, "grace"),
        (r#"displayName gt "B""#, "grace"),
        (r#"displayName ge "Grace Hopper""#, "grace"),
        (r#"displayName lt "B""#, "Ada"),
        (r#"displayName le "grace hopper""#, "Ada grace"),
        ("displayName pr", "Ada grace"),
    ];
    check_filters(&api, &cases).await;
}

async fn operators_apply_to_unindexed_strings(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"title eq "COUNTESS""#, "Ada"),
        (r#"title ne "countess""#, "grace alan bob"),
        (r#"title co "MI""#, "grace"),
        (r#"title sw "count""#, "Ada"),
        (r#"title ew "RAL""#, "grace"),
        (r#"title gt "admiral""#, "Ada"),
        (r#"title ge "admiral""#, "Ada grace"),
        (r#"title lt "B""#, "grace"),
        (r#"title le "b""#, "grace"),
        ("title pr", "Ada grace"),
        (r#"title eq "count""#, ""),
    ];
    check_filters(&api, &cases).await;
}

async fn operators_apply_to_multi_valued_attributes(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"emails.value eq "HOPPER@X.COM""#, "grace"),
        (r#"emails.value ne "hopper@x.com""#, "Ada alan bob"),
        (r#"emails.value co "@X""#, "Ada grace"),
        // Two of Ada's values match, and she is listed once.
        (r#"emails.value sw "Ada@""#, "Ada"),
        (r#"emails.value ew ".mil""#, "grace"),
        (r#"emails.value gt "h""#, "grace"),
        (r#"emails.value ge "grace@navy.mil""#, "grace"),
        (r#"emails.value lt "b""#, "Ada"),
        (r#"emails.value le "ADA@HOME.ORG""#, "Ada"),
        ("emails.value pr", "Ada grace"),
        (r#"emails.type eq "WORK""#, "Ada grace"),
        (r#"addresses.country eq "uk""#, "Ada grace"),
        (r#"addresses.country ne "us""#, "Ada alan bob"),
    ];
    check_filters(&api, &cases).await;
}

/// A comparison with an absent value is false, unlike in SQL, where it is unknown.
async fn negation_matches_absent_values(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"not (title eq "Countess")"#, "grace alan bob"),
        (r#"not (title ne "Countess")"#, "Ada"),
        (r#"not (title gt "a")"#, "alan bob"),
        (r#"not (title le "z")"#, "alan bob"),
        (r#"not (title co "mir")"#, "Ada alan bob"),
        (r#"not (displayName sw "ada")"#, "grace alan bob"),
        (r#"not (displayName gt "a")"#, "alan bob"),
        (r#"not (externalId sw "E")"#, "grace alan bob"),
        (r#"not (emails.value co "@")"#, "alan bob"),
        (r#"not (emails.display eq "At home")"#, "grace alan bob"),
        (r#"not (emails[type eq "work"])"#, "alan bob"),
        (r#"not (enterprise.department co "n")"#, "alan bob"),
        (r#"not (title eq "Countess" or title eq "Admiral")"#, "alan bob"),
        (r#"not (title eq "Countess" and active eq true)"#, "grace alan bob"),
        (r#"not (not (title eq "Countess"))"#, "Ada"),
        (r#"not (title gt "b" or displayName gt "zz")"#, "grace alan bob"),
        (r#"title ne "x" and displayName ne "x" and externalId ne "x""#, "Ada grace alan bob"),
    ];
    check_filters(&api, &cases).await;
}

async fn present_matches_non_empty_values(api: Api) {
    create_people(&api).await;
    let all = "Ada grace alan bob";
    let cases = [
        ("nickName pr", "Ada"),
        ("not (nickName pr)", "grace alan bob"),
        ("name.givenName pr", "Ada"),
        ("name pr", "Ada grace"),
        ("emails pr", "Ada grace"),
        ("not (emails pr)", "alan bob"),
        ("addresses pr", "Ada grace"),
        ("phoneNumbers pr", "Ada"),
        ("phoneNumbers.display pr", ""),
        ("emails.display pr", "Ada"),
        ("enterprise pr", "Ada grace"),
        ("enterprise.manager pr", "Ada"),
        ("enterprise.manager.value pr", "Ada"),
        ("externalId pr", "Ada grace"),
        ("active pr", all),
        ("id pr", all),
        ("version pr", all),
        ("createdAt pr", all),
        ("updatedAt pr", all),
        ("not (id pr)", ""),
        ("not (updatedAt pr)", ""),
    ];
    check_filters(&api, &cases).await;
}

async fn null_means_no_value(api: Api) {
    create_people(&api).await;
    let all = "Ada grace alan bob";
    let cases = [
        ("nickName eq null", "grace alan bob"),
        ("nickName ne null", "Ada"),
        ("displayName eq null", "alan bob"),
        ("displayName ne null", "Ada grace"),
        ("name eq null", "alan bob"),
        ("emails eq null", "alan bob"),
        ("emails ne null", "Ada grace"),
        ("emails.display eq null", "grace alan bob"),
        ("emails[display eq null]", "Ada grace"),
        ("enterprise.manager eq null", "grace alan bob"),
        ("externalId eq null", "alan bob"),
        ("active eq null", ""),
        ("id ne null", all),
        ("createdAt eq null", ""),
        ("version ne null", all),
        ("not (title eq null)", "Ada grace"),
        // An empty string is not a value for `pr` and `null`, but can be compared as a string.
        (r#"nickName eq """#, "alan"),
        (r#"nickName co """#, "Ada alan"),
    ];
    check_filters(&api, &cases).await;
}

async fn and_binds_tighter_than_or(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"userName eq "ada" or userName eq "grace" and active eq true"#, "Ada"),
        (r#"(userName eq "ada" or userName eq "grace") and active eq false"#, "grace"),
        (r#"active eq false and userName eq "ada" or userName eq "bob""#, "bob"),
        (r#"active eq false and (userName eq "ada" or userName eq "bob")"#, ""),
        (r#"not (userName eq "ada") and active eq true"#, "alan bob"),
        (r#"not (userName eq "ada" and active eq true)"#, "grace alan bob"),
        (r#"active eq true and not (userName eq "ada")"#, "alan bob"),
        (r#"not (userName eq "ada") or userName eq "ada""#, "Ada grace alan bob"),
        (r#"not(userName eq "ada")"#, "grace alan bob"),
        (r#"((userName eq "ada"))"#, "Ada"),
        (r#"title pr or userName eq "bob" and nickName pr or userName eq "alan""#, "Ada grace alan"),
        (r#"(title pr or userName eq "bob") and (nickName pr or active eq false)"#, "Ada grace"),
        (r#"userName eq "ada" or userName eq "bob" or userName eq "alan""#, "Ada alan bob"),
        (r#"userName co "a" and userName co "l" and userName co "n""#, "alan"),
    ];
    check_filters(&api, &cases).await;
}

async fn brackets_match_one_element_and_dots_match_any(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"emails[type eq "work" and value ew "@x.com"]"#, "Ada"),
        (r#"emails.type eq "work" and emails.value ew "@x.com""#, "Ada grace"),
        (r#"emails[value eq "ada@x.com" and type eq "home"]"#, ""),
        (r#"emails.value eq "ada@x.com" and emails.type eq "home""#, "Ada"),
        (r#"emails[value sw "ada@" and type eq "home"]"#, "Ada"),
        (r#"emails[type eq "home" and primary eq true]"#, "grace"),
        (r#"emails[type eq "work"]"#, "Ada grace"),
        // In brackets some element has another type. Without them no element has this type.
        (r#"emails[type ne "work"]"#, "Ada grace"),
        (r#"emails[not (type eq "work")]"#, "Ada grace"),
        (r#"emails.type ne "work""#, "alan bob"),
        (r#"not (emails[type eq "home" and value ew "@x.com"])"#, "Ada alan bob"),
        (r#"emails[value eq "ada@x.com" or value eq "hopper@x.com"]"#, "Ada grace"),
        (r#"emails[(type eq "home" or primary eq true) and value ew ".org"]"#, "Ada"),
        (r#"emails[type eq "work" and not (value ew "@x.com")]"#, "grace"),
        ("emails[display pr]", "Ada"),
        ("emails[primary eq false]", "Ada grace"),
        (r#"addresses[country eq "uk" and locality pr]"#, "Ada"),
        (r#"addresses[country eq "us" and locality eq "LONDON"]"#, ""),
        (r#"phoneNumbers[type eq "mobile"]"#, "Ada"),
        (r#"active eq false and emails[type eq "work"]"#, "grace"),
        (r#"emails[type eq "work" and value sw "ada"] or roles[value eq "none"]"#, "Ada"),
    ];
    check_filters(&api, &cases).await;
}

async fn brackets_can_be_followed_by_a_sub_attribute(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"emails[type eq "work"].value ew "@x.com""#, "Ada"),
        (r#"emails[type eq "work"].value eq "grace@navy.mil""#, "grace"),
        (r#"emails[type eq "work"].value ne "ada@x.com""#, "grace alan bob"),
        (r#"emails[type eq "home"].primary eq true"#, "grace"),
        (r#"emails[type eq "work"].display pr"#, ""),
        (r#"emails[type eq "home"].display pr"#, "Ada"),
        // The sub-attribute must match the whole bracketed filter, not only its last term.
        (r#"emails[type eq "home" or type eq "work"].value sw "hopper""#, "grace"),
        (r#"not (emails[type eq "work"].value ew "@x.com")"#, "grace alan bob"),
        (r#"addresses[country eq "US"].locality eq "arlington" and active eq false"#, "grace"),
        (r#"EMAILS[Type eq "WORK"].Value eq "ADA@X.COM""#, "Ada"),
    ];
    check_filters(&api, &cases).await;
}

async fn multi_valued_attributes_are_compared_by_value(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"emails eq "ada@X.com""#, "Ada"),
        (r#"emails ne "ada@x.com""#, "grace alan bob"),
        (r#"emails co "home""#, "Ada"),
        (r#"emails sw "hop""#, "grace"),
        (r#"not (emails ew ".mil")"#, "Ada alan bob"),
        (r#"phoneNumbers eq "TEL:+44-1""#, "Ada"),
        (r#"roles gt "p""#, "Ada"),
        (r#"photos ew "/A""#, "Ada"),
        (r#"x509Certificates eq "MIIAbcde""#, "Ada"),
        (r#"enterprise.manager eq "b-1""#, "Ada"),
        (r#"enterprise.manager ne "b-1""#, "grace alan bob"),
    ];
    check_filters(&api, &cases).await;
}

async fn nested_attributes_can_be_filtered(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"name.familyName eq "hopper""#, "grace"),
        (r#"name.familyName ne "hopper""#, "Ada alan bob"),
        (r#"name.givenName sw "A""#, "Ada"),
        (r#"name.familyName gt "i""#, "Ada"),
        (r#"enterprise.department eq "ENGINES""#, "Ada"),
        (r#"enterprise.department ne "engines""#, "grace alan bob"),
        (r#"enterprise.employeeNumber eq "e7""#, "Ada"),
        (r#"enterprise.manager.value sw "b""#, "Ada"),
        (r#"enterprise.manager.value ne "b-1""#, "grace alan bob"),
    ];
    check_filters(&api, &cases).await;
}

const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn names_can_have_a_schema_urn(api: Api) {
    create_people(&api).await;
    let cases = [
        (CORE, r#"userName eq "ada""#, "Ada"),
        (CORE, r#"name.familyName eq "hopper""#, "grace"),
        (CORE, r#"emails.value ew ".org""#, "Ada"),
        (CORE, r#"emails eq "ada@x.com""#, "Ada"),
        (CORE, r#"emails[type eq "work" and value ew "@x.com"]"#, "Ada"),
        (CORE, r#"emails[type eq "work"].value ew "@x.com""#, "Ada"),
        (CORE, "title pr", "Ada grace"),
        (CORE, "active eq false", "grace"),
        (ENTERPRISE, r#"department eq "navy""#, "grace"),
        (ENTERPRISE, r#"department ne "navy""#, "Ada alan bob"),
        (ENTERPRISE, "employeeNumber pr", "Ada"),
        (ENTERPRISE, r#"manager.value eq "b-1""#, "Ada"),
        (ENTERPRISE, r#"manager eq "b-1""#, "Ada"),
    ];
    for (urn, filter, expected) in cases {
        for urn in [urn.to_owned(), urn.to_uppercase(), urn.to_lowercase()] {
            let filter = format!("{urn}:{filter}");
            assert_eq!(matching_names(&api, &filter).await, expected, "{filter}");
            let inside = format!("userName pr and not ({filter})");
            assert_eq!(
                matching_names(&api, &inside).await.split_terminator(' ').count()
                    + expected.split_terminator(' ').count(),
                4
            );
        }
    }
}

async fn names_and_operators_ignore_case(api: Api) {
    create_people(&api).await;
    let cases = [
        (r#"USERNAME eq "ada""#, "Ada"),
        (r#"username EQ "ada""#, "Ada"),
        (r#"UserName Ne "ada""#, "grace alan bob"),
        (r#"NAME.FAMILYNAME Co "HOP""#, "grace"),
        (r#"Emails[TYPE eq "work" AND VALUE eW "@X.COM"]"#, "Ada"),
        (r#"userName eQ "ada" OR NOT (title PR) And Active eq true"#, "Ada alan bob"),
        ("X509CERTIFICATES.VALUE pr", "Ada"),
        (r#"ENTERPRISE.MANAGER eq "b-1""#, "Ada"),
        (r#"externalid SW "E-""#, "Ada"),
        (r#"CREATEDAT GT "2000-01-01t00:00:00z""#, "Ada grace alan bob"),
    ];
    check_filters(&api, &cases).await;
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
        let get = api.client.get(&target).header("x-request-id", "same").send().await.expect(status);
        let head = api.client.request(Method::HEAD, &target).header("x-request-id", "same");
        let head = head.send().await.expect(status);
        assert_eq!(head.text(), "", "{target}");
        for name in ["content-type", "content-length", "link", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {target}");
        }
    }
}

async fn filters_see_every_write(api: Api) {
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
        let request = api.client.post("/users", &body);
        async move { request.send().await }
    };
    let responses = crate::support::api::at_once(300, create).await;
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

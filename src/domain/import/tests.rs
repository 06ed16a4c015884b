use super::*;
use crate::domain::user::{Draft, Representation, User, WriteMode};
use proptest::prelude::*;
use serde_json::{Value, json};

const ID: &str = "0191d6ae-5f00-7000-8000-00000000000a";

fn line(text: &[u8], is_complete: bool) -> RawLine {
    RawLine { number: 1, range: 0..0, text: Some(text.to_vec()), is_complete }
}

/// The codes and pointers of the errors of a line.
fn errors(parser: &Parser, text: &[u8], is_complete: bool) -> Vec<(&'static str, String)> {
    let errors = parser.parse(line(text, is_complete)).content.unwrap_err();
    errors.into_iter().map(|error| (error.code, error.pointer)).collect()
}

fn columns(header: &str, mapping: Value) -> Result<Columns, Vec<FieldError>> {
    Columns::read(line(header.as_bytes(), true), &Mapping::read(mapping).unwrap())
}

fn csv(header: &str) -> Parser {
    Parser::Csv(columns(header, json!({})).unwrap())
}

fn values(parser: &Parser, text: &str) -> Values {
    match parser.parse(line(text.as_bytes(), true)).content {
        Ok(Content::User(values)) => values,
        other => panic!("{other:?}"),
    }
}

fn user(body: Value) -> User {
    User::new(ID.parse().unwrap(), Draft::read(body, WriteMode::Create).unwrap(), 0.into())
}

fn updated(user: &User, values: &Values) -> User {
    let read = |body| Draft::read(body, WriteMode::Patch(user.id));
    user.with(values.update(&Representation::from(user), read).unwrap())
}

#[test]
fn every_kind_of_invalid_line_has_its_own_error() {
    for (text, is_complete, expected) in [
        (&b"{\"userName\":\"caf\xe9\"}"[..], true, ("encoding", "")),
        (b"{\"userName\":", true, ("malformed", "")),
        (b"{\"userName\":", false, ("truncated", "")),
        (b"{\"userName\":\"a\",\"userName\":\"b\"}", true, ("malformed", "")),
        (b"[]", true, ("wrong-type", "")),
        (b"{\"title\":\"\\u0000\"}", true, ("unstorable", "/title")),
        (b"{\"resource\":\"key\"}", true, ("wrong-type", "/resource")),
    ] {
        let errors = errors(&Parser::Ndjson, text, is_complete);
        assert_eq!(errors, [(expected.0, expected.1.to_owned())], "{}", String::from_utf8_lossy(text));
    }
    assert!(
        Parser::Ndjson.parse(line(b"{\"userName\":\"a\"}", false)).content.is_ok(),
        "only the line feed is missing"
    );
    let too_long = RawLine { text: None, ..line(b"", true) };
    assert_eq!(Parser::Ndjson.parse(too_long).content.unwrap_err()[0].code, "too-large");
    assert_eq!(errors(&csv("userName,title"), b"a", true), [("malformed", String::new())]);
    assert_eq!(errors(&csv("userName,title"), b"a", false), [("truncated", String::new())]);
    assert_eq!(errors(&csv("userName,title"), b"a,\"b\nc,d\n", true), [("malformed", String::new())]);
    assert_eq!(errors(&csv("userName,title"), b"a,\"b", false), [("truncated", String::new())]);
    assert!(check_start(b"\xff\xfea\0").is_err());
    assert!(check_start(b"\xef\xbb\xbfa").is_ok());
}

#[test]
fn columns_are_attributes_or_mapped_or_ignored() {
    let mapping = json!({ "columns": { "Login": "userName", "Gone": "title" }, "ignore": ["Room"] });
    let header = "Login,Room,emails.value,Shoe size,version,name,custom.\0,username";
    let errors = columns(header, mapping).unwrap_err();
    let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(pointers, ["/Shoe size", "/version", "/name", "/custom.\0", "/username", "/Gone"]);
    for invalid in
        [json!([]), json!({ "columns": { "a": 1 } }), json!({ "ignore": "a" }), json!({ "ignored": [] })]
    {
        assert!(Mapping::read(invalid.clone()).is_err(), "{invalid}");
    }
}

#[test]
fn a_record_becomes_nested_attributes() {
    let header = "userName,name.givenName,emails.value,emails.primary,active,enterprise.manager.value,custom.badge,groups,id";
    let parser = csv(header);
    let values = values(&parser, &format!("ada,\"Ada \"\"A\"\"\nL\",a@x,TRUE,false,m,7,One; Two;,{ID}"));
    let draft = values.create(|body| Draft::read(body, WriteMode::Create)).unwrap();
    let expected = json!({
        "userName": "ada",
        "name": { "givenName": "Ada \"A\"\nL" },
        "emails": [{ "value": "a@x", "primary": true }],
        "active": false,
        "enterprise": { "manager": { "value": "m" } },
        "custom": { "badge": "7" },
    });
    assert_eq!(draft, Draft::read(expected, WriteMode::Create).unwrap());
    assert_eq!((values.groups, values.id), (vec!["One".to_owned(), "Two".to_owned()], ID.parse().ok()));
}

#[test]
fn a_record_changes_only_the_attributes_of_its_columns() {
    let stored = user(json!({
        "userName": "ada", "title": "Countess", "name": { "givenName": "Ada", "familyName": "Byron" },
        "emails": [{ "value": "a@x", "type": "work" }, { "value": "b@x", "primary": true }],
    }));
    let parser = csv("userName,name.familyName,emails.value");
    assert_eq!(updated(&stored, &values(&parser, "ada,Byron,b@x")), stored);
    let changed = updated(&stored, &values(&parser, "ada,Lovelace,c@x"));
    let expected = user(json!({
        "userName": "ada", "title": "Countess", "name": { "givenName": "Ada", "familyName": "Lovelace" },
        "emails": [{ "value": "c@x" }],
    }));
    assert_eq!(changed, expected);
    let cleared = updated(&stored, &values(&parser, "ada,,"));
    assert_eq!((cleared.attributes.name.family_name, cleared.attributes.emails.len()), (None, 0));
    assert_eq!(cleared.attributes.title.as_deref(), Some("Countess"));
}

#[test]
fn repeating_a_creation_changes_nothing() {
    let record = "userName,active,title,custom.badge,custom.room,emails.value";
    let lines = [
        (csv(record), "ada,,,,7,"),
        (
            Parser::Ndjson,
            r#"{"userName":"ada","active":null,"custom":{"a":null,"b":{"c":null}},"title":null}"#,
        ),
    ];
    for (parser, text) in lines {
        let values = values(&parser, text);
        let draft = values.create(|body| Draft::read(body, WriteMode::Create)).unwrap();
        let created = User::new(ID.parse().unwrap(), draft, 0.into());
        assert!(created.attributes.active, "{text}");
        assert_eq!(updated(&created, &values), created, "{text}");
    }
}

#[test]
fn lines_of_an_export_replace_whole_attributes() {
    let stored = user(json!({ "userName": "ada", "title": "x", "custom": { "a": 1, "b": 2 } }));
    let entry = |after: Value| {
        json!({ "resource": "user", "id": ID, "version": 3, "time": "2026-01-02T03:04:05Z",
            "createdAt": "2026-01-02T03:04:05Z", "after": after })
        .to_string()
    };
    let text = entry(json!({ "custom": { "a": 1 }, "externalIds": { "native": "e", ID: "f" } }));
    let values = values(&Parser::Ndjson, &text);
    let changed = updated(&stored, &values);
    assert_eq!(changed.attributes.custom, *json!({ "a": 1 }).as_object().unwrap());
    assert_eq!(changed.attributes.title.as_deref(), Some("x"));
    assert_eq!(
        (values.external_id(), values.external_ids.as_ref().map(|ids| ids.len())),
        (Some("e"), Some(2))
    );
    let wrong = entry(json!({ "externalIds": { "native": " ", "other": "x" } }));
    let pointers = [("blank", "/after/externalIds/native"), ("unknown-field", "/after/externalIds/other")];
    assert_eq!(
        errors(&Parser::Ndjson, wrong.as_bytes(), true),
        pointers.map(|(code, at)| (code, at.to_owned()))
    );
}

proptest! {
    #[test]
    fn arbitrary_lines_do_not_panic(bytes: Vec<u8>, text in "[a\",.\\r\\n{}:;]{0,40}", is_complete: bool) {
        for parser in [Parser::Ndjson, csv("userName,emails.value,groups")] {
            drop(parser.parse(line(&bytes, is_complete)));
            drop(parser.parse(line(text.as_bytes(), is_complete)));
        }
    }
}

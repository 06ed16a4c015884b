//! docs/filters.md

use crate::docs::place::{Place, count};

/// A search that finds one of two users.
pub(crate) fn run(place: &Place, commands: &[String]) {
    let [find] = commands else { panic!("{commands:#?}") };
    let server = place.server().start();
    for name in ["Ada", "grace"] {
        let create = format!(
            r#"curl -fsS "$URL/users" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
               -d '{{"userName":"{name}"}}'"#
        );
        place.shell_beside(&server).run(&create);
    }
    let found = &place.shell_beside(&server).answers(find)[0];
    assert_eq!((count(found), &found["items"][0]["userName"]), (1, &"Ada".into()));
    assert_eq!(found["items"][0].as_object().map(serde_json::Map::len), Some(3), "{found}");
}

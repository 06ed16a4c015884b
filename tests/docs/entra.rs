//! docs/entra.md

use crate::docs::place::{Place, resources};

/// What Entra ID sends, from its test of the connection to the end of a user.
pub(crate) fn run(place: &Place, commands: &[String]) {
    let server = place.server().start();
    let answers = place.shell_beside(&server).answers(&commands.concat());
    let [nobody, by_mail, with_flag, without_flag, no_group, is_member, is_none] = &answers[..] else {
        panic!("{answers:#?}")
    };
    for empty in [nobody, no_group, is_none] {
        assert_eq!((resources(empty).len(), &empty["totalResults"]), (0, &0.into()));
    }
    let found = &resources(by_mail)[0];
    assert_eq!((&found["userName"], &found["active"]), (&"ada@example.com".into(), &true.into()));
    assert_eq!((&with_flag["id"], &with_flag["displayName"]), (&found["id"], &"Ada King".into()));
    assert_eq!(with_flag["name"]["familyName"], "King");
    assert_eq!(without_flag["phoneNumbers"][0]["type"], "mobile");
    assert_eq!(without_flag["active"], false);
    assert_eq!(resources(is_member).len(), 1);
}

//! docs/okta.md

use crate::docs::place::{Place, resources};

/// What Okta sends, from its first look to the end of a group.
pub(crate) fn run(place: &Place, commands: &[String]) {
    let server = place.server().start();
    let answers = place.shell_beside(&server).answers(&commands.concat());
    let [users, groups, nobody, replaced, left, pushed] = &answers[..] else { panic!("{answers:#?}") };
    for empty in [users, groups, nobody] {
        assert_eq!((resources(empty).len(), &empty["totalResults"]), (0, &0.into()));
    }
    assert_eq!((&replaced["name"]["familyName"], &replaced["active"]), (&"King".into(), &true.into()));
    assert_eq!((&replaced["displayName"], &replaced["locale"]), (&().into(), &().into()), "cleared");
    assert_eq!((&left["id"], &left["active"]), (&replaced["id"], &false.into()));
    assert_eq!((&pushed["displayName"], &pushed["members"][0]["value"]), (&"Engineers".into(), &left["id"]));
}

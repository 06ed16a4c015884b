//! docs/api.md

use crate::docs::place::Place;

/// A key, a group, and a create that is repeated.
pub(crate) fn run(place: &Place, commands: &[String]) {
    let [key, group, create] = commands else { panic!("{commands:#?}") };
    let server = place.server().start();
    let run = |script: &str| place.shell_beside(&server).answers(script);
    assert_eq!(run(key)[0]["role"], "reader");
    assert_eq!(run(group)[0]["displayName"], "Engineers");
    let created = run(create);
    assert_eq!(created[0]["userName"], "grace");
    assert_eq!(run(create), created, "a repeat gets the same answer");
}

//! docs/scim.md

use crate::docs::place::Place;

/// A connection with a token.
pub(crate) fn run(place: &Place, commands: &[String]) {
    let [connect] = commands else { panic!("{commands:#?}") };
    let server = place.server().start();
    let answers = place.shell_beside(&server).answers(connect);
    let token = &answers[0];
    assert!(token["url"].as_str().is_some_and(|url| url.ends_with("/scim/v2")), "{token}");
    assert!(token["secret"].as_str().is_some_and(|secret| secret.starts_with("rst_")), "{token}");
}

//! README.md

use crate::docs::place::{Place, count};

/// The first two blocks are the commands of this very run; the third is the first walk.
pub(crate) fn run(place: &Place, commands: &[String]) {
    let [serve, test, walk] = commands else { panic!("{commands:#?}") };
    let key =
        serve.strip_suffix(" cargo run --release\n").and_then(|env| env.strip_prefix("ROSTER_ADMIN_KEY="));
    assert_eq!(test, "tests/run\n");
    let server = place.server().env("ROSTER_ADMIN_KEY", key.expect("a command that sets a key")).start();
    let script = walk.replace("http://127.0.0.1:3000", &server.base());
    assert_ne!(&script, walk, "the walk asks the address that the server has by default");
    let answers = place.shell().answers(&script);
    let [read, patched, list, status] = &answers[..] else { panic!("{answers:#?}") };
    assert_eq!((&read["userName"], &read["version"]), (&"ada".into(), &1.into()));
    assert_eq!((&patched["title"], &patched["version"]), (&"Countess".into(), &2.into()));
    assert_eq!(count(list), 1);
    assert_eq!(status, 204);
}

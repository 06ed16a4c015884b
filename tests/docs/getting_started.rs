//! docs/getting-started.md

use crate::docs::place::{Engine, Place, count};
use crate::support::server::Server;

/// The server that the page starts, and the walk beside it.
pub(crate) fn run(place: &Place, commands: &[String]) {
    let [serve, walk @ .., serve_postgres] = commands else { panic!("{commands:#?}") };
    let server = match &place.engine {
        Engine::Sqlite => Server::by_shell(serve).start(),
        Engine::Postgres(database) => {
            let named = serve_postgres.replace("postgres://localhost/roster", &database.url());
            assert_eq!(serve_postgres.split_once(' ').map(|(_, rest)| rest), Some(serve.as_str()));
            assert_ne!(&named, serve_postgres);
            Server::by_shell(&named).start()
        }
    };
    let script = walk.concat().replace("http://127.0.0.1:3000", &server.base());
    let answers = place.shell().answers(&script);
    let [ready, created, list, by_reader, feed, rest] = &answers[..] else { panic!("{answers:#?}") };
    assert_eq!(ready["status"], "ready");
    assert_eq!((&created["userName"], &created["version"]), (&"ada".into(), &1.into()));
    assert_eq!((count(list), &list["items"][0]["displayName"]), (1, &"Ada Lovelace".into()));
    assert_eq!(by_reader["items"][0], *created);
    // The key's own row is for admins.
    assert_eq!((count(feed), &feed["items"][0]["type"]), (1, &"user.created".into()));
    assert_eq!((count(rest), &rest["next"], &rest["epoch"]), (0, &feed["next"], &feed["epoch"]));
}

//! docs/getting-started.md

use crate::docs::workspace::{Engine, Workspace, count};
use crate::support::server::Server;

/// Starts the server with the command of the page, then runs the requests against it.
pub(crate) fn run(workspace: &Workspace, commands: &[String]) {
    let [serve, requests @ .., serve_postgres] = commands else { panic!("{commands:#?}") };
    let server = match &workspace.engine {
        Engine::Sqlite => Server::from_shell_command(serve).start(),
        Engine::Postgres(database) => {
            let command = serve_postgres.replace("postgres://localhost/roster", &database.url());
            assert_eq!(serve_postgres.split_once(' ').map(|(_, rest)| rest), Some(serve.as_str()));
            assert_ne!(&command, serve_postgres);
            Server::from_shell_command(&command).start()
        }
    };
    let script = requests.concat().replace("http://127.0.0.1:3000", &server.base());
    let responses = workspace.shell().json_values(&script);
    let [ready, created, list, by_reader, feed, next_page] = &responses[..] else { panic!("{responses:#?}") };
    assert_eq!(ready["status"], "ready");
    assert_eq!((&created["userName"], &created["version"]), (&"ada".into(), &1.into()));
    assert_eq!((count(list), &list["items"][0]["displayName"]), (1, &"Ada Lovelace".into()));
    assert_eq!(by_reader["items"][0], *created);
    // The change that created the key is visible only to admins.
    assert_eq!((count(feed), &feed["items"][0]["type"]), (1, &"user.created".into()));
    assert_eq!((count(next_page), &next_page["next"]), (0, &feed["next"]));
    assert_eq!(next_page["epoch"], feed["epoch"]);
}

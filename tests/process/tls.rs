//! HTTPS: protocols, keys, startup errors, handshakes, and HTTP/1.1 over TLS.

use crate::support::command::{in_empty_environment, roster, run};
use crate::support::database::Database;
use crate::support::raw::{RawConnection, json_request, raw_request, request_head, send_raw};
use crate::support::server::{LOG_FOLLOWERS, Server};
use crate::support::tls::Certificate;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn both_protocols_are_served_over_both_versions_of_tls() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = certificate.start(&database.url());
    assert!(server.log().contains(&format!("listening on https://{}", server.address())), "{}", server.log());
    let old = ["--tlsv1.2", "--tls-max", "1.2"];
    for (version, protocol, name) in [
        (&old[..], "--http1.1", "1.1"),
        (&old[..], "--http2", "2"),
        (&["--tlsv1.3"], "--http1.1", "1.1"),
        (&["--tlsv1.3"], "--http2", "2"),
    ] {
        let arguments = [version, &[protocol, "--write-out", "\n%{http_version} %{http_code}"]].concat();
        let output = certificate.curl(&server, "/scim/v2/ServiceProviderConfig", &arguments).expect_success();
        let (body, rest) = output.stdout.rsplit_once('\n').expect("curl writes a line");
        assert_eq!(rest, format!("{name} 200"), "{output:#?}");
        // The public URL is derived.
        let body: serde_json::Value = serde_json::from_str(body).expect("the body is JSON");
        let location = body["meta"]["location"].as_str().expect("there is a location");
        assert!(location.starts_with(&format!("https://{}/", server.address())), "{location}");
    }
}

#[test]
fn obsolete_protocols_and_ciphers_are_refused() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = certificate.start(&database.url());
    let connect = |arguments: &str| {
        let mut openssl = in_empty_environment("openssl", certificate.directory());
        let address = server.address().to_string();
        let arguments =
            format!("s_client -connect {address} -CAfile ca.pem -verify_return_error {arguments}");
        run(openssl.args(arguments.split(' ')), LIMIT)
    };
    for accepted in ["-tls1_3", "-tls1_2", "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256"] {
        assert_eq!(connect(accepted).code, Some(0), "{accepted}");
    }
    for refused in [
        "-tls1 -cipher ALL@SECLEVEL=0",
        "-tls1_1 -cipher ALL@SECLEVEL=0",
        "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256@SECLEVEL=0",
        "-tls1_2 -cipher AES128-GCM-SHA256@SECLEVEL=0",
    ] {
        let output = connect(refused);
        assert_ne!(output.code, Some(0), "{refused}: {output:#?}");
        assert!(output.stderr.contains("alert"), "not refused by the server: {refused}: {output:#?}");
    }
}

#[test]
fn every_common_format_of_keys_is_accepted() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    for (format, generate) in [
        ("BEGIN EC PRIVATE KEY", &["ecparam -name secp384r1 -genkey -noout -out key.pem"][..]),
        ("BEGIN PRIVATE KEY", &["genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem"]),
        (
            "BEGIN RSA PRIVATE KEY",
            &[
                "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out pkcs8.pem",
                "rsa -in pkcs8.pem -traditional -out key.pem",
            ],
        ),
        ("BEGIN PRIVATE KEY", &["genpkey -algorithm ED25519 -out key.pem"]),
    ] {
        for command in generate {
            certificate.openssl(command);
        }
        let key = fs::read_to_string(certificate.path("key.pem")).expect("the file can be read");
        assert!(key.contains(format), "{key}");
        certificate.openssl("req -new -key key.pem -subj /CN=roster -out request.pem");
        certificate.sign();
        let server = certificate.start(&database.url());
        let status = certificate.curl(&server, "/users", &["--write-out", "%{http_code}"]).expect_success();
        assert!(status.stdout.ends_with("200"), "{status:#?}");
    }
}

/// Starts a server whose TLS settings are not valid. Returns the error.
fn startup_error(directory: &Path, settings: &[(&str, &str)]) -> String {
    let mut command = roster(directory);
    command.env("ROSTER_LISTEN", "127.0.0.1:0").envs(settings.iter().copied());
    run(&mut command, LIMIT).expect_code(1).error_line().to_owned()
}

#[test]
fn invalid_settings_are_named() {
    let certificate = Certificate::create();
    certificate.openssl("pkey -in key.pem -aes128 -passout pass:secret -out encrypted.pem");
    certificate.openssl("ec -in key.pem -aes128 -passout pass:secret -out encrypted-sec1.pem");
    certificate.openssl("genpkey -algorithm ED25519 -out other.pem");
    certificate.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out weak.pem");
    fs::write(certificate.path("empty.pem"), "").expect("the file is written");
    let broken = "-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n";
    fs::write(certificate.path("broken.pem"), broken).expect("the file is written");
    for (cert, key, setting, file, problem) in [
        ("missing.pem", "key.pem", "ROSTER_TLS_CERT", "missing.pem", "cannot be read: No such file"),
        ("cert.pem", "missing.pem", "ROSTER_TLS_KEY", "missing.pem", "cannot be read: No such file"),
        (".", "key.pem", "ROSTER_TLS_CERT", ".", "cannot be read: Is a directory"),
        ("empty.pem", "key.pem", "ROSTER_TLS_CERT", "empty.pem", "contains no certificate"),
        ("key.pem", "key.pem", "ROSTER_TLS_CERT", "key.pem", "contains no certificate"),
        ("broken.pem", "key.pem", "ROSTER_TLS_CERT", "broken.pem", "not in PEM format"),
        ("cert.pem", "cert.pem", "ROSTER_TLS_KEY", "cert.pem", "contains no private key"),
        ("cert.pem", "encrypted.pem", "ROSTER_TLS_KEY", "encrypted.pem", "key is encrypted"),
        ("cert.pem", "encrypted-sec1.pem", "ROSTER_TLS_KEY", "encrypted-sec1.pem", "key is encrypted"),
        (
            "cert.pem",
            "other.pem",
            "ROSTER_TLS_KEY",
            "other.pem",
            "does not match the first certificate in cert.pem",
        ),
        ("cert.pem", "weak.pem", "ROSTER_TLS_KEY", "weak.pem", "not supported"),
    ] {
        let settings = [("ROSTER_TLS_CERT", cert), ("ROSTER_TLS_KEY", key)];
        let error = startup_error(certificate.directory(), &settings);
        let names = error.contains(&format!("{setting}: {file}: ")) && error.contains(problem);
        assert!(names, "{cert}, {key}: {error}");
    }
    for (set, missing) in [("ROSTER_TLS_CERT", "ROSTER_TLS_KEY"), ("ROSTER_TLS_KEY", "ROSTER_TLS_CERT")] {
        let error = startup_error(certificate.directory(), &[(set, "cert.pem")]);
        assert!(error.contains(&format!("{set} requires {missing}")), "{error}");
    }
    assert!(!certificate.path("roster.db").exists(), "a database was created");
}

#[test]
fn the_health_command_works_over_tls() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = certificate.start(&database.url());
    let health = |has_tls: bool| {
        let mut command = roster(certificate.directory());
        command.arg("health").env("ROSTER_LISTEN", server.address().to_string());
        if has_tls {
            command.env("ROSTER_TLS_CERT", "cert.pem");
        }
        run(&mut command, LIMIT)
    };
    let output = health(true).expect_success();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    let plain = health(false).expect_code(1);
    assert!(plain.error_line().contains("400 Bad Request"), "{plain:#?}");
}

#[test]
fn a_client_that_speaks_plain_http_is_told_so() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = certificate.start(&database.url());
    let response = send_raw(server.address(), &raw_request("GET", "/users"));
    assert_eq!(response.status, 400, "{response:?}");
    assert_eq!(String::from_utf8_lossy(&response.body), "This port requires HTTPS.\n");
}

/// Whether the log of a server warns about unencrypted keys.
fn warns(builder: crate::support::server::Builder) -> bool {
    builder.start().log().contains("keys cross the network unencrypted")
}

#[test]
fn unencrypted_keys_cause_a_warning() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = |listen| Server::builder(&database.url()).env("ROSTER_LISTEN", listen);
    assert!(warns(server("0.0.0.0:0")));
    assert!(warns(server("0.0.0.0:0").env("ROSTER_PUBLIC_URL", "http://roster.example.com")));
    assert!(!warns(server("0.0.0.0:0").env("ROSTER_PUBLIC_URL", "https://roster.example.com")));
    assert!(!warns(certificate.configure(server("0.0.0.0:0"))));
    for loopback in ["127.0.0.1:0", "127.0.0.2:0", "[::1]:0", "[::ffff:127.0.0.1]:0", "localhost:0"] {
        assert!(!warns(server(loopback)), "{loopback}");
    }
}

#[test]
fn unfinished_handshakes_are_ended() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = certificate.start(&database.url());
    let began = Instant::now();
    // The beginning of a handshake, and of a record without its content.
    let unfinished = [&b""[..], &[22], &[22, 3, 1, 2, 0]].map(|bytes| {
        let mut connection = RawConnection::connect(server.address());
        connection.send(bytes);
        connection
    });
    for mut connection in unfinished {
        connection.receive_to_end();
    }
    assert!(began.elapsed() > Duration::from_secs(4), "{:?}", began.elapsed());
    certificate.curl(&server, "/users", &[]).expect_success();
}

#[test]
fn unfinished_handshakes_do_not_exhaust_the_connections() {
    let (database, certificate) = (Database::sqlite(), Certificate::create());
    let server = certificate.configure(Server::builder_after("ulimit -n 160", &database.url())).start();
    let _silent: Vec<_> = (0..400)
        .map(|index| {
            let mut connection = RawConnection::connect(server.address());
            // The server may have closed the connection already.
            drop(connection.try_send([&b""[..], &[22, 3, 1, 2, 0]][index % 2]));
            connection
        })
        .collect();
    certificate.curl(&server, "/livez", &["--fail"]).expect_success();
    assert!(!server.log().contains("Error accepting"), "{}", server.log());
}

/// Runs a test with a server, and with an address at which each connection is forwarded to it over TLS.
fn over_tls(settings: &[(&str, &str)], test: impl FnOnce(&Server, SocketAddr)) {
    let (database, certificate) = (Database::sqlite(), Arc::new(Certificate::create()));
    let mut builder = certificate.configure(Server::builder(&database.url()));
    for (name, value) in settings {
        builder = builder.env(name, value);
    }
    let server = builder.start();
    let runtime = tokio::runtime::Runtime::new().expect("the runtime starts");
    let address = runtime.block_on(certificate.tunnel(server.address()));
    test(&server, address);
}

#[test]
fn http_1_1_behaves_as_without_tls() {
    over_tls(&[("ROSTER_REQUEST_DEADLINE", "1s")], |server, address| {
        let mut connection = RawConnection::connect(address);
        // Pipelined requests.
        connection.send((raw_request("GET", "/livez") + &json_request("POST", "/users", "{}")).as_bytes());
        assert_eq!(connection.receive().expect("the server responds").status, 200);
        assert_eq!(connection.receive().expect("the server responds").status, 422);
        connection.send((request_head("GET", "/livez") + "Connection: close\r\n\r\n").as_bytes());
        let response = connection.receive().expect("the server responds");
        assert_eq!(response.header("connection"), Some("close"), "{response:?}");
        assert!(connection.is_closed_cleanly());
        let slow =
            request_head("POST", "/users") + "Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
        send_raw(address, &slow).assert_problem(408, "request-timeout");
        let log = server.wait_for_log("status=408", LIMIT);
        assert!(log.contains("client_address=127.0.0.1"), "{log}");
    });
}

#[test]
fn followers_wait_over_tls_with_little_memory() {
    const FOLLOWERS: usize = 500;
    over_tls(&[LOG_FOLLOWERS], |server, address| {
        for _ in 0..100 {
            assert_eq!(send_raw(address, &raw_request("GET", "/changes")).status, 200);
        }
        let before = server.resident_memory();
        let mut followers = Vec::new();
        while followers.len() < FOLLOWERS {
            let mut connection = RawConnection::connect(address);
            let is_stream = followers.len() % 2 == 1;
            let accept = if is_stream { "Accept: text/event-stream\r\n" } else { "" };
            connection.send(format!("{}{accept}\r\n", request_head("GET", "/changes?wait=60")).as_bytes());
            followers.push(connection);
            if followers.len().is_multiple_of(50) {
                server.wait_for_followers(followers.len());
            }
        }
        let each = (server.resident_memory() - before) / FOLLOWERS as u64;
        println!("{each} bytes per follower over TLS");
        let created = send_raw(address, &json_request("POST", "/users", r#"{"userName":"ada"}"#));
        assert_eq!(created.status, 201);
        for (index, mut follower) in followers.into_iter().enumerate() {
            if index % 2 == 0 {
                let response = follower.receive().expect("the poll ends");
                assert_eq!(response.json()["next"], 1, "{response:?}");
                // The connection continues.
                follower.send(raw_request("GET", "/livez").as_bytes());
                assert_eq!(follower.receive().expect("the server responds").status, 200);
            } else {
                follower.receive_until("user.created");
            }
        }
        assert!(each < 24 * 1024, "{each} bytes per follower");
    });
}

#[test]
fn a_follower_that_disconnects_is_forgotten() {
    over_tls(&[LOG_FOLLOWERS, ("ROSTER_FOLLOWERS", "1")], |server, address| {
        let poll = raw_request("GET", "/changes?wait=60");
        for round in 1..4 {
            let mut connection = RawConnection::connect(address);
            connection.send(poll.as_bytes());
            server.wait_for_followers(2 * round - 1);
            let refused = send_raw(address, &poll);
            assert_eq!(refused.status, 429, "{refused:?}");
            drop(connection);
            let since = Instant::now();
            while send_raw(address, &raw_request("GET", "/changes?wait=1")).status == 429 {
                assert!(since.elapsed() < LIMIT, "the follower is still counted");
            }
        }
    });
}

#[test]
fn a_request_that_follows_a_parked_one_is_answered() {
    over_tls(&[LOG_FOLLOWERS], |server, address| {
        let mut connection = RawConnection::connect(address);
        connection.send(raw_request("GET", "/changes?wait=3").as_bytes());
        server.wait_for_followers(1);
        connection.send(raw_request("GET", "/livez").as_bytes());
        assert!(connection.receive().expect("the poll ends").json()["next"] == 0);
        assert_eq!(connection.receive().expect("the server responds").status, 200);
    });
}

#[test]
fn a_server_without_tls_settings_ignores_sighup() {
    let database = Database::sqlite();
    let server = Server::builder(&database.url()).start();
    server.signal("HUP");
    server.wait_for_log("there is nothing to reload", LIMIT);
    assert_eq!(send_raw(server.address(), &raw_request("GET", "/livez")).status, 200);
}

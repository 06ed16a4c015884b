//! `POST /import`: the forms of its input, and uploads that are slow, incomplete or large.

use crate::api::imports::{CSV, NDJSON, counts, results};
use crate::support::api::Api;
use crate::support::raw::{RawConnection, request_head, send_raw};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

engine_tests! {
    every_form_of_text_gets_a_clear_answer
    results_arrive_during_the_upload
    the_number_of_imports_at_once_is_limited
    an_incomplete_upload_ends_with_the_last_line
    imports_use_constant_memory
}

/// The errors of an import: the number of the line and the code.
fn codes(results: &[Value]) -> Vec<(u64, &str)> {
    let refused = results.iter().filter(|result| result["errors"].is_array());
    refused
        .map(|result| (result["line"].as_u64().unwrap(), result["errors"][0]["code"].as_str().unwrap()))
        .collect()
}

async fn every_form_of_text_gets_a_clear_answer(api: Api) {
    let huge = vec![b'x'; 10_000_000];
    let text = [
        b"\xef\xbb\xbfuserName,title\r\nada,\"a\nb\"\r\nbob,caf\xe9\r\nbig,",
        &huge[..],
        b"\r\n\r\neve,x\r\nlast",
    ]
    .concat();
    let found = results(&api.client, "", CSV, text).await;
    assert_eq!(codes(&found), [(4, "encoding"), (5, "too-large"), (8, "truncated")]);
    assert_eq!(counts(&found), [2, 0, 0, 3]);
    let users = api.page("?filter=userName%20eq%20%22ada%22").await;
    assert_eq!(users["items"][0]["title"], "a\nb");
    let text = [b"\xef\xbb\xbf{\"userName\":\"json\"}\r\n{\"title\":\"", &huge[..], b"\"}\n\n{\"userName\":"]
        .concat();
    let found = results(&api.client, "", NDJSON, text).await;
    assert_eq!(codes(&found), [(2, "too-large"), (4, "truncated")]);
    assert_eq!(counts(&found), [1, 0, 0, 2]);
}

/// A connection that has sent the head of an import with a chunked body.
fn start(address: SocketAddr) -> RawConnection {
    let mut connection = RawConnection::connect(address);
    let head = request_head("POST", "/import");
    connection.send(format!("{head}Content-Type: {NDJSON}\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes());
    connection
}

fn send(connection: &mut RawConnection, text: &str) {
    connection.send(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes());
}

/// Lines that are one batch. The last one is refused.
fn batch(number: usize) -> String {
    let users = (0..199).map(|user| json!({ "userName": format!("u{number}-{user}") }));
    users.chain([json!({})]).map(|line| format!("{line}\n")).collect()
}

async fn results_arrive_during_the_upload(api: Api) {
    let mut connection = start(api.address());
    for number in 1..=3 {
        send(&mut connection, &batch(number));
        assert!(connection.receive_until("}\n\r\n").contains(&format!("\"line\":{},", number * 200)));
        assert_eq!(api.page("?include=total&limit=1").await["total"], number * 199);
    }
    send(&mut connection, "{\"userName\":\"last\"}");
    connection.send(b"0\r\n\r\n");
    assert!(connection.receive_until("0\r\n\r\n").contains("\"created\":598,"));
}

async fn the_number_of_imports_at_once_is_limited(api: Api) {
    let mut connections: Vec<_> = (0..4).map(|_| start(api.address())).collect();
    for (number, connection) in connections.iter_mut().enumerate() {
        send(connection, &batch(number));
        connection.receive_until("\"line\":200,");
    }
    let head = request_head("POST", "/import");
    let request = format!("{head}Content-Type: {NDJSON}\r\nContent-Length: 0\r\n\r\n");
    let refused = send_raw(api.address(), &request);
    refused.assert_problem(503, "overloaded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    api.create_named("other").await;
    drop(connections.pop());
    // The server notices the end of the connection at the next read.
    let mut accepted = false;
    for _ in 0..200 {
        accepted |= send_raw(api.address(), &request).status == 200;
        if accepted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(accepted, "an import that has ended makes room for another");
}

async fn an_incomplete_upload_ends_with_the_last_line(api: Api) {
    let mut connection = start(api.address());
    send(&mut connection, &batch(1));
    send(&mut connection, "{\"userName\":\"half\"}\n");
    connection.finish_sending();
    connection.receive_until("\"line\":200,");
    let names = api.page("?include=total&limit=1").await;
    assert_eq!(names["total"], 199, "an incomplete batch is not applied");
}

/// A plan of as many lines leaves nothing, so that the test is short.
async fn imports_use_constant_memory(api: Api) {
    let line = json!({ "userName": " ", "title": "x".repeat(1000) });
    let small = format!("{line}\n").repeat(2_000);
    let [first, second] = [small.clone(), small.repeat(10)].map(|body| (body, &api));
    let mut peaks = Vec::new();
    for (body, api) in [first, second] {
        let lines = body.lines().count() as u64;
        assert_eq!(counts(&results(&api.client, "?plan=true", NDJSON, body).await), [0, 0, 0, lines]);
        peaks.push(api.server.peak_memory());
    }
    assert!(peaks[1] < peaks[0] + 16 * 1024 * 1024, "{peaks:?}");
}

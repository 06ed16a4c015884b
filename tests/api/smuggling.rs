//! Requests whose end is ambiguous. A proxy and the server could disagree about it, and a client could hide a request from
//! the proxy. The server must not read a second request out of the body of the first.

use crate::support::api::Api;
use crate::support::raw::{RawConnection, json_request, request_head};

engine_tests! {
    an_ambiguous_length_hides_no_request
}

async fn an_ambiguous_length_hides_no_request(api: Api) {
    // A proxy would take this for the body, and the server for a second request.
    let hidden = json_request("POST", "/users", r#"{"userName":"hidden"}"#);
    let length = hidden.len();
    let first = request_head("POST", "/users") + "Content-Type: application/json\r\n";
    for ambiguous in [
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n\r\n{hidden}"),
        format!("Content-Length: 0, {length}\r\n\r\n{hidden}"),
        format!("Content-Length: +0\r\n\r\n{hidden}"),
        format!("Content-Length: 0x0\r\n\r\n{hidden}"),
        format!("Content-Length : 0\r\n\r\n{hidden}"),
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: identity\r\nContent-Length: {length}\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n-1\r\n{hidden}"),
    ] {
        let mut connection = RawConnection::connect(api.address());
        connection.send(format!("{first}{ambiguous}").as_bytes());
        connection.finish_sending();
        // The server closes the connection after the last response.
        while let Some(response) = connection.receive() {
            assert!((400..500).contains(&response.status), "{ambiguous:?}: {response:?}");
        }
    }
    let users = api.page("").await;
    assert_eq!(users["items"].as_array().map(Vec::len), Some(0), "{users}");
}

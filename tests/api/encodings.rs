//! Compressed request and response bodies.

use crate::api::fixture::{expected_user, full_user};
use crate::api::problem::{assert_invalid, assert_problem};
use crate::support::api::{Api, path, text};
use crate::support::http::Request;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use reqwest::Method;
use serde_json::json;
use std::io::Write;

engine_tests! {
    compressed_bodies_are_accepted
    other_encodings_are_rejected
    corrupt_bodies_are_rejected
    the_size_limit_applies_after_decompression
    decompressed_bodies_are_validated
    single_users_are_never_compressed
}

type Encode = fn(&[u8]) -> Vec<u8>;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory succeeds");
    encoder.finish().expect("writing to memory succeeds")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("writing to memory succeeds");
    encoder.finish().expect("writing to memory succeeds")
}

/// A Zstandard frame of raw blocks (RFC 8878, section 3.1.1), which do not compress.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut frame = zstd_header();
    let mut blocks = bytes.chunks(100_000).peekable();
    while let Some(block) = blocks.next() {
        let last = u32::from(blocks.peek().is_none());
        frame.extend(
            &(last | u32::try_from(block.len()).expect("the block is small") << 3).to_le_bytes()[..3],
        );
        frame.extend(block);
    }
    frame
}

/// A Zstandard frame of `count` four-byte blocks, each of which decompresses to 100,000 spaces.
fn zstd_bomb(count: usize) -> Vec<u8> {
    let mut frame = zstd_header();
    for index in 0..count {
        let header = u32::from(index + 1 == count) | 1 << 1 | 100_000 << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

/// A frame header with the magic number and a window of 128 KiB, without a dictionary, checksum or size.
fn zstd_header() -> Vec<u8> {
    vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3]
}

fn post(api: &Api, encoding: &str, body: Vec<u8>) -> Request {
    let request = api.client.request(Method::POST, "/users").body("application/json", body);
    request.header("content-encoding", encoding)
}

async fn compressed_bodies_are_accepted(api: Api) {
    let encodings: [(&str, Encode); 6] = [
        ("gzip", gzip),
        ("GZIP", gzip),
        ("deflate", zlib),
        ("zstd", zstd),
        ("Zstd", zstd),
        ("identity", <[u8]>::to_vec),
    ];
    for (index, (encoding, encode)) in encodings.into_iter().enumerate() {
        let body = full_user(&format!("u{index}"));
        let response = post(&api, encoding, encode(body.to_string().as_bytes())).send().await.expect(201);
        assert_eq!(response.json(), expected_user(&body, 1, &response.json()), "{encoding}");
        for (method, title) in [(Method::PUT, "put"), (Method::PATCH, "patch")] {
            let body = json!({ "userName": body["userName"], "title": title }).to_string();
            let request = api.client.request(method, &path(&response.json()));
            let request = request.body("application/json", encode(body.as_bytes()));
            let written = request.header("content-encoding", encoding).send().await.expect(200).json();
            assert_eq!(text(&written["title"]), title, "{encoding}");
        }
    }
}

async fn other_encodings_are_rejected(api: Api) {
    let body = json!({ "userName": "ada" }).to_string().into_bytes();
    for encoding in
        ["br", "compress", "gzip, gzip", "gzip,deflate", "identity, gzip", "aes128gcm", "x", "", "gzip;q=1"]
    {
        let response = post(&api, encoding, gzip(&body)).send().await;
        assert_problem(&response, 415, "unsupported-media-type");
        assert_eq!(response.header("accept-encoding"), Some("gzip, deflate, zstd"), "{encoding}");
    }
    let twice = post(&api, "gzip", gzip(&gzip(&body))).header("content-encoding", "gzip").send().await;
    assert_problem(&twice, 415, "unsupported-media-type");
    assert_eq!(twice.header("accept-encoding"), Some("gzip, deflate, zstd"));
    assert_eq!(api.page("").await["items"], json!([]));
}

async fn corrupt_bodies_are_rejected(api: Api) {
    let body = json!({ "userName": "ada" }).to_string().into_bytes();
    let mut bad_sum = gzip(&body);
    let at = bad_sum.len() - 6;
    bad_sum[at] ^= 0xff;
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
    raw.write_all(&body).expect("writing to memory succeeds");
    let raw = raw.finish().expect("writing to memory succeeds");
    let whole = gzip(&body);
    let cases = [
        ("gzip", body.clone()),
        ("gzip", Vec::new()),
        ("gzip", bad_sum),
        ("gzip", whole[..whole.len() - 1].to_vec()),
        ("gzip", whole[..whole.len() - 8].to_vec()),
        ("gzip", whole[..whole.len() / 2].to_vec()),
        ("gzip", whole[..5].to_vec()),
        ("gzip", zlib(&body)),
        ("deflate", body.clone()),
        ("deflate", raw),
        ("deflate", zlib(&body)[..10].to_vec()),
        ("zstd", body.clone()),
        ("zstd", gzip(&body)),
        ("zstd", zstd(&body)[..20].to_vec()),
        ("gzip", vec![0x1f; 40_000]),
        ("zstd", vec![0xff; 40_000]),
    ];
    for (encoding, bytes) in cases {
        let response = post(&api, encoding, bytes.clone()).send().await;
        assert_problem(&response, 400, "malformed-body");
        let detail = response.json()["detail"].clone();
        let expected = format!("The body is not valid {encoding} data, or it is incomplete.");
        // The decoder of zstd returns the data that precedes the end, and so does that of gzip for an empty body.
        let is_json_error =
            detail.as_str().is_some_and(|detail| detail.starts_with("The body is not valid JSON: "));
        let may_end_early = encoding == "zstd" || bytes.is_empty();
        assert!(detail == expected || may_end_early && is_json_error, "{encoding} {bytes:?}: {detail}");
    }
    assert_eq!(api.page("").await["items"], json!([]));
}

async fn the_size_limit_applies_after_decompression(api: Api) {
    let padded = |length: usize, name: &str| {
        let mut body = json!({ "userName": name }).to_string().into_bytes();
        body.resize(length, b' ');
        body
    };
    for (encoding, encode) in [("gzip", gzip as Encode), ("deflate", zlib), ("zstd", zstd)] {
        let whole = encode(&padded(1_048_576, encoding));
        post(&api, encoding, whole).send().await.expect(201);
        let larger = encode(&padded(1_048_577, "ada"));
        assert_problem(&post(&api, encoding, larger).send().await, 413, "body-too-large");
    }
    let bomb = gzip(&vec![b' '; 10_000_000]);
    assert!(bomb.len() < 20_000);
    assert_problem(&post(&api, "gzip", bomb).send().await, 413, "body-too-large");
    assert_problem(&post(&api, "zstd", zstd_bomb(10_000)).send().await, 413, "body-too-large");
    let peak = api.server.peak_memory();
    assert!(peak < 100_000_000, "used {peak} bytes of memory for 40 kB that decompress to 1 GB");
    api.create_named("ada").await;
}

async fn decompressed_bodies_are_validated(api: Api) {
    for bytes in [&b"{"[..], b"", b"\xff", br#"{"a":1,"a":2}"#] {
        assert_problem(&post(&api, "gzip", gzip(bytes)).send().await, 400, "malformed-body");
    }
    let body = br#"{"userName":"ada","custom":{"n":18446744073709551616}}"#;
    assert_invalid(&post(&api, "gzip", gzip(body)).send().await, &[("/custom/n", "unstorable")]);
}

async fn single_users_are_never_compressed(api: Api) {
    let user = api.create(&full_user("ada")).await;
    let get = async |target: &str| {
        api.client.get(target).header("accept-encoding", "gzip, zstd, br").send().await.expect(200)
    };
    let one = get(&path(&user)).await;
    assert_eq!((one.header("content-encoding"), one.header("etag")), (None, Some("\"1\"")));
    assert_eq!(one.json(), user);
    let list = get("/users").await;
    if let Some(encoding) = list.header("content-encoding") {
        assert!(["gzip", "zstd"].contains(&encoding), "{encoding}");
        assert!(
            list.header("vary").is_some_and(|vary| vary.eq_ignore_ascii_case("accept-encoding")),
            "{list:?}"
        );
    } else {
        assert_eq!(list.json()["items"], json!([user]));
    }
    let refused = api.client.get("/users").header("accept-encoding", "identity").send().await.expect(200);
    assert_eq!((refused.header("content-encoding"), &refused.json()["items"]), (None, &json!([user])));
}

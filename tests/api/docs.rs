//! The API reference page at `/docs`.

use crate::api::problem::assert_problem;
use crate::support::api::Api;
use crate::support::http::Client;
use std::time::Duration;

engine_tests! {
    the_page_loads_only_local_files
    the_page_works_with_a_trailing_slash
    other_files_are_not_served
    files_are_compressed_only_once
}

async fn the_page_loads_only_local_files(api: Api) {
    let client = Client::anonymous(&api.server);
    let page = client.get("/docs").send().await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("the response has the header");
    let directives: Vec<_> = policy.split("; ").collect();
    assert!(directives.contains(&"default-src 'none'"), "{policy}");
    assert!(directives.contains(&"script-src 'self'"), "{policy}");
    assert!(directives.contains(&"connect-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = page.text();
    let loaded = html.split(['"', '\'']).filter(|text| text.starts_with("docs/"));
    let mut count = 0;
    for file in loaded {
        let response = client.get(&format!("/{file}")).send().await.expect(200);
        assert!(!response.bytes.is_empty(), "{file}");
        let kind = response.header("content-type").expect("the response has the header");
        let expected = match file.rsplit('.').next() {
            Some("css") => "text/css",
            Some("js") => "text/javascript",
            _ => "image/png",
        };
        assert_eq!(kind.split(';').next(), Some(expected), "{file}");
        count += 1;
    }
    assert_eq!(count, 4, "{html}");
    assert!(!html.contains("//"), "{html}");
}

/// A browser resolves relative URLs against the path that it requested.
async fn the_page_works_with_a_trailing_slash(api: Api) {
    let client = Client::anonymous(&api.server);
    for path in ["/docs/", "//docs//"] {
        let html = client.get(path).send().await.expect(200).text();
        for file in ["swagger-ui.css", "swagger-ui-bundle.js", "start.js"] {
            assert!(html.contains(&format!("\"{file}\"")), "{path}: {html}");
            client.get(&format!("{path}{file}")).send().await.expect(200);
        }
    }
    assert!(client.get("/docs/start.js").send().await.expect(200).text().contains("\"../openapi.json\""));
}

async fn other_files_are_not_served(api: Api) {
    let client = Client::anonymous(&api.server);
    for file in ["index.html", "oauth2-redirect.html", "..%2FCargo.toml", "nothing"] {
        assert_problem(&client.get(&format!("/docs/{file}")).send().await, 404, "not-found");
    }
}

/// Compressing the largest file takes 10 ms of processor time, which clients without a key could otherwise use.
async fn files_are_compressed_only_once(api: Api) {
    let client = Client::anonymous(&api.server);
    let get = |path| client.get(path).header("accept-encoding", "gzip");
    for path in ["/openapi.json", "/docs/swagger-ui-bundle.js"] {
        let (gzip, plain) = (get(path).send().await.expect(200), client.get(path).send().await.expect(200));
        assert_eq!((gzip.header("content-encoding"), plain.header("content-encoding")), (Some("gzip"), None));
        assert!(gzip.bytes.len() < plain.bytes.len() / 3, "{path}");
    }
    let before = api.server.processor_time();
    for _ in 0..100 {
        get("/docs/swagger-ui-bundle.js").send().await.expect(200);
    }
    let used = api.server.processor_time() - before;
    assert!(used < Duration::from_millis(600), "{used:?}");
    let refused = client.get("/docs/start.js").header("accept-encoding", "identity;q=0").send().await;
    assert_problem(&refused, 406, "not-acceptable");
}

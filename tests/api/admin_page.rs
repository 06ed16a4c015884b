//! The files of the admin page. tests/clients tests the page in a browser.

use crate::api::problem::assert_problem;
use crate::support::api::Api;
use crate::support::http::{Client, Response};
use std::collections::BTreeSet;
use std::path::PathBuf;

engine_tests! {
    the_page_loads_only_its_own_files
    the_page_works_with_a_trailing_slash
    the_urls_of_files_contain_the_digest
    the_page_can_be_turned_off
    the_page_is_small_and_mentions_no_other_server
}

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/admin/page");

async fn get(api: &Api, path: &str) -> Response {
    Client::anonymous(&api.server).get(path).send().await
}

/// The directory of the files, according to the page.
async fn directory(api: &Api) -> String {
    let html = get(api, "/admin").await.expect(200).text();
    let (_, rest) = html.split_once("href=\"admin/").expect("the page has a style sheet");
    let (digest, _) = rest.split_once('/').expect("the URL has a digest");
    format!("/admin/{digest}")
}

/// The names of the files that browsers load.
fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![PathBuf::from(ROOT)];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let is_loaded =
                ["js", "css", "svg"].iter().any(|end| path.extension().is_some_and(|is| is == *end));
            if path.is_dir() {
                folders.push(path);
            } else if is_loaded {
                names.insert(path.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    names
}

async fn the_page_loads_only_its_own_files(api: Api) {
    let page = get(&api, "/admin").await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").expect("the response has the header");
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.split("; ").any(|part| part == directive), "{directive}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert!(!page.text().contains("//"), "{}", page.text());
    let directory = directory(&api).await;
    for name in names() {
        let file = get(&api, &format!("{directory}/{name}")).await;
        assert_eq!(file.code(), 200, "{name} is not in src/http/admin/files.rs");
        let expected = match name.rsplit('.').next() {
            Some("css") => "text/css",
            Some("js") => "text/javascript",
            _ => "image/svg+xml",
        };
        let kind = file.header("content-type").expect("the response has the header");
        assert_eq!(kind.split(';').next(), Some(expected), "{name}");
        assert!(!file.bytes.is_empty(), "{name}");
    }
}

/// A browser resolves relative URLs against the path that it requested.
async fn the_page_works_with_a_trailing_slash(api: Api) {
    let directory = directory(&api).await;
    let digest = directory.trim_start_matches("/admin/");
    for path in ["/admin/", "//admin//"] {
        let html = get(&api, path).await.expect(200).text();
        assert!(html.contains(&format!("src=\"{digest}/app.js\"")), "{path}: {html}");
    }
    let html = get(&api, "/admin").await.expect(200).text();
    assert!(html.contains(&format!("src=\"admin/{digest}/app.js\"")), "{html}");
}

async fn the_urls_of_files_contain_the_digest(api: Api) {
    let page = get(&api, "/admin").await.expect(200);
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let directory = directory(&api).await;
    let file = get(&api, &format!("{directory}/app.js")).await.expect(200);
    assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    for path in [
        "/admin/0000000000000000/app.js".to_owned(),
        "/admin/app.js".to_owned(),
        format!("{directory}/index.html"),
        format!("{directory}/README.md"),
        format!("{directory}/views/..%2Fapp.js"),
        format!("{directory}/..%2Fmod.rs"),
        format!("{directory}/views"),
    ] {
        assert_problem(&get(&api, &path).await, 404, "not-found");
    }
}

async fn the_page_can_be_turned_off(api: Api) {
    let directory = directory(&api).await;
    let links = |service: Response| service.json()["links"]["admin"].clone();
    assert_eq!(links(get(&api, "/").await), "/admin");
    let api = Api::start(api.engine, &[("ROSTER_ADMIN_PAGE", "false")]);
    assert!(links(get(&api, "/").await).is_null());
    for path in ["/admin".to_owned(), "/admin/".to_owned(), format!("{directory}/app.js")] {
        assert_problem(&get(&api, &path).await, 404, "not-found");
    }
}

async fn the_page_is_small_and_mentions_no_other_server(api: Api) {
    let directory = directory(&api).await;
    let files = names().into_iter().map(|name| format!("{directory}/{name}"));
    let mut size = 0;
    for path in files.chain(["/admin".to_owned()]) {
        let request = Client::anonymous(&api.server).get(&path);
        size += request.header("accept-encoding", "gzip").send().await.expect(200).bytes.len();
        let text = get(&api, &path).await.text();
        let loads = ["from \"http", "import(\"http", "src=\"http", "url(http", "@import"];
        assert!(loads.iter().all(|load| !text.contains(load)), "{path}");
    }
    assert!(size <= 150_000, "{size} bytes");
}

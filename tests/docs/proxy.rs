//! nginx with the configuration of docs/production.md.

use crate::docs::pages::blocks_in;
use crate::support::command::{in_empty_environment, run};
use crate::support::server::Server;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

/// A running nginx that listens on a Unix socket. It is killed when dropped.
pub(crate) struct Proxy {
    process: Child,
    directory: TempDir,
}

impl Proxy {
    /// Starts nginx in front of a server.
    pub(crate) fn start(server: &Server) -> Self {
        let folder = tempfile::tempdir().expect("the temporary directory is created");
        let directory = folder.path();
        create_certificate(directory);
        fs::write(directory.join("nginx.conf"), configuration(server, directory))
            .expect("the file is written");
        let process = in_empty_environment("nginx", directory)
            .args(["-e", "stderr", "-p", ".", "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let mut proxy = Self { process, directory: folder };
        proxy.wait_for_socket();
        proxy
    }

    /// The directory of a `.curlrc` that connects to the proxy and trusts its certificate.
    pub(crate) fn curl_home(&self) -> &Path {
        let socket = format!("unix-socket = {}\n", self.socket().display());
        let certificate = format!("cacert = {}\n", self.directory.path().join("roster.pem").display());
        fs::write(self.directory.path().join(".curlrc"), socket + &certificate).expect("the file is written");
        self.directory.path()
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("nginx.sock")
    }

    fn wait_for_socket(&mut self) {
        let since = Instant::now();
        // The socket exists before nginx listens on it.
        while UnixStream::connect(self.socket()).is_err() {
            let ended = self.process.try_wait().expect("the process is a child");
            assert!(ended.is_none() && since.elapsed() < LIMIT, "nginx does not listen: {ended:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn create_certificate(directory: &Path) {
    let mut openssl = in_empty_environment("openssl", directory);
    openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(' '));
    openssl.args("-subj /CN=roster -addext subjectAltName=DNS:roster.example.com".split(' '));
    run(openssl.args("-keyout roster.key -out roster.pem".split(' ')), LIMIT).expect_success();
}

/// The configuration of the page, with a socket, the server's address and the certificate of the test.
fn configuration(server: &Server, directory: &Path) -> String {
    let [page] = &blocks_in("nginx", "docs/production.md")[..] else {
        panic!("the page has one configuration")
    };
    let mut http = page.clone();
    for (on_page, in_test) in [
        ("listen 443 ssl;", "listen unix:nginx.sock ssl;"),
        ("127.0.0.1:3000", &server.address().to_string()),
        ("/etc/ssl/roster.pem", "roster.pem"),
        ("/etc/ssl/roster.key", "roster.key"),
    ] {
        assert!(http.contains(on_page), "{on_page}");
        http = http.replace(on_page, in_test);
    }
    let folders: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {};\n", directory.join(name).display()))
        .concat();
    format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{folders}{http}}}\n"
    )
}

//! The proxies' lines on the page, in front of a stand-in for the sidecar and one for Plane.

use std::fs;
use std::path::Path;
use std::process::Command;

use axum::Router;
use axum::extract::Request;
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::wait_for as wait;
use crate::process::{Process, available, find, free_port, temp_dir};

const PAGE: &str = include_str!("../../../docs/plane-sidecar.md");
const ID: &str = "550e8400-e29b-41d4-a716-446655440000";

fn block(language: &str) -> String {
    let start = format!("```{language}\n");
    let (_, rest) = PAGE.split_once(&start).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

/// Answers each request with its name and the path that it got.
async fn stand_in(name: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |request: Request| async move { format!("{name} {}", request.uri()) };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address.to_string()
}

/// Sends a path as it stands, and returns the answer's body.
async fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.0\r\nHost: plane.example.com\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer
        .split_once("\r\n\r\n")
        .map_or(answer.clone(), |(_, body)| body.to_owned())
}

async fn routes(port: u16) {
    let collection = "/api/v1/workspaces/my-workspace/assets";
    for (path, whose) in [
        (format!("{collection}/"), "sidecar"),
        (collection.to_owned(), "sidecar"),
        (format!("{collection}/?x=y"), "sidecar"),
        (format!("{collection}/{ID}/"), "sidecar"),
        (format!("{collection}/{ID}"), "sidecar"),
        ("/api/v1/workspaces/%E6%96%87/assets/".to_owned(), "sidecar"),
        ("/".to_owned(), "plane"),
        ("/uploads/photo.png".to_owned(), "plane"),
        ("/api/v1/workspaces/my-workspace/".to_owned(), "plane"),
        (
            "/api/v1/workspaces/my-workspace/projects/".to_owned(),
            "plane",
        ),
        ("/api/v1/assets/user-assets/".to_owned(), "plane"),
        (
            "/api/v1/workspaces/my-workspace/projects/x/assets/".to_owned(),
            "plane",
        ),
        (format!("{collection}/bulk/"), "plane"),
        (format!("{collection}/{ID}/more/"), "plane"),
        (
            "/api/assets/v2/workspaces/my-workspace/".to_owned(),
            "plane",
        ),
    ] {
        assert_eq!(get(port, &path).await, format!("{whose} {path}"));
    }
    // Whatever Plane would take for one of the two paths doesn't get to it.
    let mut tried = 0;
    for path in [
        format!("{collection}%2F"),
        format!("{collection}/%35{}/", &ID[1..]),
        format!("{collection}%2f{ID}/"),
        "/api/v1/workspaces/my-workspace/%61ssets/".to_owned(),
        "/%61pi/v1/workspaces/my-workspace/assets/".to_owned(),
        "/api%2Fv1%2Fworkspaces%2Fmy-workspace%2Fassets%2F".to_owned(),
        "/api/v1/workspaces/my-workspace/assets//".to_owned(),
        "//api/v1/workspaces/my-workspace/assets/".to_owned(),
        "/api/v1//workspaces/my-workspace/assets/".to_owned(),
        "/api/v1/x/../workspaces/my-workspace/assets/".to_owned(),
        "/api/v1/x/%2e%2e/workspaces/my-workspace/assets/".to_owned(),
        "/api/v1/./workspaces/my-workspace/assets/".to_owned(),
        "/api/v1/workspaces/my-workspace/assets/?".to_owned(),
        "/api/v1/workspaces/my-workspace/assets/#/".to_owned(),
        "/api/v1/workspaces/my-workspace/assets%0A".to_owned(),
        format!("{collection}/{}/", ID.to_uppercase()),
    ] {
        let answer = get(port, &path).await;
        if let Some(got) = answer.strip_prefix("plane ") {
            assert!(!is_for_assets(got), "{path} reached Plane as {got}");
        }
        tried += 1;
    }
    assert!(tried > 10);
}

/// As Plane reads a path: decoded once, and matched as it then stands.
fn is_for_assets(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap();
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let Some(rest) = path.strip_prefix("/api/v1/workspaces/") else {
        return false;
    };
    let segments: Vec<_> = rest.split('/').collect();
    match segments[..] {
        [slug, "assets", ""] => !slug.is_empty(),
        [slug, "assets", id, ""] => !slug.is_empty() && uuid::Uuid::try_parse(id).is_ok(),
        _ => false,
    }
}

fn listens(port: u16) -> Option<()> {
    std::net::TcpStream::connect(("127.0.0.1", port))
        .ok()
        .map(drop)
}

/// Programs of the system's administrator aren't in everybody's path.
fn program(name: &str, test: &str) -> Option<std::path::PathBuf> {
    let system = Path::new("/usr/sbin").join(name);
    if system.is_file() {
        return Some(system);
    }
    available(&[name], test).then(|| find(name).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_sends_the_two_paths() {
    let Some(nginx) = program("nginx", "nginx_sends_the_two_paths") else {
        return;
    };
    let directory = temp_dir();
    let port = free_port();
    let server = block("nginx")
        .replace("listen 80;", &format!("listen 127.0.0.1:{port};"))
        .replace("asset-uploads:8090", &stand_in("sidecar").await)
        .replace("plane:80", &stand_in("plane").await);
    let at = directory.path().display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};\n"))
        .concat();
    let file = directory.path().join("nginx.conf");
    let text = format!(
        "daemon off; pid {at}/pid; error_log stderr;\n\
         events {{}}\nhttp {{\naccess_log off;\n{temporary}{server}}}\n"
    );
    fs::write(&file, text).unwrap();
    let run = || {
        let mut command = Command::new(&nginx);
        command.arg("-p").arg(directory.path()).arg("-c").arg(&file);
        command
    };
    let checked = run().arg("-t").output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "nginx -t: {said}");
    let mut process = Process::start(&mut run());
    wait("nginx is ready", || listens(port));
    routes(port).await;
    // Its workers end with it only when it is told to.
    process.signal("TERM");
    process.wait();
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_sends_the_two_paths() {
    let Some(caddy) = program("caddy", "caddy_sends_the_two_paths") else {
        return;
    };
    let directory = temp_dir();
    let port = free_port();
    let site = block("caddyfile")
        .replace(
            "plane.example.com {",
            &format!("http://plane.example.com:{port} {{\nbind 127.0.0.1"),
        )
        .replace("asset-uploads:8090", &stand_in("sidecar").await)
        .replace("plane:80", &stand_in("plane").await);
    let file = directory.path().join("Caddyfile");
    fs::write(&file, format!("{{\nadmin off\n}}\n{site}")).unwrap();
    let run = |what: &str| {
        let mut command = Command::new(&caddy);
        command
            .args([what, "--adapter", "caddyfile", "--config"])
            .arg(&file);
        for variable in ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(variable, directory.path());
        }
        command
    };
    let checked = run("validate").output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "caddy validate: {said}");
    let _process = Process::start(&mut run("run"));
    wait("Caddy is ready", || listens(port));
    routes(port).await;
}

//! `asset-upload upload`, run as its users do.

use std::fs;
use std::path::Path;

use crate::process::{Ended, Process, Server, noise, temp_dir};

pub(crate) const VARIABLE: &str = "KEY_OF_THE_TEST";

pub(crate) fn start(server: &Server, files: &Path, arguments: &[&str]) -> Process {
    let flags = [
        "--server",
        &server.api.url,
        "--workspace",
        &server.api.slug,
        "--api-key-env",
        VARIABLE,
    ];
    let in_files = arguments.iter().map(|argument| {
        if argument.starts_with("--") {
            (*argument).to_owned()
        } else {
            files.join(argument).to_str().unwrap().to_owned()
        }
    });
    let arguments = flags.map(str::to_owned).into_iter().chain(in_files);
    Process::of_program("upload", arguments, &[(VARIABLE, &server.api.key)])
}

/// The lines of standard output: file, what became of it, the rest.
pub(crate) fn lines(ended: &Ended) -> Vec<(String, String, String)> {
    let parts = |line: &str| {
        let mut parts = line.splitn(3, ": ").map(str::to_owned);
        let name = parts.next().unwrap();
        let name = name.rsplit('/').next().unwrap().to_owned();
        let (how, rest) = (parts.next().unwrap(), parts.next().unwrap());
        (name, how, rest)
    };
    ended.stdout.lines().map(parts).collect()
}

#[tokio::test]
async fn many_files_go_side_by_side_and_the_end_says_where() {
    let (data, files) = (temp_dir(), temp_dir());
    let server = Server::start(data.path(), &[], &[]).await;
    let names: Vec<String> = (0..12).map(|turn| format!("{turn}.png")).collect();
    for (turn, name) in names.iter().enumerate() {
        fs::write(files.path().join(name), noise(1 + turn * 40_000)).unwrap();
    }
    let arguments: Vec<&str> = names.iter().map(String::as_str).collect();
    let first = start(&server, files.path(), &arguments).wait();
    assert!(first.status.success(), "{}", first.stderr);
    let lines_of_first = lines(&first);
    assert_eq!(lines_of_first.len(), names.len());
    for ((name, how, id), expected) in lines_of_first.iter().zip(&names) {
        assert_eq!((name, how.as_str()), (expected, "uploaded"));
        let get = server.api.call(&format!("GET {id}"), "").await;
        let found = get.expect(200, name).json();
        assert_eq!(found["asset_name"], **name);
        let url = found["asset_url"].as_str().unwrap();
        let download = server.api.http.send(&format!("GET {url}"), &[], "").await;
        assert!(download.body == fs::read(files.path().join(name)).unwrap());
    }
    // Not on a terminal: lines that one can read, without a control character.
    let readable = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
    assert!(
        readable(&first.stdout) && readable(&first.stderr),
        "{first:?}"
    );
    for ended in [&first.stdout, &first.stderr] {
        assert!(!ended.contains(&server.api.key));
    }

    // Once more: nothing to do. And a file that has changed is another.
    fs::write(files.path().join("3.png"), noise(77)).unwrap();
    let again = start(&server, files.path(), &arguments).wait();
    assert!(again.status.success(), "{}", again.stderr);
    for ((name, how, id), (_, _, before)) in lines(&again).iter().zip(&lines_of_first) {
        let changed = name == "3.png";
        let expected = if changed {
            "uploaded"
        } else {
            "was there already"
        };
        assert_eq!(how, expected, "{name}");
        assert_eq!(id != before, changed, "{name}");
    }
}

#[tokio::test]
async fn one_that_fails_does_not_keep_the_others() {
    let (data, files) = (temp_dir(), temp_dir());
    let server = Server::start(data.path(), &[], &[]).await;
    for (name, size) in [
        ("a.png", 10),
        ("b.html", 10),
        ("empty.png", 0),
        ("c.png", 10),
    ] {
        fs::write(files.path().join(name), noise(size)).unwrap();
    }
    let arguments = [
        "--checksum",
        "a.png",
        "b.html",
        "missing.png",
        "empty.png",
        "c.png",
    ];
    let ended = start(&server, files.path(), &arguments).wait();
    assert_eq!(ended.status.code(), Some(1));
    let how: Vec<_> = lines(&ended)
        .into_iter()
        .map(|(name, how, _)| (name, how))
        .collect();
    let expected = [
        ("a.png", "uploaded"),
        ("b.html", "FAILED"),
        ("missing.png", "FAILED"),
        ("empty.png", "FAILED"),
        ("c.png", "uploaded"),
    ];
    assert_eq!(
        how,
        expected.map(|(name, how)| (name.to_owned(), how.to_owned()))
    );
    assert!(
        ended.stdout.contains("Invalid file type."),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stderr.contains("3 of 5 files were not uploaded"),
        "{}",
        ended.stderr
    );
}

#[test]
fn bad_flags_get_a_sentence() {
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        Process::of_program("upload", arguments, environment).wait()
    };
    let good = [
        "--server",
        "http://127.0.0.1:9",
        "--workspace",
        "w",
        "a.png",
    ];
    let key = [("ASSET_UPLOAD_API_KEY", "k")];
    for (arguments, sentence) in [
        (
            vec!["--server", "http://h", "--workspace", "w"],
            "not provided: <FILES>",
        ),
        (
            vec!["--workspace", "w", "a.png"],
            "not provided: --server <URL>",
        ),
        (
            vec!["--server", "http://h", "a.png"],
            "not provided: --workspace <SLUG>",
        ),
        (vec!["--unknown"], "--help"),
        (vec!["--parallel", "0"], "--parallel"),
        (vec!["--project", "x"], "--project"),
        (vec!["--workspace", "a/b"], "--workspace"),
        (
            vec!["--server", "nowhere", "--workspace", "w", "a"],
            "http://",
        ),
    ] {
        let ended = run(&arguments, &key);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert!(
            ended.stderr.contains(sentence),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.starts_with("asset-upload upload: "));
    }
    let ended = run(&good, &[]);
    assert!(
        ended.stderr.contains("ASSET_UPLOAD_API_KEY"),
        "{}",
        ended.stderr
    );
    let ended = run(&good, &[("ASSET_UPLOAD_API_KEY", "a secret\n")]);
    assert!(ended.stderr.contains("visible ASCII"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("a secret"), "{}", ended.stderr);
    let ended = run(&["--help"], &[]);
    assert!(ended.status.success() && ended.stdout.contains("--api-key-env"));
}

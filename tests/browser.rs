//! The example server's page in a real browser: headless Chromium through `chromedriver`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "support/process.rs"]
mod process;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use process::{PATIENCE, Process, Server, temp_dir};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_uploads_and_remembers() {
    with_browser("the_page_uploads_and_remembers", async |page, files| {
        page.open_with(&[]).await;
        page.reach_the_input_by_keyboard().await;

        page.watch_states().await;
        page.choose(&[&files.photo]).await;
        page.shows("li.upload[data-state=done]").await;
        let states = page.get("return window.seenStates.join(' ')").await;
        assert_eq!(states, "preparing uploading verifying done");
        let bar = "return document.querySelector('li.upload progress').value";
        assert_eq!(page.get(bar).await.as_f64(), Some(100.0));
        page.thumbnail_is_drawn().await;

        page.choose(&[&files.program, &files.empty, &files.large])
            .await;
        for (name, words) in [
            ("evil.exe", "Invalid file type."),
            (
                "empty.txt",
                "empty.txt is empty: there is nothing to upload.",
            ),
            (
                "large.txt",
                "large.txt is larger than the limit of 100 KiB.",
            ),
        ] {
            page.refuses(name, words).await;
        }
        // What was refused changed nothing else.
        page.thumbnail_is_drawn().await;

        page.browser.refresh().await.unwrap();
        page.thumbnail_is_drawn().await;
        assert_eq!(page.count("li.upload").await, 0);

        page.click("#gallery li.asset .delete").await;
        page.until(
            "the gallery is empty",
            "return !document.querySelector('#gallery li.asset')",
        )
        .await;
        page.browser.refresh().await.unwrap();
        page.shows("label.drop").await;
        assert_eq!(page.count("#gallery li.asset").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_puts_where_the_store_takes_no_forms() {
    with_browser(
        "the_page_puts_where_the_store_takes_no_forms",
        async |page, files| {
            page.open_with(&["--signer", "put"]).await;
            page.choose(&[&files.photo]).await;
            page.shows("li.upload[data-state=done]").await;
            page.thumbnail_is_drawn().await;
        },
    )
    .await;
}

/// A URL is good for one upload, and the answer to it is lost on the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_completes_what_had_arrived() {
    with_browser(
        "the_page_completes_what_had_arrived",
        async |page, files| {
            page.open_with(&["--signer", "put"]).await;
            page.get(
                "window.statuses = [];
             window.XMLHttpRequest = class extends XMLHttpRequest {
               set onload(handler) {
                 super.onload = () => {
                   window.statuses.push(this.status);
                   if (window.statuses.length === 1) this.onerror();
                   else handler();
                 };
               }
             };",
            )
            .await;
            page.choose(&[&files.photo]).await;
            page.shows("li.upload[data-state=failed] .retry").await;
            page.click("li.upload .retry").await;
            page.shows("li.upload[data-state=done]").await;
            page.thumbnail_is_drawn().await;
            let statuses = page.get("return window.statuses.join()").await;
            assert_eq!(statuses, "200,412");
        },
    )
    .await;
}

// ---------------------------------------------------------------- The browser

/// Files to choose.
struct Files {
    photo: PathBuf,
    program: PathBuf,
    empty: PathBuf,
    large: PathBuf,
}

impl Files {
    fn write(directory: &Path) -> Self {
        let file = |name: &str, bytes: &[u8]| {
            let path = directory.join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        Self {
            photo: file("photo.png", &png(SIDE)),
            program: file("evil.exe", b"MZ"),
            empty: file("empty.txt", b""),
            large: file("large.txt", &vec![b' '; LIMIT + 1]),
        }
    }
}

const LIMIT: usize = 100 * 1024;

/// The page of a server of its own.
struct Page {
    browser: Client,
    data: tempfile::TempDir,
    server: Option<Server>,
}

/// Runs a story in a browser, and ends the browser however the story ends.
async fn with_browser(test: &str, story: impl AsyncFnOnce(&mut Page, &Files)) {
    if !process::available(&["chromium", "chromedriver"], test) {
        return;
    }
    let profile = temp_dir();
    let mut driver = Process::start(Command::new("chromedriver").arg("--port=0"));
    let port = driver.wait_for_line(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    let browser = ClientBuilder::new(HttpConnector::new())
        .capabilities(capabilities(profile.path()))
        .connect(&format!("http://127.0.0.1:{port}"))
        .await
        .unwrap();

    let files = Files::write(profile.path());
    let mut page = Page {
        browser: browser.clone(),
        data: temp_dir(),
        server: None,
    };
    let told = caught(story(&mut page, &files)).await;
    // Without this the browser would outlive its driver.
    let closed = browser.close().await;
    driver.signal("TERM");
    driver.wait();
    if let Err(panic) = told {
        std::panic::resume_unwind(panic);
    }
    closed.unwrap();
}

/// A future whose panic is an error.
async fn caught<T>(future: impl Future<Output = T>) -> std::thread::Result<T> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let polled = std::panic::AssertUnwindSafe(|| future.as_mut().poll(context));
        match std::panic::catch_unwind(polled) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        }
    })
    .await
}

fn capabilities(profile: &Path) -> serde_json::Map<String, Value> {
    let profile = format!("--user-data-dir={}", profile.join("profile").display());
    let options = json!({"goog:chromeOptions": {"binary": process::find("chromium"), "args": [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", profile,
    ]}});
    options.as_object().unwrap().clone()
}

impl Page {
    async fn open_with(&mut self, arguments: &[&str]) {
        let limit = LIMIT.to_string();
        let arguments = [arguments, &["--max-size", &limit]].concat();
        let server = Server::start(self.data.path(), &arguments, &[]).await;
        self.browser.goto(&server.api.url).await.unwrap();
        self.server = Some(server);
        self.shows("label.drop").await;
    }

    async fn get(&self, script: &str) -> Value {
        self.browser.execute(script, Vec::new()).await.unwrap()
    }

    async fn count(&self, selector: &str) -> usize {
        let found = self.browser.find_all(Locator::Css(selector)).await;
        found.unwrap().len()
    }

    async fn click(&self, selector: &str) {
        let element = self.browser.find(Locator::Css(selector)).await.unwrap();
        element.click().await.unwrap();
    }

    /// Waits until a script returns something true.
    async fn until(&self, what: &str, script: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !matches!(self.get(script).await, Value::Bool(true)) {
            if Instant::now() > deadline {
                let text = self.get("return document.body.innerText").await;
                panic!("not within {PATIENCE:?}: {what}. The page:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until one that matches is there to be seen.
    async fn shows(&self, selector: &str) {
        let visible =
            format!("return document.querySelector('{selector}')?.checkVisibility() === true");
        self.until(selector, &visible).await;
    }

    async fn choose(&self, files: &[&PathBuf]) {
        let paths: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
        let input = self.browser.find(Locator::Id("files")).await.unwrap();
        input.send_keys(&paths.join("\n")).await.unwrap();
    }

    /// Keeps every state that an upload goes through.
    async fn watch_states(&self) {
        self.get(
            "window.seenStates = [];
             new MutationObserver((records) => {
               for (const { target } of records) {
                 const state = target.dataset?.state;
                 if (state && state !== 'waiting' && window.seenStates.at(-1) !== state) {
                   window.seenStates.push(state);
                 }
               }
             }).observe(document.getElementById('uploads'), {
               attributes: true, attributeFilter: ['data-state'], subtree: true,
             });",
        )
        .await;
    }

    async fn reach_the_input_by_keyboard(&self) {
        for _ in 0..3 {
            let tab = || Key::Tab.into();
            let press = KeyActions::new("keyboard".to_owned())
                .then(KeyAction::Down { value: tab() })
                .then(KeyAction::Up { value: tab() });
            self.browser.perform_actions(press).await.unwrap();
            if self.get("return document.activeElement.id").await == "files" {
                return;
            }
        }
        panic!("three times Tab doesn't reach the input");
    }

    async fn thumbnail_is_drawn(&self) {
        let drawn = format!(
            "const images = document.querySelectorAll('#gallery li.asset img');
             return images.length === 1 && images[0].naturalWidth === {SIDE} && images[0].checkVisibility()"
        );
        self.until("the thumbnail is drawn", &drawn).await;
    }

    async fn refuses(&self, name: &str, words: &str) {
        let row = format!("li.upload[data-name=\"{name}\"]");
        self.shows(&format!("{row}[data-state=failed] .message"))
            .await;
        let message = format!("{row} .message");
        let message = self.browser.find(Locator::Css(&message)).await.unwrap();
        let text = message.text().await.unwrap();
        assert!(
            text.starts_with("Failed: ") && text.contains(words),
            "{text}"
        );
    }
}

// ---------------------------------------------------------------- A picture

const SIDE: u32 = 96;

/// A PNG of that many pixels a side, uncompressed (RFC 2083; RFC 1950 and 1951 for what is in it).
fn png(side: u32) -> Vec<u8> {
    let mut rows = Vec::new();
    for y in 0..side {
        rows.push(0);
        for x in 0..side {
            let shade = |part: u32| u8::try_from(255 * part / side).unwrap();
            rows.extend([shade(x), shade(y), 160]);
        }
    }
    let mut zlib = vec![0x78, 0x01];
    let mut blocks = rows.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap();
        zlib.push(u8::from(blocks.peek().is_none()));
        zlib.extend(length.to_le_bytes());
        zlib.extend((!length).to_le_bytes());
        zlib.extend(block);
    }
    let (a, b) = rows.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    zlib.extend((b << 16 | a).to_be_bytes());

    let mut header = Vec::new();
    header.extend(side.to_be_bytes());
    header.extend(side.to_be_bytes());
    // 8 bits a channel, RGB, nothing out of the ordinary.
    header.extend([8, 2, 0, 0, 0]);
    let mut image = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &header), (b"IDAT", &zlib), (b"IEND", &Vec::new())] {
        image.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        let checked = [kind.as_slice(), data].concat();
        image.extend(&checked);
        image.extend(crc32(&checked).to_be_bytes());
    }
    image
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

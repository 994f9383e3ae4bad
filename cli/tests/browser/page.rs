//! The page of `asset-upload serve` in headless Chromium, driven through `chromedriver`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::picture::{SIDE, png};
use crate::process::{self, PATIENCE, Process, Server, temp_dir};

/// Files to choose.
pub(crate) struct Files {
    pub(crate) photo: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) empty: PathBuf,
    pub(crate) large: PathBuf,
    pub(crate) notes: PathBuf,
    pub(crate) directory: PathBuf,
}

impl Files {
    pub(crate) fn write(directory: &Path) -> Self {
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
            notes: file("notes.txt", &[b'n'; 5000]),
            directory: directory.to_owned(),
        }
    }
}

const LIMIT: usize = 100 * 1024;

/// The page of a server of its own.
pub(crate) struct Page {
    pub(crate) browser: Client,
    data: tempfile::TempDir,
    server: Option<Server>,
}

/// Runs a story in a browser, and ends the browser however the story ends.
pub(crate) async fn with_browser(test: &str, story: impl AsyncFnOnce(&mut Page, &Files)) {
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
    pub(crate) async fn open_with(&mut self, arguments: &[&str]) {
        let limit = LIMIT.to_string();
        let arguments = [arguments, &["--max-size", &limit]].concat();
        let server = Server::start(self.data.path(), &arguments, &[]).await;
        self.browser.goto(&server.api.url).await.unwrap();
        self.server = Some(server);
        self.shows("label.drop").await;
    }

    pub(crate) async fn get(&self, script: &str) -> Value {
        self.browser.execute(script, Vec::new()).await.unwrap()
    }

    pub(crate) async fn count(&self, selector: &str) -> usize {
        let found = self.browser.find_all(Locator::Css(selector)).await;
        found.unwrap().len()
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.browser.find(Locator::Css(selector)).await.unwrap();
        element.click().await.unwrap();
    }

    /// Waits until a script returns something true.
    pub(crate) async fn until(&self, what: &str, script: &str) {
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
    pub(crate) async fn shows(&self, selector: &str) {
        let visible =
            format!("return document.querySelector('{selector}')?.checkVisibility() === true");
        self.until(selector, &visible).await;
    }

    /// Answers or holds the requests that the page makes from now on; see `intercept.js`.
    pub(crate) async fn intercept(&self) {
        self.get(include_str!("intercept.js")).await;
    }

    /// The texts of all elements that match.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let script = format!(
            "return Array.from(document.querySelectorAll('{selector}'), ({{ textContent }}) => textContent)"
        );
        serde_json::from_value(self.get(&script).await).unwrap()
    }

    pub(crate) async fn text(&self, selector: &str) -> String {
        let [text] = <[String; 1]>::try_from(self.texts(selector).await).unwrap();
        text
    }

    pub(crate) async fn press(&self, key: Key) {
        let press = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value: key.into() })
            .then(KeyAction::Up { value: key.into() });
        self.browser.perform_actions(press).await.unwrap();
    }

    /// Drops a file or folder of the disk on the page, as a file manager does.
    pub(crate) async fn drop(&self, path: &Path) {
        let zone = self.browser.find(Locator::Css("label.drop")).await.unwrap();
        let (x, y, width, height) = zone.rectangle().await.unwrap();
        let data = json!({"items": [], "files": [path], "dragOperationsMask": 1});
        for step in ["dragEnter", "dragOver", "drop"] {
            let event = json!({
                "type": step, "x": x + width / 2.0, "y": y + height / 2.0, "data": data,
            });
            let command = DevTools {
                method: "Input.dispatchDragEvent",
                parameters: event,
            };
            self.browser.issue_cmd(command).await.unwrap();
        }
    }

    pub(crate) async fn choose(&self, files: &[&PathBuf]) {
        let paths: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
        let input = self.browser.find(Locator::Id("files")).await.unwrap();
        input.send_keys(&paths.join("\n")).await.unwrap();
    }

    /// Keeps every state that an upload goes through.
    pub(crate) async fn watch_states(&self) {
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

    pub(crate) async fn reach_the_input_by_keyboard(&self) {
        for _ in 0..3 {
            self.press(Key::Tab).await;
            if self.get("return document.activeElement.id").await == "files" {
                return;
            }
        }
        panic!("three times Tab doesn't reach the input");
    }

    pub(crate) async fn thumbnail_is_drawn(&self) {
        let drawn = format!(
            "const images = document.querySelectorAll('#gallery li.asset img');
             return images.length === 1 && images[0].naturalWidth === {SIDE} && images[0].checkVisibility()"
        );
        self.until("the thumbnail is drawn", &drawn).await;
    }

    pub(crate) async fn refuses(&self, name: &str, words: &str) {
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

/// A command of the Chrome `DevTools` Protocol; chromedriver hands it on.
#[derive(Debug)]
struct DevTools {
    method: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/goog/cdp/execute"))
    }

    fn method_and_body(&self, _url: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": self.method, "params": self.parameters});
        (http::Method::POST, Some(body.to_string()))
    }
}

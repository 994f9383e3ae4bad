//! The page of `asset-upload serve` in a real browser: headless Chromium through `chromedriver`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "browser/page.rs"]
mod page;
#[path = "browser/picture.rs"]
mod picture;
#[path = "../../tests/support/process.rs"]
mod process;

use std::fs;
use std::time::Duration;

use fantoccini::key::Key;
use page::with_browser;
use serde_json::json;
use tower_asset_upload::asset::AllowedTypes;

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
            ("evil.exe", "Accepted: images, audio, video, text, PDF"),
            (
                "empty.txt",
                "empty.txt is empty. A file has 1 byte to 100 KiB.",
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
        page.click("#confirm [value=delete]").await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_writes_deceptive_characters_out() {
    let test = "the_page_writes_deceptive_characters_out";
    with_browser(test, async |page, files| {
        let raw = "return Array.from(document.querySelectorAll('*')).some((node) => {
             const texts = Array.from(node.childNodes, (child) => child.nodeType === 3 ? child.data : '');
             const attributes = ['title', 'aria-label', 'alt', 'download'].map((name) => node.getAttribute(name));
             return /[\\u202a-\\u202e\\u2066-\\u2069]/.test([...texts, ...attributes].join());
         })";
        let picture = files.directory.join("photo\u{202e}gpj.png");
        let program = files.directory.join("photo\u{2067}\u{202e}gnp.exe");
        fs::copy(&files.photo, &picture).unwrap();
        fs::copy(&files.program, &program).unwrap();

        page.open_with(&[]).await;
        page.choose(&[&picture, &program]).await;
        page.shows("li.upload[data-state=done]").await;
        page.thumbnail_is_drawn().await;
        let names = page.texts("li.upload .name").await;
        assert_eq!(names, ["photo[U+202E]gpj.png", "photo[U+2067][U+202E]gnp.exe"]);
        page.click("#gallery .delete").await;
        assert_eq!(page.text("#confirm-title").await, "Delete photo[U+202E]gpj.png?");
        assert_eq!(page.get(raw).await, false);

        // From now on the name comes from the server.
        page.browser.refresh().await.unwrap();
        page.thumbnail_is_drawn().await;
        assert_eq!(page.text("#gallery .name").await, "photo[U+202E]gpj.png");
        assert_eq!(page.get(raw).await, false);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_asks_before_it_deletes() {
    with_browser("the_page_asks_before_it_deletes", async |page, files| {
        page.open_with(&[]).await;
        page.intercept().await;
        page.choose(&[&files.photo, &files.notes]).await;
        page.until(
            "two uploads are done",
            "return document.querySelectorAll('#gallery li').length === 2",
        )
        .await;
        let first = page
            .get("return document.querySelector('#gallery li').dataset.name")
            .await;
        let deletions = "return window.calls.filter((method) => method === 'DELETE').length";

        page.click("#gallery .delete").await;
        page.shows("#confirm").await;
        let focused = "return document.activeElement.textContent";
        assert_eq!(page.get(focused).await, "Keep");
        page.press(Key::Enter).await;
        page.click("#gallery .delete").await;
        page.press(Key::Escape).await;
        page.until(
            "the dialog is closed",
            "return !document.querySelector('dialog').open",
        )
        .await;
        // The focus is where it was.
        let label = "return document.activeElement.ariaLabel";
        assert_eq!(
            page.get(label).await,
            format!("Delete {}", first.as_str().unwrap())
        );
        assert_eq!(page.get(deletions).await, 0);
        assert_eq!(page.count("#gallery li").await, 2);

        page.click("#gallery .delete").await;
        page.click("#confirm [value=delete]").await;
        page.until(
            "one file is left, and its button has the focus",
            "const left = document.querySelectorAll('#gallery .delete');
             return left.length === 1 && left[0] === document.activeElement",
        )
        .await;
        assert_eq!(page.get(deletions).await, 1);
        let spoken = page.texts("#status p").await;
        assert_eq!(
            *spoken.last().unwrap(),
            format!("{}: deleted.", first.as_str().unwrap())
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_the_page_warns_while_an_upload_runs() {
    let test = "leaving_the_page_warns_while_an_upload_runs";
    with_browser(test, async |page, files| {
        let warns = "return !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))";
        page.open_with(&[]).await;
        page.intercept().await;
        assert_eq!(page.get(warns).await, false);
        page.get("storeAnswers.push('hold', { status: 400, text: '' })")
            .await;
        page.choose(&[&files.photo]).await;
        page.shows("li.upload[data-state=uploading]").await;
        assert_eq!(page.get(warns).await, true);
        page.choose(&[&files.notes]).await;
        page.shows("li.upload[data-state=failed]").await;
        assert_eq!(page.get(warns).await, true);
        page.get("held[0].go()").await;
        page.shows("li.upload[data-state=done]").await;
        assert_eq!(page.get(warns).await, false);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_can_be_dropped() {
    with_browser("folders_can_be_dropped", async |page, files| {
        let trip = files.directory.join("trip");
        fs::create_dir_all(trip.join("day 1/morning")).unwrap();
        fs::create_dir_all(trip.join("nothing")).unwrap();
        fs::copy(&files.photo, trip.join("day 1/morning/photo.png")).unwrap();
        // Browsers give the entries of a folder in parts of 100. Empty files are refused at once.
        for number in 0..230 {
            fs::write(trip.join(format!("{number}.txt")), "").unwrap();
        }
        page.open_with(&[]).await;
        page.drop(&trip).await;
        page.until(
            "every file of the folder has its row",
            "return document.querySelectorAll('li.upload').length === 231",
        )
        .await;
        page.shows("li.upload[data-state=done]").await;
        let path = "return document.querySelector('[data-state=done] .name').title";
        assert_eq!(page.get(path).await, "trip/day 1/morning/photo.png");
        assert_eq!(
            page.text("[data-state=done] .folder-line").await,
            "in trip/day 1/morning"
        );
        page.thumbnail_is_drawn().await;
        let order = page.texts("li.upload .name").await;
        assert_eq!(order[..3], ["0.txt", "1.txt", "2.txt"]);
        let spoken = page.texts("#status p").await;
        assert_eq!(spoken[..2], ["1 upload started.", "230 files refused."]);

        page.drop(&trip.join("nothing")).await;
        page.shows("#notice").await;
        assert_eq!(
            page.text("#notice").await,
            "The dropped folder holds no files."
        );
        page.drop(&files.notes).await;
        page.shows("li.upload[data-name=\"notes.txt\"][data-state=done]")
            .await;
        assert!(
            page.get("return document.getElementById('notice').hidden")
                .await
                == true
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_shown_and_enforced_before_a_request() {
    let test = "limits_are_shown_and_enforced_before_a_request";
    with_browser(test, async |page, files| {
        page.open_with(&[]).await;
        let hint = page.text("#files-hint").await;
        let shown = "Up to 100 KiB a file. Accepted: images, audio, video, text, PDF";
        assert!(hint.starts_with(shown), "{hint}");
        let allowed = AllowedTypes::default();
        let allowed = allowed.list().unwrap();
        let title = format!("All {} accepted types", allowed.len());
        assert_eq!(page.text("#accepted-types-title").await, title);
        page.click("#accepted-types-title").await;
        page.shows("#accepted-types-list").await;
        assert_eq!(page.texts("#accepted-types-list li").await, allowed);

        page.intercept().await;
        page.choose(&[&files.program, &files.empty, &files.large])
            .await;
        page.refuses(
            "evil.exe",
            "which this server does not accept. Accepted: images",
        )
        .await;
        page.refuses("empty.txt", "A file has 1 byte to 100 KiB.")
            .await;
        page.refuses("large.txt", "larger than the limit of 100 KiB.")
            .await;
        assert_eq!(page.get("return window.calls").await, json!([]));
        let spoken = page.texts("#status p").await;
        let told = |line: &String| line.contains("does not accept. Accepted: images");
        assert!(spoken.iter().any(told), "{spoken:?}");
        let retries = "return document.querySelectorAll('.retry:not([hidden])').length";
        assert_eq!(page.get(retries).await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_is_offered_where_it_can_help() {
    with_browser(
        "a_retry_is_offered_where_it_can_help",
        async |page, files| {
            page.open_with(&[]).await;
            page.intercept().await;
            let fails = async |what: &str, retry: bool| {
                page.choose(&[&files.notes]).await;
                page.shows("li.upload:first-child[data-state=failed]").await;
                let offered = page
                    .get("return !document.querySelector('li.upload .retry').hidden")
                    .await;
                assert_eq!(offered, retry, "{what}");
            };
            for (status, retry) in [
                (400, false),
                (401, false),
                (403, false),
                (404, false),
                (413, false),
                (0, true),
                (408, true),
                (429, true),
                (500, true),
                (503, true),
            ] {
                page.get(&format!("apiAnswers.push({status})")).await;
                fails(&format!("API: {status}"), retry).await;
                page.click("#clear").await;
            }
            let expired =
                "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
            let denied = "<Error><Code>SignatureDoesNotMatch</Code></Error>";
            for (status, text, retry) in [
                (400, "", false),
                (403, denied, false),
                (412, "", false),
                (501, "", false),
                (0, "", true),
                (503, "", true),
                (403, expired, true),
            ] {
                let answer = json!({"status": status, "text": text});
                page.get(&format!("storeAnswers.push({answer})")).await;
                page.get("window.calls = []").await;
                fails(&format!("object store: {status} {text}"), retry).await;
                if retry {
                    page.click("li.upload .retry").await;
                    page.shows("li.upload:first-child[data-state=done]").await;
                    let forms = page
                        .get("return window.calls.filter((method) => method === 'POST').length")
                        .await;
                    assert_eq!(forms, if status == 403 { 2 } else { 1 }, "{status}");
                }
                page.click("#clear").await;
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_and_time_left_cover_all_files() {
    with_browser(
        "progress_and_time_left_cover_all_files",
        async |page, files| {
            page.open_with(&[]).await;
            page.intercept().await;
            page.get("storeAnswers.push('hold', 'hold')").await;
            let other = files.directory.join("other.txt");
            fs::copy(&files.notes, &other).unwrap();
            page.choose(&[&files.notes, &other, &files.program]).await;
            page.until("two uploads are held", "return held.length === 2")
                .await;
            page.get("held[0].progress(0.5)").await;
            let bar = "return document.getElementById('overall-bar').value";
            assert_eq!(page.get(bar).await, 25);
            let text = page.text("#overall-text").await;
            // On a slow machine, the time left follows.
            let sizes = "0 of 2 files, 2.4 KiB of 9.8 KiB";
            assert!(text.starts_with(sizes), "{text}");

            tokio::time::sleep(Duration::from_millis(1100)).await;
            page.get("held[1].progress(0.5)").await;
            assert_eq!(page.get(bar).await, 50);
            let text = page.text("#overall-text").await;
            let (rest, left) = text.rsplit_once(", about ").unwrap();
            assert_eq!(rest, "0 of 2 files, 4.9 KiB of 9.8 KiB");
            assert!(
                left.ends_with(" seconds left") || left == "1 second left",
                "{text}"
            );

            page.get("held.forEach((upload) => upload.go())").await;
            page.until(
            "the outcome is told",
            "return document.getElementById('overall-text').textContent === '2 uploaded, 1 failed'",
        )
        .await;
            assert_eq!(
                page.get("return document.getElementById('overall-bar').hidden")
                    .await,
                true
            );
            let spoken = page.texts("#status p").await;
            let outcome = "All uploads have ended: 2 uploaded, 1 failed.".to_owned();
            assert!(spoken.contains(&outcome), "{spoken:?}");
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_is_first_in_lists_of_this_browser() {
    let test = "the_newest_is_first_in_lists_of_this_browser";
    with_browser(test, async |page, files| {
        page.open_with(&[]).await;
        for (file, name) in [(&files.photo, "photo.png"), (&files.notes, "notes.txt")] {
            page.choose(&[file]).await;
            page.shows(&format!("#gallery li[data-name=\"{name}\"]")).await;
        }
        let newest_first = ["notes.txt", "photo.png"];
        assert_eq!(page.texts("li.upload .name").await, newest_first);
        assert_eq!(page.text("#overall-text").await, "2 uploaded");
        assert_eq!(page.texts("#gallery .name").await, newest_first);
        page.browser.refresh().await.unwrap();
        page.thumbnail_is_drawn().await;
        assert_eq!(page.texts("#gallery .name").await, newest_first);
        page.shows("#gallery-scope").await;
        let scope = page.text("#gallery-scope").await;
        let told = "This browser's last 24 uploads, newest first. Files uploaded elsewhere are not listed.";
        assert_eq!(scope, told);
    })
    .await;
}

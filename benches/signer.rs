//! What a signature costs, beside the least that it can cost.
//!
//! ```text
//! cargo bench --bench signer
//! ```
//!
//! First criterion's figures, each by itself; then a table of ratios measured in turns.
//!
//! The task is a form for one key of 80 characters and one content type, of a size in a range, good
//! for an hour, with static credentials; and the URLs to put and to get the same object. Building
//! the policy or the request is part of it.
//!
//! A signature's floor is what no signer can leave out: the hashes, the base64 and the hexadecimal
//! digits of that very document, out of buffers that are there already, with the key's state ready.
//! That floor and signer agree on the signature is checked before anything is measured.
#![allow(
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a bench is no library"
)]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use criterion::Criterion;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::datetime;
use tower_asset_upload::sigv4::{
    Credentials, Method, PostPolicy, Presign, Region, SignedPost, SignedUrl, Signer,
};

use rounds::{Candidate, is_wanted, median, side_by_side, verdict};

mod rounds;

const NOW: OffsetDateTime = datetime!(2026-05-19 10:11:12 UTC);
const TOMORROW: OffsetDateTime = datetime!(2026-05-20 10:11:12 UTC);
const ORIGIN: &str = "https://uploads.s3.amazonaws.com";
const HOST: &str = "uploads.s3.amazonaws.com";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const KEY: &str =
    "22222222-2222-4222-8222-000000000001/0123456789abcdef0123456789abcdef-photo3.png";

fn signer() -> Signer {
    assert_eq!(KEY.len(), 80);
    let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", SECRET).unwrap();
    Signer::new(credentials, Region::us_east_1())
}

fn form(signer: &Signer, now: OffsetDateTime) -> SignedPost {
    let policy = PostPolicy::builder("uploads", black_box(KEY))
        .content_type("image/png")
        .content_length(1..=1_048_576)
        .build()
        .unwrap();
    signer.sign_post_at(&policy, now).unwrap()
}

fn put_url(signer: &Signer) -> SignedUrl {
    let request = Presign::new(Method::Put, ORIGIN, "/", black_box(KEY));
    signer.presign_at(&request, NOW).unwrap()
}

fn get_url(signer: &Signer) -> SignedUrl {
    let request = Presign::new(Method::Get, ORIGIN, "/", black_box(KEY));
    signer.presign_at(&request, NOW).unwrap()
}

/// The signing key of a day, as AWS's documentation derives it.
fn day_key(date: &str) -> Hmac<Sha256> {
    let start = Hmac::new_from_slice(format!("AWS4{SECRET}").as_bytes()).unwrap();
    [date, "us-east-1", "s3", "aws4_request"]
        .iter()
        .fold(start, |mut key: Hmac<Sha256>, part| {
            key.update(part.as_bytes());
            Hmac::new_from_slice(&key.finalize().into_bytes()).unwrap()
        })
}

fn hex(digest: &[u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    const_hex::encode_to_slice(digest, &mut digits).unwrap();
    digits
}

fn mac(key: &Hmac<Sha256>, message: &[u8]) -> [u8; 64] {
    let mut mac = key.clone();
    mac.update(message);
    hex(&mac.finalize().into_bytes().into())
}

fn form_floor(key: &Hmac<Sha256>, document: &[u8], encoded: &mut [u8]) -> [u8; 64] {
    let out = base64_simd::Out::from_slice(encoded);
    let encoded = base64_simd::STANDARD.encode(black_box(document), out);
    mac(key, encoded)
}

/// What is hashed for a URL.
struct UrlDocuments {
    canonical_request: String,
    string_to_sign: String,
}

impl UrlDocuments {
    /// Works for URLs without a token and overrides: their query is in canonical order.
    fn of(method: &str, url: &str) -> Self {
        let (unsigned, _) = url.split_once("&X-Amz-Signature=").unwrap();
        let (path, query) = unsigned
            .strip_prefix(ORIGIN)
            .and_then(|rest| rest.split_once('?'))
            .unwrap();
        let canonical_request =
            format!("{method}\n{path}\n{query}\nhost:{HOST}\n\nhost\nUNSIGNED-PAYLOAD");
        let scope = "20260519/us-east-1/s3/aws4_request";
        let hash = const_hex::encode(Sha256::digest(&canonical_request));
        Self {
            canonical_request,
            string_to_sign: format!("AWS4-HMAC-SHA256\n20260519T101112Z\n{scope}\n{hash}"),
        }
    }

    fn floor(&self, key: &Hmac<Sha256>) -> [u8; 64] {
        let canonical_request = black_box(self.canonical_request.as_bytes());
        black_box(hex(&Sha256::digest(canonical_request).into()));
        mac(key, black_box(self.string_to_sign.as_bytes()))
    }
}

fn main() {
    let signer = signer();
    let key = day_key("20260519");
    let post = form(&signer, NOW);
    let document = post.document();
    let mut encoded = vec![0; document.len().div_ceil(3) * 4];
    let (put, get) = (put_url(&signer), get_url(&signer));
    let put_documents = UrlDocuments::of("PUT", put.as_str());
    let get_documents = UrlDocuments::of("GET", get.as_str());

    let signature = form_floor(&key, document.as_bytes(), &mut encoded);
    let last = post.fields().last().unwrap();
    assert_eq!(last.1.as_bytes(), signature, "the floor signs the form");
    for (url, documents) in [(&put, &put_documents), (&get, &get_documents)] {
        let signature = documents.floor(&key);
        assert!(url.as_str().as_bytes().ends_with(&signature));
    }

    let mut odd = false;
    let mut seconds = 0;
    let mut candidates = [
        Candidate::new("form", || form(&signer, NOW)),
        Candidate::new("its floor", || {
            form_floor(&key, document.as_bytes(), &mut encoded)
        }),
        Candidate::new("form, first of its second", || {
            // All of one day, so that the key stays.
            seconds = (seconds + 1) % 40_000;
            form(&signer, NOW + time::Duration::seconds(seconds))
        }),
        Candidate::new("its floor", {
            let (key, document) = (&key, document.as_bytes());
            let mut encoded = vec![0; document.len().div_ceil(3) * 4];
            move || form_floor(key, document, &mut encoded)
        }),
        Candidate::new("form, key not yet derived", || {
            // Another day each time.
            odd = !odd;
            form(&signer, if odd { TOMORROW } else { NOW })
        }),
        Candidate::new("its floor", {
            let mut encoded = vec![0; document.len().div_ceil(3) * 4];
            let document = document.as_bytes();
            move || form_floor(&day_key(black_box("20260519")), document, &mut encoded)
        }),
        // The one before leaves another day's key behind.
        Candidate::new("PUT URL", || put_url(&signer)),
        Candidate::new("its floor", || put_documents.floor(&key)),
        Candidate::new("GET URL", || get_url(&signer)),
        Candidate::new("its floor", || get_documents.floor(&key)),
    ];

    each_by_itself();
    if is_wanted() {
        println!(
            "\nDocument of the form: {} bytes of JSON, {} of base64. Canonical request of the GET URL: {} bytes.\n",
            document.len(),
            document.len().div_ceil(3) * 4,
            get_documents.canonical_request.len()
        );
        table(&mut candidates);
        drop(candidates);
        scaling(&signer, &key, &document);
    }
}

/// Criterion's figures.
fn each_by_itself() {
    let signer = signer();
    let key = day_key("20260519");
    let document = form(&signer, NOW).document();
    let mut encoded = vec![0; document.len().div_ceil(3) * 4];
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    criterion.bench_function("form", |b| b.iter(|| form(&signer, NOW)));
    criterion.bench_function("form, floor", |b| {
        b.iter(|| form_floor(&key, document.as_bytes(), &mut encoded));
    });
    criterion.bench_function("form, cold key", |b| {
        b.iter_batched_ref(
            self::signer,
            |signer| form(signer, NOW),
            criterion::BatchSize::SmallInput,
        );
    });
    criterion.bench_function("PUT URL", |b| b.iter(|| put_url(&signer)));
    criterion.bench_function("GET URL", |b| b.iter(|| get_url(&signer)));
    criterion.final_summary();
}

fn table(candidates: &mut [Candidate<'_>]) {
    let measured = side_by_side(candidates, 3_000);
    println!("| what | ns | ns of its floor | ratio | allocations | targets |");
    println!("|---|---:|---:|---:|---:|---|");
    for at in (0..candidates.len()).step_by(2) {
        let Candidate {
            name, allocations, ..
        } = candidates[at];
        let (nanos, ratio) = (measured.nanos(at), measured.ratio(at, at + 1));
        let speed = match name {
            "form" => Some(verdict("≤ 1.2 × floor", ratio <= 1.2)),
            "PUT URL" | "GET URL" => Some(verdict("≤ 1,000 ns", nanos <= 1_000.0)),
            _ => None,
        };
        let frugal = speed
            .is_some()
            .then(|| verdict("≤ 2 allocations", allocations <= 2));
        let targets: Vec<_> = speed.into_iter().chain(frugal).collect();
        println!(
            "| {name} | {nanos:.0} | {:.0} | {ratio:.2} | {allocations} | {} |",
            measured.nanos(at + 1),
            targets.join(", ")
        );
    }
}

/// Two threads on one signer against one thread. The floor, which shares nothing, shows what the
/// machine can do at all.
fn scaling(signer: &Signer, key: &Hmac<Sha256>, document: &str) {
    let forms = || {
        black_box(form(signer, NOW));
    };
    let floors = || {
        let mut encoded = [0; 1024];
        let length = document.len().div_ceil(3) * 4;
        black_box(form_floor(key, document.as_bytes(), &mut encoded[..length]));
    };
    let (mut ours, mut machine) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        ours.push(per_second(2, &forms) / per_second(1, &forms));
        machine.push(per_second(2, &floors) / per_second(1, &floors));
    }
    let (ours, machine) = (median(ours), median(machine));
    println!("\n| two threads against one | ratio | target |");
    println!("|---|---:|---|");
    println!(
        "| forms of one signer | {ours:.2} | {} |",
        verdict("≥ 1.9", ours >= 1.9)
    );
    println!("| the floor, which shares nothing | {machine:.2} | |");
}

/// Calls per second of so many threads at once, each timed by itself.
fn per_second(threads: usize, work: &(impl Fn() + Sync)) -> f64 {
    const CALLS: u32 = 30_000;
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let timed = || {
            start.wait();
            let from = Instant::now();
            (0..CALLS).for_each(|_| work());
            f64::from(CALLS) / from.elapsed().as_secs_f64()
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(timed)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    })
}

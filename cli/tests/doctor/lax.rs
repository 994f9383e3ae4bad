//! A store that enforces nothing, and one that keeps versions.

use tower_asset_upload::ports::UploadMethod;
use tower_asset_upload::s3::CheckStatus;

use crate::moto::Moto;
use crate::{ENFORCED, expect};
use CheckStatus::{Failed, Passed, Warned};

const NO_OBJECTS: &str = "found = s3.list_object_versions(Bucket='uploads')\n\
    print(len(found.get('Versions', [])), len(found.get('DeleteMarkers', [])))";

#[tokio::test]
async fn a_store_that_enforces_nothing_is_told_on() {
    let Some(moto) = Moto::start("a_store_that_enforces_nothing_is_told_on") else {
        return;
    };
    for method in [UploadMethod::Post, UploadMethod::Put] {
        let report = moto.setup().with(|o| o.method(method)).report().await;
        expect(&report, "upload", Passed, &[]);
        for name in ENFORCED {
            // Of a URL this is no promise of ours.
            let is_header = name == "fields" && method == UploadMethod::Put;
            let status = if is_header { Warned } else { Failed };
            expect(&report, name, status, &["The object store accepted"]);
        }
        expect(&report, "credentials", Warned, &["false signature"]);
        expect(&report, "checksum", Warned, &["has no effect"]);
        assert_eq!(report.status(), Failed);
        expect(&report, "cleanup", Passed, &["were removed"]);
        assert_eq!(moto.boto(NO_OBJECTS), "0 0");
    }
}

#[tokio::test]
async fn no_version_stays_behind() {
    let Some(moto) = Moto::start("no_version_stays_behind") else {
        return;
    };
    moto.boto(
        "s3.put_bucket_versioning(Bucket='uploads', VersioningConfiguration={'Status': 'Enabled'})",
    );
    let advise = |rule: &str| {
        moto.boto(&format!(
            "import json\ns3.put_bucket_lifecycle_configuration(Bucket='uploads', \
             LifecycleConfiguration=json.loads('{rule}'))"
        ));
    };
    let report = moto.setup().report().await;
    let warned = expect(&report, "versioning", Warned, &["delete markers"]);
    expect(&report, "cleanup", Passed, &["were removed"]);
    assert_eq!(moto.boto(NO_OBJECTS), "0 0");

    // What it advises is taken, and leaves old versions alone: a form may have made one of the recorded.
    let rule = warned.remedy.as_ref().unwrap();
    assert!(!rule.contains("Noncurrent"), "{rule}");
    advise(rule);
    let report = moto.setup().report().await;
    expect(&report, "versioning", Warned, &["delete markers"]);
    expect(&report, "lifecycle", Passed, &["in use"]);

    // One that ends them is noticed.
    advise(
        "{\"Rules\": [{\"ID\": \"old\", \"Status\": \"Enabled\", \"Filter\": {\"Prefix\": \"\"}, \
         \"NoncurrentVersionExpiration\": {\"NoncurrentDays\": 7}}]}",
    );
    let report = moto.setup().report().await;
    expect(
        &report,
        "lifecycle",
        Warned,
        &["NoncurrentVersionExpiration"],
    );
    assert_eq!(moto.boto(NO_OBJECTS), "0 0");

    moto.boto(
        "s3.put_bucket_lifecycle_configuration(Bucket='uploads', LifecycleConfiguration={'Rules': \
         [{'ID': 'x', 'Status': 'Enabled', 'Filter': {'Prefix': ''}, 'Expiration': {'Days': 30}}]})",
    );
    let report = moto.setup().report().await;
    expect(&report, "lifecycle", Warned, &["after 30 days"]);
}

/// The job of docs/object-stores.md: what was deleted goes, what a form has overwritten stays.
#[tokio::test]
async fn the_documented_job_ends_what_was_deleted_and_nothing_else() {
    let test = "the_documented_job_ends_what_was_deleted_and_nothing_else";
    let Some(moto) = Moto::start(test) else {
        return;
    };
    let (_, job) = include_str!("../../../docs/object-stores.md")
        .split_once("```python\n")
        .unwrap();
    let (job, _) = job.split_once("```").unwrap();
    // The client is the test's.
    let job = job.replace("s3 = boto3.client(\"s3\")\n", "");
    assert!(job.contains("Bucket=\"uploads\""), "{job}");
    let left = moto.boto(&format!(
        "s3.put_bucket_versioning(Bucket='uploads', VersioningConfiguration={{'Status': 'Enabled'}})\n\
         put = lambda key, body: s3.put_object(Bucket='uploads', Key=key, Body=body)['VersionId']\n\
         recorded = put('w/overwritten', b'first')\n\
         put('w/overwritten', b'second')\n\
         put('w/kept', b'kept')\n\
         for key in ('w/deleted', \"w/'odd'\"):\n    \
             put(key, b'1'); put(key, b'2'); s3.delete_object(Bucket='uploads', Key=key)\n\
         put('w/taken back', b'1'); s3.delete_object(Bucket='uploads', Key='w/taken back')\n\
         put('w/taken back', b'2')\n\
         {job}\n\
         left = s3.list_object_versions(Bucket='uploads')['Versions']\n\
         print(sorted(version['Key'] for version in left))\n\
         print(s3.get_object(Bucket='uploads', Key='w/overwritten', VersionId=recorded)['Body'].read())"
    ));
    let kept = "['w/kept', 'w/overwritten', 'w/overwritten', 'w/taken back', 'w/taken back']";
    assert_eq!(left, format!("{kept}\nb'first'"));
}

#[tokio::test]
async fn a_bucket_in_another_region_is_noticed() {
    let Some(moto) = Moto::start("a_bucket_in_another_region_is_noticed") else {
        return;
    };
    moto.boto(
        "s3 = boto3.client('s3', endpoint_url=s3.meta.endpoint_url, region_name='eu-west-1', \
         aws_access_key_id='AKIAMOTO', aws_secret_access_key='any')\n\
         s3.delete_bucket(Bucket='uploads')\ns3.create_bucket(Bucket='uploads', \
         CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})",
    );
    let report = moto.setup().report().await;
    expect(&report, "region", Warned, &["`us-east-1`", "`eu-west-1`"]);
}

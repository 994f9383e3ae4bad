//! Workspaces and credentials to ensure at start.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;
use tower_asset_upload::asset::{
    IdSource, ProjectId, RandomIds, UserId, WorkspaceId, WorkspaceSlug,
};
use tower_asset_upload::auth::{
    Credential, CredentialKind, CredentialRecord, Principal, Scope, Scopes,
};
use tower_asset_upload::ports::StoreError;
use tower_asset_upload::s3::S3Bucket;
use tower_asset_upload::{CredentialStore, DirectoryStore};
use uuid::Uuid;

use super::database::Database;
use super::options::SignerKind;
use crate::Failure;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seed {
    #[serde(default)]
    workspaces: Vec<SeedWorkspace>,
    #[serde(default)]
    credentials: Vec<SeedCredential>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedWorkspace {
    id: Uuid,
    slug: String,
    #[serde(default)]
    members: Vec<Uuid>,
    #[serde(default)]
    projects: Vec<Uuid>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeedCredential {
    kind: Kind,
    value: String,
    user: Uuid,
    /// All of them for an API key that names none, none for a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<SeedScope>>,
    #[serde(
        default,
        with = "rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    expires_at: Option<OffsetDateTime>,
    #[serde(default = "yes")]
    active: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    ApiKey,
    Bearer,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum SeedScope {
    #[serde(rename = "assets:read")]
    Read,
    #[serde(rename = "assets:write")]
    Write,
}

fn yes() -> bool {
    true
}

impl std::fmt::Debug for SeedCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedCredential")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Seed {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|fault| format!("can't read the seed file {shown}: {fault}"))?;
        // Serde takes an array for the members in order.
        if !text.trim_start().starts_with('{') {
            return Err(format!(
                "the seed file {shown} doesn't parse: it is no JSON object"
            ));
        }
        serde_json::from_str(&text)
            .map_err(|fault| format!("the seed file {shown} doesn't parse: {fault}"))
    }

    /// Adds everything in the seed to the database.
    pub(crate) async fn apply(&self, database: &Database) -> Result<(), Failure> {
        let unseeded = |fault: StoreError| format!("can't seed the database: {fault}");
        let directory = database.directory();
        for workspace in &self.workspaces {
            let id = WorkspaceId::new(workspace.id);
            let slug = WorkspaceSlug::new(&*workspace.slug)
                .map_err(|fault| format!("the seed's slug {:?}: {fault}", workspace.slug))?;
            directory.add_workspace(id, slug).await.map_err(unseeded)?;
            for member in &workspace.members {
                let added = directory.add_member(id, UserId::new(*member));
                added.await.map_err(unseeded)?;
            }
            for project in &workspace.projects {
                let added = directory.add_project(id, ProjectId::new(*project));
                added.await.map_err(unseeded)?;
            }
        }
        let keys = database.keys();
        for credential in &self.credentials {
            let added = keys.add_credential(credential.record()?);
            added.await.map_err(unseeded)?;
        }
        Ok(())
    }
}

impl SeedCredential {
    fn record(&self) -> Result<CredentialRecord, Failure> {
        // Others could never be presented: a header would not carry them.
        if self.value.is_empty() || !self.value.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(format!(
                "the seed's credential of user {} must be visible ASCII, without spaces",
                self.user
            ));
        }
        let kind = match self.kind {
            Kind::ApiKey => CredentialKind::ApiKey,
            Kind::Bearer => CredentialKind::Bearer,
        };
        let scopes = match &self.scopes {
            Some(named) => named
                .iter()
                .fold(Scopes::none(), |scopes, scope| scopes.with((*scope).into())),
            None if kind == CredentialKind::ApiKey => Scopes::all(),
            None => Scopes::none(),
        };
        let principal = Principal::new(UserId::new(self.user), scopes);
        let mut record = CredentialRecord::new(&Credential::new(kind, &self.value), principal);
        record.expires_at = self.expires_at;
        record.active = self.active;
        Ok(record)
    }
}

impl From<SeedScope> for Scope {
    fn from(scope: SeedScope) -> Self {
        match scope {
            SeedScope::Read => Self::AssetsRead,
            SeedScope::Write => Self::AssetsWrite,
        }
    }
}

/// What a newcomer needs to know.
pub(crate) struct Demo {
    pub slug: String,
    pub api_key: String,
}

/// A workspace to try things in. Its key is drawn once and kept in the data directory, readable by
/// the owner only, so that it is the same after a restart.
pub(crate) fn demo(data_dir: &Path) -> Result<(Seed, Demo), Failure> {
    let path = data_dir.join("demo-seed.json");
    let seed = if path.exists() {
        Seed::read(&path)?
    } else {
        write_demo(data_dir, &path)?
    };
    match (seed.workspaces.first(), seed.credentials.first()) {
        (Some(workspace), Some(credential)) => {
            let demo = Demo {
                slug: workspace.slug.clone(),
                api_key: credential.value.clone(),
            };
            Ok((seed, demo))
        }
        _ => Err(format!(
            "{} has no workspace or no credential: remove it to get a new one",
            path.display()
        )),
    }
}

fn write_demo(data_dir: &Path, path: &Path) -> Result<Seed, Failure> {
    let user = RandomIds.next_id();
    let seed = Seed {
        workspaces: vec![SeedWorkspace {
            id: RandomIds.next_id(),
            slug: "my-workspace".to_owned(),
            members: vec![user],
            projects: vec![RandomIds.next_id()],
        }],
        credentials: vec![SeedCredential {
            kind: Kind::ApiKey,
            value: format!("plane_api_{}", RandomIds.next_id().simple()),
            user,
            scopes: None,
            expires_at: None,
            active: true,
        }],
    };
    let written = || -> std::io::Result<()> {
        fs::create_dir_all(data_dir)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(&serde_json::to_vec_pretty(&seed)?)?;
        file.sync_all()
    };
    written().map_err(|fault| format!("can't write {}: {fault}", path.display()))?;
    Ok(seed)
}

impl Demo {
    /// Lines that work as pasted.
    pub(crate) fn instructions(
        &self,
        address: SocketAddr,
        signer: SignerKind,
        bucket: &S3Bucket,
    ) -> String {
        let Self { slug, api_key } = self;
        let url = format!("http://{address}/api/v1/workspaces/{slug}/assets/");
        let upload = match signer {
            SignerKind::Post => {
                "printf %s \"$A\" | sed 's/.*\"fields\":{//; s/}.*//; s/\"\\([^\"]*\\)\":\"\\([^\"]*\\)\",*/form-string = \"\\1=\\2\"\\n/g' | \
                 curl -sS -K - -F file=@hello.txt \"$U\""
            }
            SignerKind::Put if bucket.has_single_use_puts() => {
                "curl -sS -T hello.txt -H 'Content-Type: text/plain' -H 'If-None-Match: *' \"$U\""
            }
            SignerKind::Put => "curl -sS -T hello.txt -H 'Content-Type: text/plain' \"$U\"",
        };
        format!(
            "\
workspace  {slug}
API key    {api_key}

Ask for permission to upload:
curl -sS -X POST '{url}' -H 'X-API-Key: {api_key}' -H 'Content-Type: application/json' -d '{{\"name\":\"hello.txt\",\"type\":\"text/plain\",\"size\":6}}'

Or go the whole way, to the object store and back:
K='X-API-Key: {api_key}' J='Content-Type: application/json'; \
printf 'hello\\n' > hello.txt; \
A=$(curl -sS -X POST '{url}' -H \"$K\" -H \"$J\" -d '{{\"name\":\"hello.txt\",\"size\":6}}'); \
ID=$(printf %s \"$A\" | sed 's/.*\"asset_id\":\"\\([^\"]*\\)\".*/\\1/'); \
U=$(printf %s \"$A\" | sed 's/.*\"url\":\"\\([^\"]*\\)\".*/\\1/'); \
{upload} && \
curl -sS -X PATCH \"{url}$ID/\" -H \"$K\" -H \"$J\" -d '{{\"is_uploaded\":true}}' && \
curl -sS \"$(curl -sS \"{url}$ID/\" -H \"$K\" | sed 's/.*\"asset_url\":\"\\([^\"]*\\)\".*/\\1/')\"

Or open http://{address}/ in a browser.

"
        )
    }
}

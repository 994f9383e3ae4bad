//! Long names in the embedded object store.

use async_trait::async_trait;
use axum::http::header::ETAG;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, ListBucketsInput, ListBucketsOutput, ListObjectsV2Input, ListObjectsV2Output,
    PutObjectInput, PutObjectOutput,
};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use sha2::{Digest, Sha256};

use super::spooled_forms::SpooledFile;

/// The store writes a key, in base64, into a file's name, where 255 bytes are the most. S3 takes keys
/// of 1,024 bytes, so a key longer than this goes by its digest.
const LONGEST_KEY: usize = 128;

/// The operations that uploads and downloads need.
pub(crate) struct ShortKeys(pub FileSystem);

fn shorten(key: &mut String) {
    if key.len() > LONGEST_KEY {
        *key = format!("long-keys/{}", const_hex::encode(Sha256::digest(&*key)));
    }
}

#[async_trait]
impl S3 for ShortKeys {
    async fn get_object(
        &self,
        mut request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        shorten(&mut request.input.key);
        self.0.get_object(request).await
    }

    async fn head_object(
        &self,
        mut request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        shorten(&mut request.input.key);
        self.0.head_object(request).await
    }

    /// POST Object comes here too, with zeros for a file that was spooled. Its answer gets the `ETag`
    /// as a header, as from S3, which this store by itself leaves out: Uppy 5 waits for it forever.
    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        shorten(&mut request.input.key);
        if let Some(file) = request.extensions.remove::<SpooledFile>() {
            let body = file.into_body().await.map_err(S3Error::internal_error)?;
            request.input.body = Some(body);
        }
        let mut response = self.0.put_object(request).await?;
        let tag = response.output.e_tag.as_ref();
        if let Some(Ok(tag)) = tag.map(ETag::to_http_header) {
            response.headers.insert(ETAG, tag);
        }
        Ok(response)
    }

    async fn delete_object(
        &self,
        mut request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        shorten(&mut request.input.key);
        self.0.delete_object(request).await
    }

    async fn list_buckets(
        &self,
        request: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        self.0.list_buckets(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.0.list_objects_v2(request).await
    }
}

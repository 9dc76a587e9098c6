/** Clearing buckets through the API, versions and open uploads included. */
import {
  AbortMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  NoSuchBucket,
  type S3Client,
} from '@aws-sdk/client-s3';

/** Removes every version, delete marker and open upload of a bucket. */
export async function clearBucket(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucket }));
    const objects = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map((version) => ({
      Key: version.Key ?? '',
      VersionId: version.VersionId ?? '',
    }));
    if (objects.length === 0) break;
    const answer = await client.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects, Quiet: true } }),
    );
    if ((answer.Errors ?? []).length > 0) throw new Error(JSON.stringify(answer.Errors));
  }
  const uploads = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  for (const { Key, UploadId } of uploads.Uploads ?? []) {
    await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }));
  }
}

/** Clears and deletes a bucket; nothing when it does not exist. */
export async function emptyBucket(client: S3Client, bucket: string): Promise<void> {
  try {
    await clearBucket(client, bucket);
    await client.send(new DeleteBucketCommand({ Bucket: bucket }));
  } catch (error) {
    if (!(error instanceof NoSuchBucket) && (error as Error).name !== 'NoSuchBucket') throw error;
  }
}

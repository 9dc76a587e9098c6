// Prints a presigned URL: presign.js METHOD BUCKET KEY, endpoint and keys from the environment.
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const [method, Bucket, Key] = process.argv.slice(2);
const client = new S3Client({ endpoint: process.env.ENDPOINT, forcePathStyle: true });
const command =
  method === 'PUT' ? new PutObjectCommand({ Bucket, Key }) : new GetObjectCommand({ Bucket, Key });
console.log(await getSignedUrl(client, command, { expiresIn: 60 }));

/** @aws-sdk/client-s3 in the page, with its defaults for browsers. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectVersionsCommand,
  type ObjectVersion,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type {
  BodyKind,
  Connection,
  ListedVersion,
  PageCalls,
  SdkGet,
  SdkPutAnswer,
} from './calls.ts';
import { streamed } from './requests.ts';

let client: S3Client | undefined;

function clientOf(connection: Connection): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey, checksums } = connection;
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 1,
    ...(checksums === undefined ? {} : { requestChecksumCalculation: checksums }),
  });
}

function connected(): S3Client {
  if (client === undefined) throw new Error('sdkConnect comes first');
  return client;
}

function bodyOf(text: string, kind: BodyKind): string | Uint8Array | Blob {
  switch (kind) {
    case 'string':
      return text;
    case 'bytes':
      return new TextEncoder().encode(text);
    case 'blob':
      return new Blob([text]);
    case 'file':
      return new File([text], 'a file');
  }
}

function putAnswer(answer: {
  ETag?: string | undefined;
  ChecksumCRC32?: string | undefined;
  VersionId?: string | undefined;
}): SdkPutAnswer {
  const { ETag, ChecksumCRC32, VersionId } = answer;
  return {
    ...(ETag === undefined ? {} : { etag: ETag }),
    ...(ChecksumCRC32 === undefined ? {} : { crc32: ChecksumCRC32 }),
    ...(VersionId === undefined ? {} : { versionId: VersionId }),
  };
}

function getObject({ bucket, key, versionId, range }: SdkGet): Promise<GetObjectCommandOutput> {
  return connected().send(
    new GetObjectCommand({ Bucket: bucket, Key: key, VersionId: versionId, Range: range }),
  );
}

type SdkCalls = Pick<
  PageCalls,
  | 'sdkConnect'
  | 'sdkPut'
  | 'sdkGet'
  | 'sdkGetStream'
  | 'sdkGetFailure'
  | 'sdkList'
  | 'sdkDelete'
  | 'sdkVersions'
  | 'sdkPresignPut'
>;

export const sdkCalls: SdkCalls = {
  async sdkConnect(connection) {
    client?.destroy();
    client = clientOf(connection);
  },

  async sdkPut({ bucket, key, text, kind, metadata }) {
    const answer = await connected().send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: bodyOf(text, kind),
        Metadata: { ...metadata },
      }),
    );
    return putAnswer(answer);
  },

  async sdkGet(input) {
    const answer = await getObject(input);
    return {
      text: (await answer.Body?.transformToString()) ?? '',
      ...(answer.$metadata.httpStatusCode === undefined
        ? {}
        : { status: answer.$metadata.httpStatusCode }),
      ...(answer.ContentRange === undefined ? {} : { contentRange: answer.ContentRange }),
      ...(answer.Metadata === undefined ? {} : { metadata: answer.Metadata }),
    };
  },

  async sdkGetStream(input) {
    const answer = await getObject(input);
    if (answer.Body === undefined) throw new Error('no body');
    return await streamed(answer.Body.transformToWebStream());
  },

  async sdkGetFailure(input) {
    try {
      await getObject(input);
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error;
      const { httpStatusCode } = error.$metadata;
      return {
        name: error.name,
        ...(httpStatusCode === undefined ? {} : { status: httpStatusCode }),
      };
    }
    throw new Error('it was answered');
  },

  async sdkList({ bucket, prefix, pageSize }) {
    const keys: string[] = [];
    const config = pageSize === undefined ? {} : { pageSize };
    const pages = paginateListObjectsV2(
      { client: connected(), ...config },
      { Bucket: bucket, Prefix: prefix },
    );
    for await (const page of pages) {
      for (const { Key } of page.Contents ?? []) keys.push(Key ?? '');
    }
    return keys;
  },

  async sdkDelete({ bucket, key }) {
    return putAnswer(await connected().send(new DeleteObjectCommand({ Bucket: bucket, Key: key })));
  },

  async sdkVersions({ bucket }) {
    const answer = await connected().send(new ListObjectVersionsCommand({ Bucket: bucket }));
    const told =
      (isDeleteMarker: boolean) =>
      ({ Key = '', VersionId = '', IsLatest = false }: ObjectVersion): ListedVersion => ({
        key: Key,
        versionId: VersionId,
        isLatest: IsLatest,
        isDeleteMarker,
      });
    return [
      ...(answer.Versions ?? []).map(told(false)),
      ...(answer.DeleteMarkers ?? []).map(told(true)),
    ];
  },

  async sdkPresignPut({ bucket, key }) {
    const command = new PutObjectCommand({ Bucket: bucket, Key: key });
    return await getSignedUrl(connected(), command, { expiresIn: 300 });
  },
};

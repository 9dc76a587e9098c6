/** What tests of multipart uploads do all the time. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  CreateMultipartUploadCommand,
  type CreateMultipartUploadCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { md5Hex } from './checksums.ts';
import { objectPath, type RawResponse } from './http.ts';
import type { HeaderMap, Target } from './target.ts';

export const minimumPartBytes = 5 * 1024 * 1024;

/** A part as it is named in Complete; `rest` is what its element holds beside number and ETag. */
export interface NamedPart {
  readonly PartNumber: number;
  readonly ETag?: string | undefined;
  readonly rest?: string;
}

export function completeDocument(parts: readonly NamedPart[]): string {
  const elements = parts.map(
    ({ PartNumber, ETag, rest = '' }) =>
      `<Part><PartNumber>${PartNumber}</PartNumber><ETag>${ETag}</ETag>${rest}</Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${elements.join('')}</CompleteMultipartUpload>`;
}

/** MD5 of the parts' MD5s, and their number; in quotes. */
export function multipartEtag(parts: readonly Buffer[]): string {
  const digests = parts.map((bytes) => createHash('md5').update(bytes).digest());
  return `"${md5Hex(Buffer.concat(digests))}-${parts.length}"`;
}

/** The uploads of one bucket. */
export class Uploads {
  private readonly s3: Target;
  private readonly bucket: string;
  private readonly client: S3Client;

  constructor(s3: Target, bucket: string) {
    this.s3 = s3;
    this.bucket = bucket;
    // By itself the SDK asks for CRC32, and S3 then wants it named for every part in Complete.
    this.client = s3.clientWith({ requestChecksumCalculation: 'WHEN_REQUIRED' });
  }

  async create(
    Key: string,
    more: Partial<CreateMultipartUploadCommandInput> = {},
  ): Promise<string> {
    const answer = await this.client.send(
      new CreateMultipartUploadCommand({ Bucket: this.bucket, Key, ...more }),
    );
    assert.equal(answer.Bucket, this.bucket);
    assert.equal(answer.Key, Key);
    return answer.UploadId ?? '';
  }

  async part(Key: string, UploadId: string, PartNumber: number, Body: Buffer): Promise<NamedPart> {
    const { ETag } = await this.client.send(
      new UploadPartCommand({ Bucket: this.bucket, Key, UploadId, PartNumber, Body }),
    );
    return { PartNumber, ETag };
  }

  rawPart(
    key: string,
    query: string,
    body: Buffer | string,
    headers: HeaderMap = {},
  ): Promise<RawResponse> {
    return this.s3.send({
      method: 'PUT',
      path: objectPath(this.bucket, key, query),
      body,
      headers,
    });
  }

  complete(
    key: string,
    uploadId: string,
    parts: readonly NamedPart[] | string,
    headers: HeaderMap = {},
  ): Promise<RawResponse> {
    const path = objectPath(this.bucket, key, `uploadId=${uploadId}`);
    const body = typeof parts === 'string' ? parts : completeDocument(parts);
    return this.s3.send({ method: 'POST', path, body, headers });
  }

  abort(key: string, uploadId: string): Promise<RawResponse> {
    return this.s3.delete(this.bucket, key, `uploadId=${uploadId}`);
  }

  /** Uploads the bodies in order and completes. */
  async upload(
    key: string,
    bodies: readonly Buffer[],
    more: Partial<CreateMultipartUploadCommandInput> = {},
  ): Promise<RawResponse> {
    const uploadId = await this.create(key, more);
    const parts: NamedPart[] = [];
    for (const [index, body] of bodies.entries()) {
      parts.push(await this.part(key, uploadId, index + 1, body));
    }
    return await this.complete(key, uploadId, parts);
  }
}

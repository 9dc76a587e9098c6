/** Requests of Signature Version 2 that Amazon has published with their signatures: facts for tests. */

import type { Pair } from './sigv4.ts';
import { exampleAccessKey } from './sigv4.vectors.ts';

export interface ExampleRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly Pair[];
  readonly nowMs?: number;
}

export const authorization = (signature: string): Pair => [
  'Authorization',
  `AWS ${exampleAccessKey}:${signature}`,
];

/**
 * The examples of https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html, in its
 * older editions too (the bucket johnsmith).
 */
export const publishedExamples: readonly (ExampleRequest & { readonly name: string })[] = [
  {
    name: 'object GET',
    path: '/photos/puppy.jpg',
    headers: [
      ['Host', 'awsexamplebucket1.us-west-1.s3.amazonaws.com'],
      ['Date', 'Tue, 27 Mar 2007 19:36:42 +0000'],
      authorization('qgk2+6Sv9/oM7G3qLEjTH1a1l1g='),
    ],
  },
  {
    name: 'object GET, older edition',
    path: '/photos/puppy.jpg',
    headers: [
      ['Host', 'johnsmith.s3.amazonaws.com'],
      ['Date', 'Tue, 27 Mar 2007 19:36:42 +0000'],
      authorization('bWq2s1WEIj+Ydj0vQ697zp+IXMU='),
    ],
  },
  {
    name: 'object PUT',
    method: 'PUT',
    path: '/photos/puppy.jpg',
    headers: [
      ['Content-Type', 'image/jpeg'],
      ['Content-Length', '94328'],
      ['Host', 'johnsmith.s3.amazonaws.com'],
      ['Date', 'Tue, 27 Mar 2007 21:15:45 +0000'],
      authorization('MyyxeRY7whkBe+bq8fHCL/2kKUg='),
    ],
    nowMs: Date.UTC(2007, 2, 27, 21, 16),
  },
  {
    name: 'list',
    path: '/?prefix=photos&max-keys=50&marker=puppy',
    headers: [
      ['User-Agent', 'Mozilla/5.0'],
      ['Host', 'johnsmith.s3.amazonaws.com'],
      ['Date', 'Tue, 27 Mar 2007 19:42:41 +0000'],
      authorization('htDYFYduRNen8P9ZfE/s9SuKy0U='),
    ],
  },
  {
    name: 'fetch of an access list',
    path: '/?acl',
    headers: [
      ['Host', 'johnsmith.s3.amazonaws.com'],
      ['Date', 'Tue, 27 Mar 2007 19:44:46 +0000'],
      authorization('c2WLPFtWHVgbEmeEG93a4cG37dM='),
    ],
  },
  {
    name: 'DELETE with X-Amz-Date beside Date',
    method: 'DELETE',
    path: '/johnsmith/photos/puppy.jpg',
    headers: [
      ['User-Agent', 'dotnet'],
      ['Host', 's3.amazonaws.com'],
      ['Date', 'Tue, 27 Mar 2007 21:20:27 +0000'],
      ['x-amz-date', 'Tue, 27 Mar 2007 21:20:26 +0000'],
      authorization('lx3byBScXR6KzyMaifNkardMwNk='),
    ],
    nowMs: Date.UTC(2007, 2, 27, 21, 20, 30),
  },
  {
    name: 'DELETE, older edition',
    method: 'DELETE',
    path: '/johnsmith/photos/puppy.jpg',
    headers: [
      ['User-Agent', 'dotnet'],
      ['Host', 's3.amazonaws.com'],
      ['Date', 'Tue, 27 Mar 2007 21:20:27 +0000'],
      ['x-amz-date', 'Tue, 27 Mar 2007 21:20:26 +0000'],
      authorization('R4dJ53KECjStyBO5iTBJZ4XVOaI='),
    ],
    nowMs: Date.UTC(2007, 2, 27, 21, 20, 30),
  },
  {
    name: 'upload to a host with a port',
    method: 'PUT',
    path: '/static.johnsmith.net/db-backup.dat.gz',
    headers: [
      ['User-Agent', 'curl/7.15.5'],
      ['Host', 's3.amazonaws.com:8080'],
      ['Date', 'Tue, 27 Mar 2007 21:06:08 +0000'],
      ['x-amz-acl', 'public-read'],
      ['content-type', 'application/x-download'],
      ['Content-MD5', '4gJE4saaMU4BqNR0kLY+lw=='],
      ['X-Amz-Meta-ReviewedBy', 'joe@johnsmith.net'],
      ['X-Amz-Meta-ReviewedBy', 'jane@johnsmith.net'],
      ['X-Amz-Meta-FileChecksum', '0x02661779'],
      ['X-Amz-Meta-ChecksumAlgorithm', 'crc32'],
      ['Content-Disposition', 'attachment; filename=database.dat'],
      ['Content-Encoding', 'gzip'],
      ['Content-Length', '5913339'],
      authorization('ilyl83RwaSoYIEdixDQcA4OnAnc='),
    ],
    nowMs: Date.UTC(2007, 2, 27, 21, 7),
  },
  {
    name: 'list of all buckets',
    headers: [
      ['Host', 's3.amazonaws.com'],
      ['Date', 'Wed, 28 Mar 2007 01:29:59 +0000'],
      authorization('qGdzdERIC03wnaRNKh6OqZehG9s='),
    ],
    nowMs: Date.UTC(2007, 2, 28, 1, 30),
  },
  {
    name: 'Unicode keys, encoded as the client pleases',
    path: '/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re',
    headers: [
      ['Host', 's3.amazonaws.com'],
      ['Date', 'Wed, 28 Mar 2007 01:49:49 +0000'],
      authorization('DNEZGsoieTZ92F3bUfSPQcbGmlM='),
    ],
    nowMs: Date.UTC(2007, 2, 28, 1, 50),
  },
  {
    name: 'signed URL',
    path: `/photos/puppy.jpg?AWSAccessKeyId=${exampleAccessKey}&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620`,
    headers: [
      ['Host', 'johnsmith.s3.amazonaws.com'],
      ['Date', 'Mon, 26 Mar 2007 19:37:58 +0000'],
    ],
  },
];

/** The script of the test's page: what the test may call, under one global name. */
import { AwsClient } from 'aws4fetch';
import type { Connection, PageCalls } from './calls.ts';
import { initOf, requestCalls, seen } from './requests.ts';
import { sdkCalls } from './sdk.ts';

function signerOf({ region, accessKeyId, secretAccessKey }: Connection): AwsClient {
  return new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 });
}

const calls: PageCalls = {
  ...requestCalls,
  ...sdkCalls,

  async aws4fetch({ connection, request }) {
    return await seen(await signerOf(connection).fetch(request.url, initOf(request)));
  },

  async aws4fetchPresign({ connection, request }) {
    const signed = await signerOf(connection).sign(request.url, {
      ...initOf(request),
      aws: { signQuery: true },
    });
    return signed.url;
  },
};

Object.assign(globalThis, { calls });

/** Requests signed by aws4 and sent with node:http, for tests of the pipeline. */
import http from 'node:http';
import aws4 from 'aws4';
import { accessKey, secret } from './pipeline-server.ts';

export interface Given {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  /** Sent but not shown to the signer, which would add its length. */
  readonly unsignedBody?: string;
  readonly isAnonymous?: boolean;
  readonly agent?: http.Agent;
}

export interface Got {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** The head of a signed request; the signature covers what is in `headers`. */
export function signedHeaders(port: number, given: Given): Record<string, string> {
  const signed = aws4.sign(
    {
      service: 's3',
      region: 'us-east-1',
      host: `127.0.0.1:${port}`,
      method: given.method ?? 'GET',
      path: given.path,
      headers: { ...given.headers },
      ...(given.body === undefined ? {} : { body: given.body }),
    },
    { accessKeyId: accessKey, secretAccessKey: secret },
  );
  return Object.fromEntries(
    Object.entries(signed.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
}

export function request(port: number, given: Given): Promise<Got> {
  const headers = given.isAnonymous === true ? { ...given.headers } : signedHeaders(port, given);
  return new Promise((resolve, reject) => {
    const { method = 'GET', path, agent } = given;
    const req = http.request(
      { host: '127.0.0.1', port, method, path, headers, ...(agent === undefined ? {} : { agent }) },
      (res) => {
        const pieces: Buffer[] = [];
        res.on('data', (piece) => pieces.push(piece));
        res.on('error', reject);
        res.on('end', () =>
          resolve({
            status: res.statusCode ?? 0,
            headers: res.headers,
            body: Buffer.concat(pieces).toString(),
          }),
        );
      },
    );
    req.on('error', reject);
    req.end(given.body ?? given.unsignedBody);
  });
}

/** The text of one element of a document. */
export function tag(document: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(document)?.[1];
}

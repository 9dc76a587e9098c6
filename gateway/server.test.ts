/** The traps of Node's HTTP server, looked at from a bare socket. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { testOperations } from './testing/operations.ts';
import { exchangeRaw, startTestServer, type TestServer } from './testing/pipeline-server.ts';
import { request, signedHeaders, tag } from './testing/signed-request.ts';

const limits = {
  maxHeaderCount: 40,
  maxHeaderBytes: 16 * 1024,
  bodyIdleTimeoutMs: 300,
  drainBytes: 2 * 1024 * 1024,
  drainTimeoutMs: 2000,
  smallBodyBytes: 64 * 1024,
  smallBodyTimeoutMs: 200,
};
for (const isHanded of [false, true]) {
  describe(isHanded ? 'a server that is handed its connections' : 'a server that accepts', () => {
    let server: TestServer;
    before(async () => {
      server = await startTestServer({ operations: testOperations, limits, isHanded });
    });
    after(() => server.close());

    const raw = (text: string | Buffer) =>
      exchangeRaw(server.port, (socket) => {
        socket.write(text);
      });

    /** The head of a signed request, to be sent by hand. */
    function signedHead(
      method: string,
      path: string,
      headers: Record<string, string> = {},
    ): string {
      const lines = Object.entries(signedHeaders(server.port, { method, path, headers }));
      return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
    }

    const unsignedPayload = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };

    describe('what the parser refuses is XML with a request id', () => {
      const host = 'Host: x\r\n';
      const cases: [name: string, text: string | Buffer, status: number, code: string][] = [
        [
          'an empty Content-Length',
          `PUT /mine/x HTTP/1.1\r\n${host}Content-Length: \r\n\r\n`,
          400,
          'BadRequest',
        ],
        [
          'a negative Content-Length',
          `PUT /mine/x HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`,
          400,
          'BadRequest',
        ],
        [
          'Transfer-Encoding with Content-Length',
          `PUT /mine/x HTTP/1.1\r\n${host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
          400,
          'BadRequest',
        ],
        [
          'a control byte in a header',
          `GET / HTTP/1.1\r\n${host}x-a: \u0001\r\n\r\n`,
          400,
          'BadRequest',
        ],
        [
          'raw UTF-8 in the path',
          Buffer.from(`GET /mine/ä HTTP/1.1\r\n${host}\r\n`),
          400,
          'InvalidURI',
        ],
        ['an unknown method', `FROB / HTTP/1.1\r\n${host}\r\n`, 405, 'MethodNotAllowed'],
        [
          'a long URL',
          `GET /${'a'.repeat(20_000)} HTTP/1.1\r\n${host}\r\n`,
          431,
          'RequestHeaderSectionTooLarge',
        ],
        [
          'headers beyond the limit, still being sent',
          `GET / HTTP/1.1\r\n${host}${`x-a: ${'b'.repeat(1000)}\r\n`.repeat(300)}\r\n`,
          431,
          'RequestHeaderSectionTooLarge',
        ],
        ['a tunnel', `CONNECT other:80 HTTP/1.1\r\n${host}\r\n`, 405, 'MethodNotAllowed'],
        ['a broken version', 'GET / HTTQ/1.1\r\n\r\n', 400, 'BadRequest'],
      ];
      for (const [name, text, status, code] of cases) {
        test(name, async () => {
          const got = await raw(text);
          assert.equal(got.text.split(' ')[1], String(status), got.text);
          assert.equal(tag(got.text, 'Code'), code);
          const requestId = /x-amz-request-id: ([0-9A-F]{16})\r\n/i.exec(got.text)?.[1];
          assert.equal(tag(got.text, 'RequestId'), requestId);
          assert.notEqual(requestId, undefined);
          assert.match(got.text, /^Connection: close\r$/im);
        });
      }
    });

    describe('heads that Node lets through', () => {
      const refused = async (text: string) => {
        const got = await exchangeRaw(server.port, (socket) => {
          socket.end(text);
        });
        return [Number(got.text.split(' ')[1]), tag(got.text, 'Code')];
      };

      test('a missing Host is refused with a document', async () => {
        assert.deepEqual(await refused('GET / HTTP/1.1\r\n\r\n'), [400, 'MissingSecurityHeader']);
      });

      test('HTTP/1.0 may go without Host', async () => {
        assert.deepEqual(await refused('GET /mine HTTP/1.0\r\n\r\n'), [403, 'AccessDenied']);
      });

      test('more headers than allowed are refused, not dropped', async () => {
        const many = Array.from({ length: 41 }, (_, n) => `x-${n}: 1\r\n`).join('');
        const got = await refused(`GET /mine HTTP/1.1\r\nHost: x\r\n${many}\r\n`);
        assert.deepEqual(got, [400, 'RequestHeaderSectionTooLarge']);
      });

      for (const header of ['Host', 'Authorization', 'X-Amz-Date']) {
        test(`a repeated ${header} is refused`, async () => {
          const repeated = `${header}: x\r\n`.repeat(header === 'Host' ? 1 : 2);
          const got = await refused(`GET /mine HTTP/1.1\r\nHost: x\r\n${repeated}\r\n`);
          assert.deepEqual(got, [400, 'InvalidRequest']);
        });
      }

      test('another transfer coding than chunked is refused: its bytes would be stored encoded', async () => {
        for (const coding of ['gzip, chunked', 'identity', 'xchunked']) {
          const got = await refused(
            `PUT /mine/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`,
          );
          assert.deepEqual(got, [501, 'NotImplemented'], coding);
        }
      });

      test('a target in absolute form is one, be its host what it may', async () => {
        for (const target of [
          'http://[::/mine/x',
          'http:///mine/x',
          'https://a:b@c:99999/mine/x',
        ]) {
          const got = await refused(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
          assert.deepEqual(got, [403, 'AccessDenied'], target);
        }
        const live = await raw(
          'GET http://x/_/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
        );
        assert.match(live.text, /^HTTP\/1\.1 200 /);
      });

      for (const value of ['200', '']) {
        test(`Expect: "${value}" does no harm`, async () => {
          const got = await request(server.port, { path: '/mine', headers: { Expect: value } });
          assert.equal(got.status, 200, got.body);
        });
      }
    });

    describe('100 Continue', () => {
      const expecting = { Expect: '100-continue', 'Content-Length': '5', ...unsignedPayload };

      test('comes after authorization, and the body after it', async () => {
        const got = await exchangeRaw(server.port, (socket) => {
          socket.write(signedHead('PUT', '/mine/k', expecting));
          socket.once('data', (piece) => {
            assert.match(String(piece), /^HTTP\/1.1 100 /);
            socket.end('hello');
          });
        });
        assert.match(got.text, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n/);
      });

      for (const [path, code] of [
        ['/theirs/k', 'AccessDenied'],
        ['/nobody/k', 'NoSuchBucket'],
        ['/mine?cors', 'NotImplemented'],
        ['/mine/refuse', 'EntityTooLarge'],
      ] as const) {
        test(`is not sent before ${code}`, async () => {
          const got = await exchangeRaw(server.port, (socket) => {
            socket.end(signedHead('PUT', path, expecting));
          });
          assert.doesNotMatch(got.text, /100 Continue/);
          assert.equal(tag(got.text, 'Code'), code);
        });
      }
    });

    describe('bodies', () => {
      test('a document that was signed and does not come at all is missed', async () => {
        const signedHash = createHash('sha256').update('<a/>').digest('hex');
        const head = signedHead('PUT', '/mine?versioning', { 'x-amz-content-sha256': signedHash });
        const got = await exchangeRaw(server.port, (socket) => {
          socket.end(head);
        });
        assert.equal(tag(got.text, 'Code'), 'XAmzContentSHA256Mismatch', got.text);
      });

      test('a plain PUT without any length is 411', async () => {
        for (const encoding of ['', 'Transfer-Encoding: chunked\r\n']) {
          const head = signedHead('PUT', '/mine/k', unsignedPayload);
          const got = await exchangeRaw(server.port, (socket) => {
            socket.end(head.replace(/\r\n\r\n$/, `\r\n${encoding}\r\n`));
          });
          assert.equal(got.text.split(' ')[1], '411', got.text);
          assert.equal(tag(got.text, 'Code'), 'MissingContentLength');
        }
      });

      test('a connection that ends before the body does is IncompleteBody', async () => {
        const got = await exchangeRaw(server.port, (socket) => {
          socket.end(
            `${signedHead('PUT', '/mine/k', { 'Content-Length': '10', ...unsignedPayload })}hello`,
          );
        });
        assert.equal(got.text.split(' ')[1], '400', got.text);
        assert.equal(tag(got.text, 'Code'), 'IncompleteBody');
      });

      test('an aws-chunked body without signatures is de-framed, whatever Content-Encoding says', async () => {
        const headers = {
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'x-amz-trailer': 'x-amz-checksum-crc32',
          'x-amz-decoded-content-length': '5',
          'Transfer-Encoding': 'chunked',
        };
        const framed = '5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n';
        const got = await request(server.port, {
          method: 'PUT',
          path: '/mine/k',
          headers,
          unsignedBody: framed,
        });
        assert.equal(got.status, 200, got.body);
        assert.equal(
          got.headers.etag,
          '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
        );
        assert.deepEqual(JSON.parse(String(got.headers['x-trailers'])), {
          'x-amz-checksum-crc32': 'NhCmhg==',
        });
      });

      test('a client that stops sending times out; one that is slow does not', async () => {
        const head = signedHead('PUT', '/mine/k', { 'Content-Length': '5', ...unsignedPayload });
        const stuck = await raw(`${head}he`);
        assert.equal(tag(stuck.text, 'Code'), 'RequestTimeout');

        // Twice the timeout in all, but never that long without a byte.
        const slow = await exchangeRaw(server.port, (socket) => {
          socket.write(head);
          let sent = 0;
          const timer = setInterval(() => {
            socket.write('x');
            sent += 1;
            if (sent < 5) return;
            clearInterval(timer);
            socket.end();
          }, 120);
        });
        assert.match(slow.text, /^HTTP\/1.1 200 OK/);
      });

      test('an error on an unread body reaches the client, every time', async () => {
        const total = 8 * 1024 * 1024;
        const piece = Buffer.alloc(64 * 1024);
        for (let attempt = 0; attempt < 10; attempt += 1) {
          const headers = { 'Content-Length': String(total), ...unsignedPayload };
          const got = await exchangeRaw(server.port, (socket) => {
            socket.write(signedHead('PUT', '/mine/refuse', headers));
            pour(socket, piece, total / piece.length);
          });
          assert.equal(got.text.split(' ')[1], '400', got.text);
          assert.equal(tag(got.text, 'Code'), 'EntityTooLarge');
          assert.match(got.text, /^Connection: close\r$/im);
        }
      });

      test('a body that an operation has no use for is ignored', async () => {
        const got = await request(server.port, { path: '/mine', body: 'surprise' });
        assert.equal(got.status, 200);
      });
    });

    /** Writes as fast as the server takes it, and goes on whatever it answers, as most clients do. */
    describe('connections', () => {
      test('are kept after an error whose body was read', async () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        try {
          const first = await request(server.port, { path: '/mine/absent', agent });
          const second = await request(server.port, { path: '/mine', agent });
          assert.deepEqual([first.status, second.status], [404, 200]);
          assert.equal(first.headers.connection, 'keep-alive');
          assert.match(String(first.headers['keep-alive']), /timeout=(6[5-9]|[7-9]\d)/);
        } finally {
          agent.destroy();
        }
      });

      const refused = (length: number) =>
        signedHead('PUT', '/none/k', { ...unsignedPayload, 'content-length': String(length) });

      test('are kept after an error whose small body came with the head or right behind it', async () => {
        const body = Buffer.alloc(10_000, 'x');
        const answer = await exchangeRaw(server.port, (socket) => {
          socket.write(Buffer.concat([Buffer.from(refused(body.length)), body]));
          socket.write(refused(body.length));
          setImmediate(() => {
            socket.write(body);
            socket.write(signedHead('GET', '/none', { connection: 'close' }));
          });
        });
        assert.deepEqual(
          [...answer.text.matchAll(/HTTP\/1\.1 (\d+)|^connection: (\S+)/gim)].map(
            ([, status, connection]) => status ?? connection,
          ),
          ['404', 'keep-alive', '404', 'keep-alive', '404', 'close'],
        );
      });

      test('are closed after an error whose body is long, or does not come', async () => {
        const cases = [Buffer.alloc(0), Buffer.alloc(100_000)].map(async (sent) => {
          const answer = await exchangeRaw(server.port, (socket) => {
            socket.write(Buffer.concat([Buffer.from(refused(sent.length + 5)), sent]));
          });
          assert.match(answer.text, /^HTTP\/1\.1 404 [\s\S]*^connection: close/im);
        });
        await Promise.all(cases);
      });

      test('a client that goes away ends the answer and its handler', async () => {
        const before = server.logged.length;
        await new Promise<void>((resolve) => {
          const socket = connect(server.port, '127.0.0.1', () => {
            socket.write(signedHead('GET', '/mine/endless'));
            socket.once('data', () => socket.destroy());
            socket.once('close', () => resolve());
          });
        });
        await until(() => server.logged.length > before);
        assert.equal(server.logged.at(-1)?.errorCode, 'ClientGone');
      });

      test('a client that stops reading does not hold its answer for ever', async () => {
        const before = server.logged.length;
        const socket = connect(server.port, '127.0.0.1', () => {
          socket.write(signedHead('GET', '/mine/endless'));
        });
        socket.pause();
        socket.on('error', () => undefined);
        await until(() => server.logged.length > before);
        assert.equal(server.logged.at(-1)?.errorCode, 'ClientGone');
        socket.destroy();
      });

      test('close does not wait for connections that are idle', async () => {
        const own = await startTestServer({ operations: testOperations, limits, isHanded });
        const socket = connect(own.port, '127.0.0.1');
        const closed = new Promise((resolve) => socket.once('close', resolve));
        const head = signedHeaders(own.port, { method: 'GET', path: '/mine' });
        const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
        socket.write(`GET /mine HTTP/1.1\r\n${lines.join('')}\r\n`);
        await new Promise((resolve) => socket.once('data', resolve));
        const veryLongMs = 2 ** 30;
        await own.listener.close(veryLongMs);
        socket.resume();
        await closed;
      });

      test('close lets running requests end and takes no new ones', async () => {
        const own = await startTestServer({ operations: testOperations, limits, isHanded });
        const headers = { 'Content-Length': '5', ...unsignedPayload };
        const lines = Object.entries(
          signedHeaders(own.port, { method: 'PUT', path: '/mine/k', headers }),
        );
        const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
        let closed: Promise<void> | undefined;
        const got = await exchangeRaw(own.port, (socket) => {
          socket.write(`PUT /mine/k HTTP/1.1\r\n${head}\r\nhe`);
          setTimeout(() => {
            closed = own.listener.close(5000);
            socket.write('llo');
          }, 50);
        });
        assert.match(got.text, /^HTTP\/1.1 200 OK/);
        await closed;
        await assert.rejects(request(own.port, { path: '/mine' }), { code: 'ECONNREFUSED' });
      });
    });
  });
}

function pour(socket: Socket, piece: Buffer, times: number): void {
  let left = times;
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      left -= 1;
      if (!socket.write(piece)) {
        socket.once('drain', more);
        return;
      }
    }
  };
  more();
}

/** Waits for something that happens on its own; the test's own timeout is the bound. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

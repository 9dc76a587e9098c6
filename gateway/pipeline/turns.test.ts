/** What is told of connections that break; the order of pipelined requests is tested in server.test.ts. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { Turns } from './turns.ts';

async function failuresOf(
  answer: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<Error[]> {
  const failures: Error[] = [];
  const turns = new Turns((error) => failures.push(error));
  const server = http.createServer((req, res) => turns.take(req, res, () => answer(req, res)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await once(socket, 'close');
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return failures;
}

test('a connection that fails under an answer is told of, once', async () => {
  const cause = new Error('the line was cut');
  assert.deepEqual(await failuresOf((req) => req.socket.destroy(cause)), [cause]);
  assert.deepEqual(
    await failuresOf((req, res) => {
      res.write('half');
      req.socket.destroy(cause);
    }),
    [cause],
  );
});

test('neither an answer nor a connection that just ends is a failure', async () => {
  assert.deepEqual(await failuresOf((_req, res) => res.end('whole')), []);
  assert.deepEqual(await failuresOf((req) => req.socket.destroy()), []);
});

import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { test } from 'node:test';
import { Connection, type Outgoing } from './connection.ts';

const request: Outgoing = {
  ...{ callName: 'READ', number: 1, buffers: [Buffer.from('anything')] },
  answerLimits: { maxItems: 1, maxItemBytes: 1, maxBytes: 1 },
};

test('a reset in the moment in which the end answers an end closes the connection', async (t) => {
  const server = createServer((peer) => peer.end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const counters = { connectionsOpened: 0, bytesSent: 0, bytesReceived: 0 };
  const options = {
    connectTimeoutMs: 10_000,
    lookup,
    localAddress: undefined,
    security: undefined,
  };
  const connection = new Connection({ host: '127.0.0.1', port }, counters, options);

  const sendEnd = Socket.prototype._final;
  t.mock.method(Socket.prototype, '_final', function (this: Socket, done: () => void) {
    sendEnd.call(this, done);
    if (this.remotePort === port) connection.reset();
  });
  await assert.rejects(connection.exchange(request), /the server closed the connection/);
  server.close();
});

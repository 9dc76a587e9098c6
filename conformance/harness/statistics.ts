/** What an entity of ours says of itself: the call STATISTICS of BlobSeer's protocol, by hand. */
import { connect } from 'node:net';

export type Statistics = Readonly<Record<string, number | string | boolean>>;

const statisticsCall = 1002;
const headerBytes = 12;
const answerTimeoutMs = 10_000;

export function statisticsOf(host: string, port: number): Promise<Statistics> {
  const request = Buffer.alloc(headerBytes); // number of the call, no parameters, status 0
  request.writeUInt32LE(statisticsCall, 0);
  return new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(request));
    let received = Buffer.alloc(0);
    socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error('no statistics')));
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('no statistics: the connection was closed')));
    socket.on('data', (piece) => {
      received = Buffer.concat([received, piece]);
      const text = resultIn(received);
      if (text === undefined) return;
      resolve(JSON.parse(text));
      socket.destroy();
    });
  });
}

/** Number, count of results and status in front; then each result behind its length. Undefined: not whole yet. */
function resultIn(answer: Buffer): string | undefined {
  const at = headerBytes + 4;
  if (answer.length < at) return undefined;
  const length = answer.readUInt32LE(headerBytes);
  return answer.length < at + length ? undefined : answer.toString('utf8', at, at + length);
}

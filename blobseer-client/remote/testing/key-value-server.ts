/** A data or metadata provider in memory, as far as reading and writing goes. */
import { metadataProviderCalls } from '../wire/messages.ts';
import { type ScriptedServer, scriptedServer } from './scripted-server.ts';

export interface KeyValueServer extends ScriptedServer {
  /** By the key in hexadecimal digits. */
  readonly values: Map<string, Buffer>;
  /** How many keys each read and each write had, in order. */
  readonly reads: number[];
  readonly writes: number[];
}

export async function keyValueServer(): Promise<KeyValueServer> {
  const values = new Map<string, Buffer>();
  const reads: number[] = [];
  const writes: number[] = [];
  const { read, write } = metadataProviderCalls;
  const server = await scriptedServer(async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      if (request.name === write.number) {
        const pairs = write.decodeRequest(request.items);
        writes.push(pairs.length);
        for (const [key, value] of pairs) {
          values.set(Buffer.from(key).toString('hex'), Buffer.from(value));
        }
        peer.answer(request);
        continue;
      }
      reads.push(request.items.length);
      const found = request.items.map((key) => values.get(key.toString('hex')));
      const status = found.every((value) => value !== undefined) ? 0 : 6;
      peer.answer(request, read.encodeAnswer(found, 18), status);
    }
  });
  return Object.assign(server, { values, reads, writes });
}

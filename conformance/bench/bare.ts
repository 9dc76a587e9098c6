/**
 * The least that a server in Node can do: no authentication, no names, no records. The body of a PUT
 * is digested with MD5 and written to one file, synced before the answer where asked for; a GET
 * streams a file of the object's size back. What a gateway adds to this is its own cost.
 *   node dist/conformance/bench/bare.js DIRECTORY PORT [--sync]
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';

/** The one file begins again at its start here, so that a long run fits on the disk. */
const maxFileBytes = 2 * 1024 ** 3;

const [directory = '', port = ''] = process.argv.slice(2);
const isSynced = process.argv.includes('--sync');
mkdirSync(directory, { recursive: true });
const written = await open(path.join(directory, 'written'), 'w');
let offset = 0;
/** By path: what a GET of it answers. */
const sizes = new Map<string, number>();

function fileOfSize(bytes: number): string {
  const file = path.join(directory, `size-${bytes}`);
  if (!existsSync(file)) writeFileSync(file, randomBytes(bytes));
  return file;
}

async function put(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const bytes = Number(request.headers['content-length'] ?? 0);
  let at = offset;
  offset = offset + bytes > maxFileBytes ? 0 : offset + bytes;
  const md5 = createHash('md5');
  for await (const piece of request as AsyncIterable<Buffer>) {
    md5.update(piece);
    await written.write(piece, 0, piece.length, at);
    at += piece.length;
  }
  if (isSynced && bytes > 0) await written.datasync();
  sizes.set(request.url ?? '', bytes);
  response.writeHead(200, { ETag: `"${md5.digest('hex')}"`, 'Content-Length': 0 }).end();
}

const server = http.createServer((request, response) => {
  if (request.method === 'PUT') {
    put(request, response).catch((error: Error) => response.destroy(error));
    return;
  }
  const bytes = sizes.get(request.url ?? '');
  if (request.method === 'DELETE') {
    sizes.delete(request.url ?? '');
    response.writeHead(204).end();
  } else if (bytes === undefined) {
    response.writeHead(404, { 'Content-Length': 0 }).end();
  } else {
    response.writeHead(200, { 'Content-Length': bytes });
    if (request.method === 'HEAD') response.end();
    else createReadStream(fileOfSize(bytes)).pipe(response);
  }
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1');

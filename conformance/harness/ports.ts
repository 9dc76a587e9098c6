/** Ports that whoever is killed and started again finds free. */
import { once } from 'node:events';
import { createServer } from 'node:net';

export const loopback = '127.0.0.1';
/** Linux takes ports from 32,768 on for connections. */
const ports = { first: 10_000, count: 20_000 };
const attempts = 100;

/** One that is free on all of the addresses. */
export async function freePort(hosts: readonly string[] = [loopback]): Promise<number> {
  return await freePorts(1, hosts);
}

/** The first of so many in a row. */
export async function freePorts(
  count: number,
  hosts: readonly string[] = [loopback],
): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const first = ports.first + Math.floor(Math.random() * (ports.count - count));
    const row = Array.from({ length: count }, (_, index) => first + index);
    const wanted = row.flatMap((port) => hosts.map((host) => ({ host, port })));
    const free = await Promise.all(wanted.map(({ host, port }) => isFree(host, port)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} free ports in a row in ${attempts} attempts`);
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** Listings of a thousand keys: of small and large buckets, amid many versions, behind deleted keys. */
import { fill, measureLoad } from './measure.ts';
import type { RequestPlan } from './requests.ts';
import type { Server } from './servers.ts';
import { memoryMiB } from './usage.ts';
import {
  bucket,
  enableVersions,
  expect,
  makeBucket,
  measurementOfOne,
  request,
  type Scale,
  type Workload,
} from './workload.ts';

const pageKeys = 1000;
/** Different places that pages begin at. */
const places = 500;
/** More than that is put only into a server that can be filled without HTTP. */
const maxOverHttp = 100_000;

/** Keys of a bucket, one per number below `numbers`; all versions of one where it has no `{n}`. */
interface Keys {
  readonly bucket: string;
  readonly key: string;
  readonly numbers: number;
}

async function put(server: Server, scale: Scale, keys: Keys): Promise<void> {
  await change(server, scale, keys, 'PUT');
}

async function remove(server: Server, scale: Scale, keys: Keys): Promise<void> {
  await change(server, scale, keys, 'DELETE');
}

async function change(
  server: Server,
  { directFrom }: Scale,
  { bucket: name, key, numbers }: Keys,
  method: 'PUT' | 'DELETE',
): Promise<void> {
  if (server.fillDirectly !== undefined && numbers >= directFrom) {
    await server.fillDirectly({ bucket: name, key, numbers, isDelete: method === 'DELETE' });
    return;
  }
  const path = `/${name}/${key}`;
  const isPut = method === 'PUT';
  const body = isPut ? { bodyBytes: 1 } : {};
  await fill(server, { method, path, numbers, status: isPut ? 200 : 204, ...body });
}

/** False where the bucket is there, of an earlier work or run, and is full already. */
async function isNew(server: Server, name: string): Promise<boolean> {
  if ((await request(server, { method: 'HEAD' }, `/${name}`)).status === 200) return false;
  await makeBucket(server, name);
  return true;
}

const mayHave = (server: Server, keys: number) =>
  server.isS3 && (server.fillDirectly !== undefined || keys <= maxOverHttp);

function connectionsOf({ connections }: Scale): number[] {
  return [1, 8].filter((count) => count <= Math.max(...connections));
}

function pages(keys: number): Pick<RequestPlan, 'numbers' | 'stride'> {
  const starts = Math.max(1, keys - pageKeys);
  const numbers = Math.min(places, starts);
  return { numbers, stride: Math.floor(starts / numbers) };
}

async function fillListed(server: Server, scale: Scale, name: string, keys: number): Promise<void> {
  if (!(await isNew(server, name))) return;
  await put(server, scale, { bucket: name, key: '{n}/key', numbers: keys });
}

/** Pages from all over: where a listing starts must not matter. */
export function listing(keys: number, scale: Scale, name: string, query: string): Workload {
  const listed = `${bucket}-list-${keys}`;
  return {
    name: `${name}-${keys}`,
    connections: connectionsOf(scale),
    suits: (server) => mayHave(server, keys),
    prepare: (server) => fillListed(server, scale, listed, keys),
    measure: (server, { connections }) =>
      measureLoad(
        server,
        {
          ...{ method: 'GET', status: 200, order: 'random', ...pages(keys) },
          path: `/${listed}?list-type=2&max-keys=${pageKeys}&start-after={n}${query}`,
        },
        connections,
        scale.pace,
      ),
  };
}

/** From its spawn to the first answer that it is ready, over a directory with so many keys. */
export function starting(keys: number, scale: Scale): Workload {
  return {
    name: `start-${keys}`,
    connections: [1],
    suits: (server) => server.restart !== undefined,
    isCold: true,
    prepare: (server) => fillListed(server, scale, `${bucket}-list-${keys}`, keys),
    measure: async (server) => {
      const ms = (await server.restart?.()) ?? Number.NaN;
      return measurementOfOne({ ms, extra: { startedMiB: memoryMiB(server.pids) } });
    },
  };
}

/** The same page again and again, of a bucket that is filled first. */
function onePage(
  work: {
    readonly name: string;
    readonly bucket: string;
    readonly keys: number;
    readonly needsVersions: boolean;
  },
  scale: Scale,
  filled: (server: Server) => Promise<void>,
  query: (server: Server) => Promise<string>,
): Workload {
  const queries = new Map<string, string>();
  return {
    name: work.name,
    connections: connectionsOf(scale),
    suits: (server) => mayHave(server, work.keys) && (server.hasVersions || !work.needsVersions),
    prepare: async (server) => {
      if (await isNew(server, work.bucket)) await filled(server);
      queries.set(server.name, await query(server));
    },
    measure: (server, { connections }) =>
      measureLoad(
        server,
        {
          ...{ method: 'GET', status: 200, order: 'cyclic', numbers: 1 },
          path: `/${work.bucket}?max-keys=${pageKeys}&${queries.get(server.name) ?? ''}`,
        },
        connections,
        scale.pace,
      ),
  };
}

/** One key has very many versions: the keys behind it, and the versions from their middle on. */
export function amidVersions(versions: number, scale: Scale): Workload[] {
  const name = `${bucket}-versions-${versions}`;
  const filled = async (server: Server) => {
    await enableVersions(server, name);
    await put(server, scale, { bucket: name, key: 'a', numbers: versions });
    await put(server, scale, { bucket: name, key: 'b/{n}', numbers: Math.min(pageKeys, versions) });
  };
  const work = (what: string) => ({
    ...{ name: what, bucket: name, keys: versions, needsVersions: true },
  });
  return [
    onePage(work(`list-behind-versions-${versions}`), scale, filled, () =>
      Promise.resolve('list-type=2'),
    ),
    onePage(work(`list-versions-${versions}`), scale, filled, (server) =>
      middleOf(server, name, versions),
    ),
  ];
}

/** The query of a page of versions whose marker half of them is before. */
async function middleOf(server: Server, name: string, versions: number): Promise<string> {
  let query = 'versions';
  for (let passed = 0; passed < versions / 2; passed += pageKeys) {
    const path = `/${name}?${query}&max-keys=${pageKeys}`;
    const { body } = await expect(server, { method: 'GET' }, path, 200);
    const [key, version] = ['NextKeyMarker', 'NextVersionIdMarker'].map((element) =>
      encodeURIComponent(
        new RegExp(`<${element}>([^<]*)<`).exec(body?.toString() ?? '')?.[1] ?? '',
      ),
    );
    if (version === '') break;
    query = `versions&key-marker=${key}&version-id-marker=${version}`;
  }
  return query;
}

/** Keys that were deleted a moment ago lie before those that are listed. */
export function behindDeleted(keys: number, scale: Scale, isVersioned: boolean): Workload {
  const what = isVersioned ? 'markers' : 'deleted';
  const name = `${bucket}-${what}-${keys}`;
  const filled = async (server: Server) => {
    if (isVersioned) await enableVersions(server, name);
    await put(server, scale, { bucket: name, key: 'a/{n}', numbers: keys });
    await put(server, scale, { bucket: name, key: 'b/{n}', numbers: Math.min(pageKeys, keys) });
    await remove(server, scale, { bucket: name, key: 'a/{n}', numbers: keys });
  };
  const work = {
    ...{ name: `list-behind-${what}-${keys}`, bucket: name, keys, needsVersions: isVersioned },
  };
  return onePage(work, scale, filled, () => Promise.resolve('list-type=2'));
}

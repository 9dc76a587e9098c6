/**
 * A bucket in a web page: list, upload in parts with progress, download, delete, versions. It is
 * @aws-sdk/client-s3 alone; no server of its own stands behind the page. docs/BROWSERS.md tells what
 * the bucket must allow, and what to do where the user must not hold keys.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  type ListObjectVersionsCommandOutput,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

interface Opened {
  readonly client: S3Client;
  readonly bucket: string;
}

const partBytes = 5 * 1024 * 1024;
const partsAtOnce = 4;
const linkSeconds = 3600;

let opened: Opened | undefined;

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

const input = (id: string) => element(id, HTMLInputElement);

/** A table row; texts are set as text, so that no key can smuggle in markup. */
function row(...cells: readonly (string | Node)[]): HTMLTableRowElement {
  const line = document.createElement('tr');
  for (const cell of cells) {
    const data = document.createElement('td');
    data.append(cell);
    line.append(data);
  }
  return line;
}

function open(): Opened {
  opened?.client.destroy();
  const client = new S3Client({
    endpoint: input('endpoint').value,
    region: 'us-east-1',
    // The bucket in the path: a name such as photos.127.0.0.1 would not resolve.
    forcePathStyle: true,
    credentials: {
      accessKeyId: input('access-key').value,
      secretAccessKey: input('secret-key').value,
    },
  });
  return { client, bucket: input('bucket').value };
}

/** The SDK pages through objects by itself, not through versions. */
async function* versionPages({ client, bucket }: Opened) {
  let page: ListObjectVersionsCommandOutput | undefined;
  do {
    page = await client.send(
      new ListObjectVersionsCommand({
        Bucket: bucket,
        KeyMarker: page?.NextKeyMarker,
        VersionIdMarker: page?.NextVersionIdMarker,
      }),
    );
    yield page;
  } while (page.IsTruncated === true);
}

async function show({ client, bucket }: Opened): Promise<void> {
  const objects: HTMLTableRowElement[] = [];
  for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket })) {
    for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
      const link = document.createElement('a');
      link.textContent = Key;
      // Signed here, without asking the server: good for an hour and for this object alone.
      const get = new GetObjectCommand({ Bucket: bucket, Key });
      link.href = await getSignedUrl(client, get, { expiresIn: linkSeconds });
      const remove = document.createElement('button');
      remove.textContent = 'Delete';
      remove.addEventListener('click', () =>
        run(async () => {
          await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
          await show({ client, bucket });
        }),
      );
      objects.push(row(link, String(Size), LastModified?.toLocaleString() ?? '', remove));
    }
  }
  const versions: HTMLTableRowElement[] = [];
  for await (const page of versionPages({ client, bucket })) {
    for (const { Key = '', VersionId = '', Size = 0, LastModified } of page.Versions ?? []) {
      versions.push(row(Key, VersionId, String(Size), LastModified?.toLocaleString() ?? ''));
    }
    for (const { Key = '', VersionId = '', LastModified } of page.DeleteMarkers ?? []) {
      versions.push(row(Key, VersionId, 'deleted', LastModified?.toLocaleString() ?? ''));
    }
  }
  element('objects', HTMLTableSectionElement).replaceChildren(...objects);
  element('versions', HTMLTableSectionElement).replaceChildren(...versions);
  element('bucket-view', HTMLElement).hidden = false;
}

async function upload({ client, bucket }: Opened, file: File): Promise<void> {
  const progress = element('progress', HTMLProgressElement);
  progress.value = 0;
  element('uploaded', HTMLOutputElement).value = '';
  const managed = new Upload({
    client,
    params: { Bucket: bucket, Key: file.name, Body: file, ContentType: file.type },
    partSize: partBytes,
    queueSize: partsAtOnce,
  });
  managed.on('httpUploadProgress', ({ loaded = 0, total = file.size }) => {
    progress.value = total === 0 ? 100 : (100 * loaded) / total;
  });
  const { ETag } = await managed.done();
  element('uploaded', HTMLOutputElement).value = `${file.name}: ${ETag}`;
}

/** Does something and tells the user when it fails. */
async function run(action: () => Promise<void>): Promise<void> {
  const failure = element('failure', HTMLElement);
  failure.textContent = '';
  try {
    await action();
  } catch (error) {
    // A TypeError is all that a page learns when CORS keeps an answer from it.
    const hint = ` (does the bucket exist, and allow ${location.origin} by CORS?)`;
    failure.textContent = `${error}${error instanceof TypeError ? hint : ''}`;
  }
}

element('connection', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  run(async () => {
    opened = open();
    await show(opened);
  });
});

element('upload', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const file = input('file').files?.[0];
  if (opened === undefined || file === undefined) return;
  const target = opened;
  run(async () => {
    await upload(target, file);
    await show(target);
  });
});

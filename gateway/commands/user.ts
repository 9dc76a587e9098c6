/** `blobseer-s3 user`: users, their keys and quotas, also while a server runs. */
import type { OpenedBlobSeer } from '../../blobseer-client/index.ts';
import { newAccessKey, newUser, type UserImport, UserImportError } from '../auth/users.ts';
import type { AccessKey, User } from '../namespace/namespace.ts';
import { credentialsPath, rootUserId, writeCredentials } from '../root-user.ts';
import type { Services } from '../services.ts';
import { suggestion } from '../suggestion.ts';
import { exitStatus, type Terminal } from '../terminal.ts';
import {
  type Command,
  CommandError,
  columns,
  configFrom,
  dataOptions,
  type ParsedArguments,
  parseArguments,
  UsageError,
} from './command.ts';
import { withStorage } from './tool.ts';

const secretVariable = 'BLOBSEER_S3_USER_SECRET';

const options = {
  ...dataOptions,
  id: { type: 'string' },
  'account-id': { type: 'string' },
  'display-name': { type: 'string' },
  'access-key': { type: 'string' },
  'secret-stdin': { type: 'boolean' },
  'keep-old': { type: 'boolean' },
  quota: { type: 'string' },
} as const;

interface Call {
  readonly blobseer: OpenedBlobSeer;
  readonly services: Services;
  readonly terminal: Terminal;
  readonly parsed: ParsedArguments;
  /** The user named on the command line, '' for none. */
  readonly name: string;
  /** What stands behind the name, '' for nothing. */
  readonly value: string;
}

const actions: Readonly<Record<string, (call: Call) => Promise<void>>> = {
  add,
  list,
  remove,
  rotate,
  quota,
};

export const user: Command = {
  name: 'user',
  summary: 'adds, lists and removes users, rotates their keys, sets quotas',
  help: `Usage: blobseer-s3 user add NAME [options]
       blobseer-s3 user list
       blobseer-s3 user remove NAME
       blobseer-s3 user rotate NAME [--keep-old]
       blobseer-s3 user quota NAME [BYTES|none]

Works on the data directory itself, also while a server runs, which knows of it at once. NAME is a
display name, or where that is not unique an id.

Options:
  --data DIR           the data directory (default ./data)
  --config FILE        a configuration file
  --keep-old           rotate: the keys of before stay valid
  --quota BYTES        add: bytes that the user's versions and parts may have together

BYTES is a number, or one with K, M, G or T behind it. A quota counts what the user owns, in full, whatever
pages it shares. Setting the first one reads what is there. What exceeds it is refused: 403 AccountProblem.

To take over a user of another S3, add also takes:
  --id ID              its id (64 hexadecimal digits on AWS)
  --account-id DIGITS  its account id, 12 digits
  --display-name TEXT  its display name, NAME otherwise
  --access-key KEY     its access key; the secret is read from ${secretVariable}
  --secret-stdin       ... or from standard input; never from the command line, which all can read

Examples:
  blobseer-s3 user add alice
  blobseer-s3 user list --data /srv/blobseer-s3
  blobseer-s3 user rotate alice
  blobseer-s3 user quota alice 50G
  pass show s3/bob | blobseer-s3 user add bob --access-key AKIAEXAMPLE --secret-stdin`,

  async run(args, terminal) {
    const parsed = parseArguments(args, options);
    const [action = '', name = '', value = '', extra] = parsed.positionals;
    const run = Object.hasOwn(actions, action) ? actions[action] : undefined;
    if (run === undefined) {
      const names = Object.keys(actions);
      const said = action === '' ? 'user needs an action' : `unknown action "${action}"`;
      throw new UsageError(`${said}${suggestion(action, names)}; actions are ${names.join(', ')}`);
    }
    const unexpected = action === 'quota' ? extra : value || undefined;
    if (unexpected !== undefined) throw new UsageError(`"${unexpected}" is not expected here`);
    if ((name === '') !== (action === 'list')) {
      throw new UsageError(action === 'list' ? 'list takes no name' : `${action} needs a name`);
    }
    const { config } = configFrom(configPart(parsed), terminal);
    await withStorage(config, ({ blobseer, services }) =>
      run({ blobseer, services, terminal, parsed, name, value }),
    );
    return exitStatus.ok;
  },
};

/** Without the flags that mean something else here than in the configuration. */
function configPart(parsed: ParsedArguments): ParsedArguments {
  const { config, data, 'log-level': logLevel } = parsed.flags;
  return { positionals: [], flags: { config, data, 'log-level': logLevel } };
}

async function add({ blobseer, services, terminal, parsed, name }: Call): Promise<void> {
  const { namespace } = services;
  const limit = parsed.flags.quota?.[0];
  const limitBytes = limit === undefined ? undefined : bytesOf(limit);
  const given = await importOf(parsed, terminal, name);
  const made = newUserOf(services, given);
  if (namespace.user(made.id) !== undefined) throw new CommandError(`the id ${made.id} is taken`);
  if (namespace.users().some(({ displayName }) => displayName === made.displayName)) {
    throw new CommandError(`there is a user "${made.displayName}" already`);
  }
  const key = made.keys[0];
  if (key !== undefined && namespace.userByAccessKey(key.accessKey) !== undefined) {
    throw new CommandError(`the access key ${key.accessKey} is taken`);
  }
  await blobseer.store.commit((transaction) => {
    namespace.putUser(transaction, made);
    if (limitBytes !== undefined) namespace.setQuota(transaction, made.id, limitBytes);
  });
  await countAll(namespace);
  printUser(terminal, made);
}

function newUserOf(services: Services, given: UserImport): User {
  try {
    return newUser(services.clock, given);
  } catch (error) {
    if (error instanceof UserImportError) throw new UsageError(error.message);
    throw error;
  }
}

async function importOf(
  parsed: ParsedArguments,
  terminal: Terminal,
  name: string,
): Promise<UserImport> {
  const one = (flag: string): string | undefined => parsed.flags[flag]?.[0];
  const fromStdin = one('secret-stdin') === 'true';
  const accessKey = one('access-key');
  const secret = fromStdin
    ? (await terminal.readStdin()).replace(/\r?\n$/, '')
    : terminal.environment[secretVariable];
  if (accessKey === undefined && fromStdin) {
    throw new UsageError('--secret-stdin needs --access-key');
  }
  if (accessKey !== undefined && (secret === undefined || secret === '')) {
    throw new UsageError(
      `--access-key needs its secret: set ${secretVariable} or use --secret-stdin`,
    );
  }
  return {
    displayName: one('display-name') ?? name,
    id: one('id'),
    accountId: one('account-id'),
    accessKey,
    secret: accessKey === undefined ? undefined : secret,
  };
}

async function list({ services, terminal }: Call): Promise<void> {
  const rows = services.namespace
    .users()
    .map(({ displayName, id, accountId, keys }) => [
      displayName,
      id,
      accountId,
      keys.map(({ accessKey }) => accessKey).join(' '),
    ]);
  terminal.print(columns([['NAME', 'ID', 'ACCOUNT', 'ACCESS KEYS'], ...rows]));
}

async function remove({ blobseer, services, terminal, name }: Call): Promise<void> {
  const { namespace } = services;
  const found = userNamed(services, name);
  if (found.id === rootUserId) {
    throw new CommandError('the root user cannot be removed; every start brings it back');
  }
  await blobseer.store.commit((transaction) => {
    const [owned] = namespace.buckets({ ownerId: found.id, prefix: '', after: '', limit: 1 }).items;
    if (owned !== undefined) {
      throw new CommandError(
        `${found.displayName} owns the bucket ${owned.name}; delete the buckets first, or take the keys away with rotate`,
      );
    }
    namespace.removeUser(transaction, found.id);
    namespace.setQuota(transaction, found.id, undefined);
  });
  terminal.print(`removed ${found.displayName} (${found.id})`);
}

async function rotate({ blobseer, services, terminal, parsed, name }: Call): Promise<void> {
  const { namespace, clock, config } = services;
  const found = userNamed(services, name);
  const key: AccessKey = newAccessKey(clock);
  const keepsOld = parsed.flags['keep-old'] !== undefined;
  if (found.id === rootUserId) {
    if (config.rootCredentials !== undefined) {
      throw new CommandError(
        "the root user's key comes from the configuration; change it there and start again",
      );
    }
    if (keepsOld) throw new CommandError('the root user has one key; --keep-old is for others');
    const { accessKey, secret: secretKey } = key;
    writeCredentials(credentialsPath(config.dataDirectory), { accessKey, secretKey });
  }
  const rotated: User = { ...found, keys: keepsOld ? [...found.keys, key] : [key] };
  await blobseer.store.commit((transaction) => namespace.putUser(transaction, rotated));
  printUser(terminal, { ...rotated, keys: [key] });
}

async function quota({ blobseer, services, terminal, name, value }: Call): Promise<void> {
  const { namespace } = services;
  const { id, displayName } = userNamed(services, name);
  if (value !== '') {
    const limitBytes = value === 'none' ? undefined : bytesOf(value);
    await blobseer.store.commit((transaction) => namespace.setQuota(transaction, id, limitBytes));
    await countAll(namespace);
    namespace.refresh();
  }
  const usage = namespace.usage(id);
  terminal.print(
    usage === undefined
      ? `${displayName} has no quota`
      : `${displayName} uses ${usage.usedBytes} of ${usage.limitBytes} bytes${usage.isCounted ? '' : ', as far as counted'}`,
  );
}

/** What is left when this process ends goes on in the server, or when it starts. */
async function countAll(namespace: Services['namespace']): Promise<void> {
  while (await namespace.countUsage());
}

const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
};

function bytesOf(text: string): number {
  const [, digits = '', unit = ''] = /^([0-9]{1,15})([KMGT]?)$/i.exec(text) ?? [];
  const bytes = Number(digits) * (unitBytes[unit.toUpperCase()] ?? 0);
  if (digits !== '' && Number.isSafeInteger(bytes)) return bytes;
  throw new UsageError(
    `"${text}" is no quota; give a number of bytes, or one with K, M, G or T behind it`,
  );
}

function userNamed({ namespace }: Services, name: string): User {
  const byId = namespace.user(name);
  if (byId !== undefined) return byId;
  const users = namespace.users();
  const [only, second] = users.filter(({ displayName }) => displayName === name);
  if (second !== undefined)
    throw new CommandError(`there are several users "${name}"; give the id`);
  if (only !== undefined) return only;
  const names = users.map(({ displayName }) => displayName);
  throw new CommandError(`there is no user "${name}"${suggestion(name, names)}`);
}

/** The secret is shown here and never again. */
function printUser(terminal: Terminal, { displayName, id, accountId, keys }: User): void {
  terminal.print(
    columns([
      ['name', displayName],
      ['id', id],
      ['account id', accountId],
      ...keys.flatMap(({ accessKey, secret }) => [
        ['access key', accessKey],
        ['secret key', secret],
      ]),
    ]),
  );
}

/**
 * Nimbus's context broker, as far as its blackboard goes: it collects what every member of a cluster document
 * provides and requires, and tells each what it waits for, when everybody has called and no required role is
 * without a provider. Data is kept by name for all: who requires a name gets every value given for it.
 */
import { XMLParser } from 'fast-xml-parser';

export interface Identity {
  readonly ip: string;
  readonly host: string;
}

export interface Manifest {
  /** Of all members, where it required to know them. */
  readonly identities: readonly Identity[];
  /** A row for each that provides a required role. */
  readonly roles: readonly { readonly name: string; readonly identity: Identity }[];
  readonly data: readonly { readonly name: string; readonly value: string }[];
}

export interface ContextMember {
  readonly workspace: string;
  readonly identity: Identity;
  /** publicnic or localnic. */
  readonly networkCard: string;
  readonly provides: readonly string[];
  readonly requires: readonly string[];
  readonly requiresIdentities: boolean;
  readonly requiresData: readonly { readonly name: string; readonly value: string }[];
}

/** What an element has, whatever its children are. */
type Element = { readonly [key: string]: unknown };

const always = ['workspace', 'nic', 'role', 'data', 'identity'];

/** The virtual machines of a document; addresses are given in turn. */
export function startCluster(document: string): ContextMember[] {
  const parser = new XMLParser({
    ignoreAttributes: false,
    removeNSPrefix: true,
    trimValues: false,
    parseTagValue: false,
    isArray: (name) => always.includes(name),
  });
  const { cluster } = parser.parse(document) as { cluster: { workspace: Element[] } };
  return cluster.workspace.flatMap((workspace) =>
    Array.from({ length: Number(workspace.quantity) }, (_, index) => memberOf(workspace, index)),
  );
}

let lastMachine = 0;

function memberOf(workspace: Element, index: number): ContextMember {
  const { provides, requires } = workspace.ctx as { provides: Element; requires: Element };
  const [nic] = workspace.nic as Element[];
  lastMachine += 1;
  // Backwards, so that no order of theirs is one of addresses.
  const ip = `10.7.${200 - (lastMachine % 200)}.${lastMachine % 250}`;
  const name = `${workspace.name}-${index}`;
  return {
    workspace: String(workspace.name),
    identity: { ip, host: `${name}.cloud.example.org` },
    networkCard: String(nic!['#text']).toLowerCase().startsWith('pub') ? 'publicnic' : 'localnic',
    provides: list(provides.role).map(textOf),
    requires: list(requires.role).map((role) => String((role as Element)['@_name'])),
    requiresIdentities: list(requires.identity).length > 0,
    requiresData: list(requires.data).map((item) => ({
      name: String((item as Element)['@_name']),
      value: textOf(item),
    })),
  };
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : String((value as Element)['#text'] ?? '');

export class ContextBroker {
  readonly #expected: number;
  readonly #members: ContextMember[] = [];

  constructor(expected: number) {
    this.#expected = expected;
  }

  call(member: ContextMember): void {
    this.#members.push(member);
  }

  /** Undefined while something is missing: the agent comes back. */
  retrieve(member: ContextMember): Manifest | undefined {
    const isLocked = this.#members.length === this.#expected;
    const providers = (role: string) => this.#members.filter((one) => one.provides.includes(role));
    const required = this.#members.flatMap((one) => one.requires);
    if (!isLocked || required.some((role) => providers(role).length === 0)) return undefined;
    const known = this.#members.flatMap((one) => one.requiresData);
    return {
      identities: member.requiresIdentities ? this.#members.map((one) => one.identity) : [],
      roles: member.requires.flatMap((name) =>
        providers(name).map(({ identity }) => ({ name, identity })),
      ),
      data: member.requiresData.flatMap(({ name }) => known.filter((one) => one.name === name)),
    };
  }
}

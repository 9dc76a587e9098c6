/** A scripted cloud that speaks EC2's query interface: it gives machines, and notes what it is asked. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly parameters: ReadonlyMap<string, string>;
  readonly headers: IncomingMessage['headers'];
  readonly form: string;
}

interface Machine {
  readonly id: string;
  readonly token: string;
  state: string;
  /** Questions after which it has an address. */
  pendingQuestions: number;
}

/** How often it says "pending" of a new machine. */
const pendingQuestions = 2;

export class Ec2Server {
  readonly asked: Asked[] = [];
  readonly machines: Machine[] = [];
  /** What the next request is answered with instead. */
  refusal: { readonly status: number; readonly body: string } | undefined;
  readonly #server: Server;
  /** An action that is refused once, when it was granted so often. */
  #limit: { readonly action: string; grants: number } | undefined;

  private constructor() {
    this.#server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const form = Buffer.concat(pieces).toString();
        const parameters = new Map(new URLSearchParams(form));
        this.asked.push({ parameters, headers: request.headers, form });
        const refusal = this.refusal ?? this.#limited(parameters.get('Action'));
        const { status, body } = refusal ?? { status: 200, body: this.#answer(parameters) };
        this.refusal = undefined;
        response.writeHead(status, { 'content-type': 'text/xml' }).end(body);
      });
    });
  }

  static async start(): Promise<Ec2Server> {
    const server = new Ec2Server();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  refuseAfter(action: string, grants: number): void {
    this.#limit = { action, grants };
  }

  #limited(action: string | undefined): typeof this.refusal {
    const limit = this.#limit;
    if (limit === undefined || limit.action !== action) return undefined;
    limit.grants -= 1;
    if (limit.grants >= 0) return undefined;
    this.#limit = undefined;
    const error = '<Error><Code>InstanceLimitExceeded</Code><Message/></Error>';
    return { status: 400, body: `<Response><Errors>${error}</Errors></Response>` };
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(parameters: ReadonlyMap<string, string>): string {
    const action = parameters.get('Action')!;
    const named = [...parameters].filter(([name]) => name.startsWith('InstanceId.'));
    const ids = named.map(([, id]) => id);
    const inside = {
      RunInstances: () => instancesSet(this.#run(parameters)),
      DescribeInstances: () => {
        const asked = this.machines.filter(({ id }) => ids.length === 0 || ids.includes(id));
        for (const machine of asked.filter(({ state }) => state === 'pending')) {
          machine.pendingQuestions -= 1;
          if (machine.pendingQuestions <= 0) machine.state = 'running';
        }
        const item = (machine: Machine) => `<item>${instancesSet([machine])}</item>`;
        return `<reservationSet>${asked.map(item).join('')}</reservationSet>`;
      },
      TerminateInstances: () => {
        for (const machine of this.machines) {
          if (ids.includes(machine.id)) machine.state = 'terminated';
        }
        return '<instancesSet/>';
      },
    }[action]!();
    const namespace = `http://ec2.amazonaws.com/doc/${parameters.get('Version')}/`;
    return `<?xml version="1.0"?>\n<${action}Response xmlns="${namespace}">${inside}</${action}Response>`;
  }

  #run(parameters: ReadonlyMap<string, string>): Machine[] {
    const token = parameters.get('ClientToken')!;
    const before = this.machines.filter((machine) => machine.token === token);
    if (before.length > 0) return before;
    const count = Number(parameters.get('MaxCount'));
    const made = Array.from({ length: count }, (_, at) => ({
      id: `i-${this.machines.length + at + 1}`,
      token,
      state: 'pending',
      pendingQuestions,
    }));
    this.machines.push(...made);
    return made;
  }
}

function instancesSet(machines: readonly Machine[]): string {
  const items = machines.map(({ id, state }) => {
    const number = id.slice(2);
    const addresses =
      state === 'running'
        ? `<privateIpAddress>10.9.0.${number}</privateIpAddress><ipAddress>192.0.2.${number}</ipAddress>`
        : '<privateIpAddress/>';
    return `<item><instanceId>${id}</instanceId><instanceState><code>0</code><name>${state}</name></instanceState><dnsName>no-network</dnsName>${addresses}</item>`;
  });
  return `<instancesSet>${items.join('')}</instancesSet>`;
}

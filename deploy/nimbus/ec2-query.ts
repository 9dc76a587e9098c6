/**
 * A client of EC2's query interface, with the three actions that starting machines takes. Each is one POST;
 * only what both Nimbus and EC2 know is used: no tags, no filters.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { child, children, childText, parseXml, type XmlNode } from '../../gateway/s3/xml-parse.ts';
import type { SignatureVersion } from '../description/cloud-targets.ts';
import {
  formOf,
  formType,
  type Key,
  type Parameters,
  signedFormV2,
  signedHeadersV4,
} from './ec2-signature.ts';

/** Nimbus serves any; EC2 takes it still. */
const apiVersion = '2010-08-31';
const timeoutMs = 60_000;
const maxAnswerBytes = 4 * 2 ** 20;

export interface Ec2Options {
  readonly endpoint: URL;
  readonly key: Key;
  readonly signature: SignatureVersion;
  /** Of version 4. */
  readonly region: string;
  /** Authorities of the endpoint's certificate as PEM, where they are not the system's. */
  readonly authorities?: string | undefined;
  readonly now: () => Date;
}

export interface InstanceOrder {
  readonly image: string;
  readonly count: number;
  readonly userData: string;
  /** The same token starts the same machines: a repeated order starts none. */
  readonly clientToken: string;
  readonly instanceType?: string | undefined;
  readonly keyName?: string | undefined;
  readonly securityGroups?: readonly string[];
}

export interface Instance {
  readonly id: string;
  /** pending, running, shutting-down, terminated, ... */
  readonly state: string;
  /** Undefined where the cloud has not given it one yet. */
  readonly privateAddress: string | undefined;
  readonly publicAddress: string | undefined;
}

export class Ec2Error extends BlobSeerError {
  /** EC2's own, such as InvalidClientTokenId. */
  readonly code: string;

  constructor(code: string, message: string) {
    super('unavailable', message);
    this.name = 'Ec2Error';
    this.code = code;
  }
}

export class Ec2Query {
  readonly #options: Ec2Options;

  constructor(options: Ec2Options) {
    this.#options = options;
  }

  async runInstances(order: InstanceOrder): Promise<Instance[]> {
    const groups = (order.securityGroups ?? []).map((name, at) => [
      `SecurityGroup.${at + 1}`,
      name,
    ]);
    const answer = await this.#call('RunInstances', {
      ImageId: order.image,
      MinCount: `${order.count}`,
      MaxCount: `${order.count}`,
      UserData: Buffer.from(order.userData).toString('base64'),
      ClientToken: order.clientToken,
      ...(order.instanceType === undefined ? {} : { InstanceType: order.instanceType }),
      ...(order.keyName === undefined ? {} : { KeyName: order.keyName }),
      ...Object.fromEntries(groups),
    });
    return instancesOf(answer);
  }

  /** Those of the ids that the cloud still knows; all without ids. */
  async describeInstances(ids: readonly string[] = []): Promise<Instance[]> {
    const answer = await this.#call('DescribeInstances', numbered('InstanceId', ids));
    const reservations = children(child(answer, 'reservationSet') ?? empty, 'item');
    return reservations.flatMap(instancesOf);
  }

  async terminateInstances(ids: readonly string[]): Promise<void> {
    await this.#call('TerminateInstances', numbered('InstanceId', ids));
  }

  async #call(action: string, parameters: Parameters): Promise<XmlNode> {
    const { endpoint, signature, region, key, now } = this.#options;
    const { host } = endpoint;
    const all = { ...parameters, Action: action, Version: apiVersion };
    if (signature === 2) {
      const form = signedFormV2(all, host, key, now());
      return this.#post(action, form, { host, 'content-type': formType });
    }
    const form = formOf(all);
    return this.#post(action, form, signedHeadersV4(form, { host, region }, key, now()));
  }

  async #post(action: string, form: string, headers: Record<string, string>): Promise<XmlNode> {
    const { status, body } = await this.#send(action, form, headers);
    if (status === 200) return read(action, body, `${action}Response`);
    let code = `HTTP ${status}`;
    let message = '';
    try {
      const errors = child(parseXml(body, 'Response'), 'Errors') ?? empty;
      const error = child(errors, 'Error') ?? empty;
      code = childText(error, 'Code') ?? code;
      message = childText(error, 'Message') ?? '';
    } catch {
      // Whatever stands between us and the cloud answers in its own words.
    }
    throw new Ec2Error(
      code,
      `${action} was refused: ${code}${message === '' ? '' : `: ${message}`}`,
    );
  }

  #send(
    action: string,
    form: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; body: Buffer }> {
    const { endpoint, authorities: ca } = this.#options;
    const isSecure = endpoint.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const fail = (message: string): void =>
        reject(new BlobSeerError('unavailable', `${endpoint.host}: ${action}: ${message}`));
      const options = {
        method: 'POST',
        path: '/',
        headers: { ...headers, 'content-length': Buffer.byteLength(form) },
        signal: AbortSignal.timeout(timeoutMs),
        ...(ca === undefined ? {} : { ca }),
      };
      const request = (isSecure ? httpsRequest : httpRequest)(endpoint, options, (answer) => {
        const pieces: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (piece: Buffer) => {
          bytes += piece.length;
          pieces.push(piece);
          if (bytes > maxAnswerBytes) request.destroy(new Error('the answer does not end'));
        });
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(pieces) }),
        );
        answer.on('error', (error) => fail(error.message));
      });
      request.on('error', (error) => fail(error.message));
      request.end(form);
    });
  }
}

const empty: XmlNode = { name: '', text: '', children: [] };

function numbered(name: string, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(values.map((value, at) => [`${name}.${at + 1}`, value]));
}

function read(action: string, body: Buffer, root: string): XmlNode {
  try {
    return parseXml(body, root);
  } catch (cause) {
    throw new BlobSeerError('unavailable', `${action}: the answer is no ${root}`, { cause });
  }
}

/** Of a reservation. */
function instancesOf(reservation: XmlNode): Instance[] {
  return children(child(reservation, 'instancesSet') ?? empty, 'item').map((item) => ({
    id: childText(item, 'instanceId') ?? '',
    state: childText(child(item, 'instanceState') ?? empty, 'name') ?? '',
    privateAddress: addressOf(item, 'privateIpAddress'),
    publicAddress: addressOf(item, 'ipAddress'),
  }));
}

/** Empty while the machine has none. Names beside it are no help: Nimbus has words for "none" there. */
function addressOf(item: XmlNode, name: string): string | undefined {
  const text = childText(item, name);
  return text === '' ? undefined : text;
}

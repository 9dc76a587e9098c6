/**
 * What every implementation of the namespace port must do, as tests: call it with a way to open an
 * empty namespace. The cases ask the port only, never an implementation's tables.
 */
import { describe } from 'node:test';
import { bucketsContract, usersContract } from './buckets-and-users.ts';
import { listingsContract } from './listings.ts';
import { propertiesContract } from './properties.ts';
import { quotasContract } from './quotas.ts';
import type { OpenSubject } from './subject.ts';
import { uploadsContract } from './uploads.ts';
import { versionsContract } from './versions.ts';

export type { OpenSubject, Subject } from './subject.ts';

export interface ContractOptions {
  /** Random histories per property: fewer where opening and committing is dear. */
  readonly propertyRuns?: number;
}

export function namespaceContract(
  name: string,
  open: OpenSubject,
  { propertyRuns = 250 }: ContractOptions = {},
): void {
  describe(`namespace contract: ${name}`, () => {
    describe('buckets', () => bucketsContract(open));
    describe('users', () => usersContract(open));
    describe('versions', () => versionsContract(open));
    describe('listings', () => listingsContract(open));
    describe('uploads', () => uploadsContract(open));
    describe('quotas', () => quotasContract(open, propertyRuns));
    describe('properties', () => propertiesContract(open, propertyRuns));
  });
}

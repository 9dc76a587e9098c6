/** Descriptions that tests generate from. */
import { type Description, readDescription } from '../description/description.ts';

/** Every role more than once where it may be, and the settings that clouds need. */
export const lab: Description = readDescription(`name: lab
roles:
  metadataProviders: { count: 2 }
  dataProviders: { count: 3, instanceType: m1.xlarge }
  gateways: { count: 2, workers: 2 }
space: { dataProvider: 100GiB, metadataProvider: 10GiB }
security: { plainNetworks: [ 10.1.0.0/16 ] }
image: blobseer-s3.gz
network: public
`);

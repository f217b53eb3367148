import type { ClusterReply, StateHashMessage, StateHashReply } from './messages.js';
import { writeText } from './replies.js';
import { codec, readText, readUint64, skipUnknown, type Reader, type Writer } from './wire.js';

function readEmpty(reader: Reader, end: number): Record<string, never> {
  while (reader.pos < end) skipUnknown(reader, reader.uint32());
  return {};
}

export const clusterRequest = codec<Record<string, never>>(() => {}, readEmpty);

function writeClusterReply(writer: Writer, reply: ClusterReply): void {
  writeText(writer, 10, reply.cluster);
  writeText(writer, 18, reply.node);
  writeText(writer, 26, reply.region);
  writeText(writer, 34, reply.version);
  writeText(writer, 42, reply.json);
}

function readClusterReply(reader: Reader, end: number): ClusterReply {
  let [cluster, node, region, version, json] = ['', '', '', '', ''];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) cluster = readText(reader);
    else if (tag === 18) node = readText(reader);
    else if (tag === 26) region = readText(reader);
    else if (tag === 34) version = readText(reader);
    else if (tag === 42) json = readText(reader);
    else skipUnknown(reader, tag);
  }
  return { cluster, node, region, version, json };
}

export const clusterResponse = codec(writeClusterReply, readClusterReply);

function writeStateHashRequest(writer: Writer, { keyspace }: StateHashMessage): void {
  writeText(writer, 10, keyspace);
}

function readStateHashRequest(reader: Reader, end: number): StateHashMessage {
  let keyspace = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) keyspace = readText(reader);
    else skipUnknown(reader, tag);
  }
  return { keyspace };
}

export const stateHashRequest = codec(writeStateHashRequest, readStateHashRequest);

function writeStateHashReply(writer: Writer, { hash, keys, gtid }: StateHashReply): void {
  writeText(writer, 10, hash);
  if (keys !== 0) writer.uint32(16).uint64(keys);
  writeText(writer, 26, gtid);
}

function readStateHashReply(reader: Reader, end: number): StateHashReply {
  let [hash, gtid] = ['', ''];
  let keys = 0;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 10) hash = readText(reader);
    else if (tag === 16) keys = readUint64(reader, 'keys');
    else if (tag === 26) gtid = readText(reader);
    else skipUnknown(reader, tag);
  }
  return { hash, keys, gtid };
}

export const stateHashResponse = codec(writeStateHashReply, readStateHashReply);

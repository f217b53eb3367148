import type { ChannelOptions, ServerOptions } from '@grpc/grpc-js';
import type { StreamLimits } from '../send-queue.js';

const mib = 1024 * 1024;

export interface Keepalive {
  /** Between two pings. ms */
  readonly pingEveryMs: number;
  /** For the answer to a ping; then the connection is dropped and its streams close. ms */
  readonly answerWithinMs: number;
}

/**
 * Both sides ping every 2 s and give an answer 3 s, so a peer that is dead, cut off or stopped is noticed within 5 s: a
 * stopped process still acknowledges TCP, only the HTTP/2 ping tells. 3 s hold 15 of the longest round trips (190 ms),
 * and the pings cost 2 × 17 bytes per connection.
 * HAZARD: a ping queues behind what the socket holds; a link slower than some 5 MiB/s under full load may fail it.
 */
export const defaultKeepalive: Keepalive = { pingEveryMs: 2000, answerWithinMs: 3000 };

function bothSides(limits: StreamLimits, keepalive: Keepalive): ChannelOptions {
  return {
    'grpc.keepalive_time_ms': keepalive.pingEveryMs,
    'grpc.keepalive_timeout_ms': keepalive.answerWithinMs,
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': limits.messageBytesMax,
    'grpc.max_send_message_length': limits.messageBytesMax,
  };
}

/** Of the opening side, the gRPC client. */
export function channelOptions(limits: StreamLimits, keepalive: Keepalive): ChannelOptions {
  return {
    ...bothSides(limits, keepalive),
    // What the opener can receive per round trip: bulk flows to it (ADR 0003). Measured: 40 MiB/s at 190 ms.
    'grpc-node.flow_control_window': 16 * mib,
    // One connection per channel: else all channels to a peer would share one, and entries delay certification.
    'grpc.use_local_subchannel_pool': 1,
    // A retry inside of the transport would be a resubmission that nobody knows of.
    'grpc.enable_retries': 0,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    'grpc.dns_min_time_between_resolutions_ms': 1000,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_http_proxy': 0,
  };
}

/** Of the accepting side. Its receive window stays at HTTP/2's 64 KiB: grpc-js has no setting for it. */
export function serverOptions(limits: StreamLimits, keepalive: Keepalive): ServerOptions {
  return bothSides(limits, keepalive);
}

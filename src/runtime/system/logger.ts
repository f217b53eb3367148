import { pino, stdSerializers, stdTimeFunctions, type DestinationStream, type Logger as Pino } from 'pino';
import type { LogFields, Logger } from '../runtime.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface SystemLoggerOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** In every line. */
  readonly fields?: LogFields;
  /** Where lines go; default stderr, so that stdout stays free for what a program has to say. */
  readonly destination?: DestinationStream;
}

const stderr = 2;

/** One JSON object per line. Lines are written synchronously: the last one before a crash is there. Errors under `error` or `err` keep their stack. */
export function createSystemLogger(options: SystemLoggerOptions = {}): Logger {
  const { level = 'info', fields = {}, destination } = options;
  const settings = {
    level,
    base: fields,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: stdSerializers.err, err: stdSerializers.err },
  };
  return wrap(pino(settings, destination ?? pino.destination({ dest: stderr, sync: true })));
}

function wrap(logger: Pino): Logger {
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}

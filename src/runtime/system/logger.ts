import { pino, stdSerializers, stdTimeFunctions, type DestinationStream, type Logger as Pino } from 'pino';
import { PinoPretty } from 'pino-pretty';
import type { LogFields, Logger } from '../runtime.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFormat = 'json' | 'pretty';

export interface SystemLoggerOptions {
  /** Default `info`. */
  readonly level?: LogLevel;
  /** One JSON object per line (the default), or lines for people. */
  readonly format?: LogFormat;
  /** In every line. */
  readonly fields?: LogFields;
  /** Where lines go; default stderr, so that stdout stays free for what a program has to say. */
  readonly destination?: DestinationStream;
}

const stderr = 2;

/** Lines are written synchronously: the last one before a crash is there. Errors under `error` or `err` keep their stack. */
export function createSystemLogger(options: SystemLoggerOptions = {}): Logger {
  const { level = 'info', format = 'json', fields = {}, destination } = options;
  const settings = {
    level,
    base: fields,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: stdSerializers.err, err: stdSerializers.err },
  };
  return wrap(pino(settings, open(format, destination)));
}

function open(format: LogFormat, destination: DestinationStream | undefined): DestinationStream {
  if (format === 'json') return destination ?? pino.destination({ dest: stderr, sync: true });
  const layout = { ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', singleLine: true, sync: true };
  const target = destination === undefined ? stderr : (destination as NodeJS.WritableStream);
  return PinoPretty({ ...layout, destination: target });
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

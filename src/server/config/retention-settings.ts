import type { Static } from 'typebox';
import { defaultRetention, type Retention } from '../../model/retention.js';
import type { clusterSchema } from './schema.js';
import type { SettingPath } from './yaml-file.js';

const mib = 1024 * 1024;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const everyMinutesDefault = 60;
/** A check reads the whole state at every node. */
const everyMinutesMin = 0.1;

type Add = (path: SettingPath, message: string) => void;
type Content = Static<typeof clusterSchema>;

/** What the file leaves out has its default, as far as what it says leaves room for that. */
export function readRetention({ retention: given = {} }: Content, add: Add): Retention {
  const kept = defaultRetention;
  const entriesBytesMax = bytes(given.entriesMiB) ?? kept.entriesBytesMax;
  const outcomesMsMax = hours(given.outcomesHours) ?? kept.outcomesMsMax;
  const retention = {
    entriesBytesMin: bytes(given.entriesMiBMin) ?? Math.min(kept.entriesBytesMin, entriesBytesMax),
    entriesBytesMax,
    entriesMsMax: hours(given.entriesHours) ?? kept.entriesMsMax,
    outcomesBytesMax: bytes(given.outcomesMiB) ?? kept.outcomesBytesMax,
    outcomesMsMin: minutes(given.outcomesMinutesMin) ?? Math.min(kept.outcomesMsMin, outcomesMsMax),
    outcomesMsMax,
  };
  if (retention.entriesBytesMin > entriesBytesMax)
    add(
      ['retention', 'entriesMiBMin'],
      `${given.entriesMiBMin} is above entriesMiB, which is ${entriesBytesMax / mib}`,
    );
  if (retention.outcomesMsMin > outcomesMsMax)
    add(
      ['retention', 'outcomesMinutesMin'],
      `${given.outcomesMinutesMin} is longer than outcomesHours, which is ${outcomesMsMax / hourMs}`,
    );
  return retention;
}

/** ms between two consistency checks; 0: none but on demand. */
export function readChecks({ checks = {} }: Content, add: Add): number {
  const { everyMinutes = everyMinutesDefault } = checks;
  if (everyMinutes > 0 && everyMinutes < everyMinutesMin)
    add(['checks', 'everyMinutes'], `must be 0 (never) or ${everyMinutesMin} and more, not ${everyMinutes}`);
  return Math.round(everyMinutes * minuteMs);
}

function bytes(mebibytes: number | undefined): number | undefined {
  return mebibytes === undefined ? undefined : Math.round(mebibytes * mib);
}

function minutes(count: number | undefined): number | undefined {
  return count === undefined ? undefined : Math.round(count * minuteMs);
}

function hours(count: number | undefined): number | undefined {
  return count === undefined ? undefined : Math.round(count * hourMs);
}

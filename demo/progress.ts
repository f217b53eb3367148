import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  /** Sets what is done, and what stands behind it. */
  show(done: number, note?: string): void;
  end(): void;
}

const linePeriodMs = 3000;

/** A bar on a terminal; else a line every few seconds. */
export function showProgress(stream: NodeJS.WriteStream, label: string, total: number): Progress {
  return stream.isTTY ? bar(stream, label, total) : lines(stream, label, total);
}

function bar(stream: NodeJS.WriteStream, label: string, total: number): Progress {
  const format = `${label.padEnd(9)} {bar} {percentage}%  {value}/{total}  {note}`;
  const single = new SingleBar({ stream, format, hideCursor: true, barsize: 30 }, Presets.rect);
  single.start(total, 0, { note: '' });
  return {
    show: (done, note = '') => single.update(done, { note }),
    end: () => single.stop(),
  };
}

function lines(stream: NodeJS.WriteStream, label: string, total: number): Progress {
  let last = { done: 0, note: '' };
  const write = (): void => {
    const percent = total === 0 ? 100 : Math.floor((100 * last.done) / total);
    stream.write(`${label.padEnd(9)} ${percent}%  ${last.done}/${total}  ${last.note}`.trimEnd() + '\n');
  };
  const timer = setInterval(write, linePeriodMs);
  return {
    show: (done, note = '') => void (last = { done, note }),
    end: () => {
      clearInterval(timer);
      write();
    },
  };
}
